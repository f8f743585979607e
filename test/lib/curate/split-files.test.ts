// Splits of files: nothing that belongs together straddles, files hold every row once, an earlier split is kept, and
// mistakes are named.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { main } from '../../../lib/cli/program.js';
import { nearDuplicateClusters } from '../../../lib/curate/near-duplicates.js';
import { splitFiles } from '../../../lib/curate/split-files.js';
import type { SplitFilesOptions } from '../../../lib/curate/split-files.js';
import { openSource } from '../../../lib/data/source.js';
import { randomBelow } from './split-random.js';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'whetstone-split-')); });
afterEach(() => rmSync(folder, { recursive: true }));

const WORDS = 'river stone morning copper lantern garden winter ladder harbour silver thread window candle forest market bridge violet engine paper mountain'.split(' ');

/** Questions of users in conversations; every fourth row is a near copy of an earlier one by somebody else. */
function makeRows(count: number, seed = 1): Record<string, unknown>[] {
  const below = randomBelow(seed);
  const rows: Record<string, unknown>[] = [];
  for (let i = 0; i < count; i++) {
    const fresh = Array.from({ length: 400 }, () => WORDS[below(WORDS.length)]!).join(' ');
    const copied = i % 4 === 3 ? String(rows[below(rows.length)]!['completion']).replace('river', 'lake') : fresh;
    rows.push({
      prompt: `question number ${i} about ${WORDS[below(20)]!} and ${WORDS[below(20)]!} things`, completion: copied,
      user_id: `u${below(count / 3)}`, label: i % 3 === 0 ? 'rare' : 'usual', serial: i,
    });
  }
  return rows;
}

function write(name: string, rows: readonly object[]): string {
  const file = join(folder, name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

function read(out: string, part: string): Record<string, unknown>[] {
  return readFileSync(join(folder, out, `${part}.jsonl`), 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
}

const near: Pick<SplitFilesOptions, 'near' | 'nearName'> = { near: (texts) => nearDuplicateClusters(texts), nearName: 'datatrove' };
const SHARES = { validation: 0.2, test: 0.2 };

async function split(file: string, out: string, options: Partial<SplitFilesOptions> = {}) {
  return splitFiles(await openSource(file), join(folder, out), { ...SHARES, ...options });
}

test('users and near copies stay together; every row is written once, in its order', async () => {
  const rows = makeRows(400);
  const record = await split(write('rows.jsonl', rows), 'out', { ...near, stratify: ['label'] });
  const parts = ['train', 'validation', 'test'].map((part) => read('out', part));
  expect(parts.flat().map((row) => row['serial']).sort((a, b) => Number(a) - Number(b))).toEqual(rows.map((_, i) => i));
  for (const part of parts) expect(part.map((row) => Number(row['serial']))).toEqual(part.map((row) => Number(row['serial'])).sort((a, b) => a - b));
  expect(parts.every((part) => part.length > 0)).toBe(true);
  const words = (row: Record<string, unknown>): string[] => String(row['completion']).replaceAll('lake', 'river').split(' ');
  for (let a = 0; a < 3; a++) {
    for (let b = 0; b < a; b++) {
      const users = new Set(parts[a]!.map((row) => row['user_id']));
      expect(parts[b]!.filter((row) => users.has(row['user_id']))).toEqual([]);
      const texts = new Set(parts[a]!.map((row) => words(row).join(' ')));
      expect(parts[b]!.filter((row) => texts.has(words(row).join(' ')))).toEqual([]);
    }
  }
  expect(record.groupedBy).toEqual(['user_id']);
  expect(record.strata.map(({ name, rows: count }) => [name, count])).toEqual([['label rare', 134], ['label usual', 266]]);
  expect(record.files.test).toMatchObject({ file: 'test.jsonl', rows: parts[2]!.length });
  expect(JSON.parse(readFileSync(join(folder, 'out', 'split.json'), 'utf8'))).toEqual(record);
  expect(readdirSync(join(folder, 'out')).sort()).toEqual(['split.json', 'split.keys', 'test.jsonl', 'train.jsonl', 'validation.jsonl']);
});

test('the same rows give the same files, byte for byte; more rows move none when the earlier split is named', async () => {
  const rows = makeRows(300);
  await split(write('old.jsonl', rows.slice(0, 200)), 'old', near);
  await split(join(folder, 'old.jsonl'), 'again', near);
  for (const name of readdirSync(join(folder, 'old'))) {
    expect(readFileSync(join(folder, 'again', name)).equals(readFileSync(join(folder, 'old', name)))).toBe(true);
  }
  const record = await split(write('all.jsonl', rows), 'all', { ...near, previous: join(folder, 'old') });
  const partOf = (out: string): Map<unknown, string> =>
    new Map(['train', 'validation', 'test'].flatMap((part) => read(out, part).map((row) => [row['serial'], part] as const)));
  const [was, is] = [partOf('old'), partOf('all')];
  for (const [serial, part] of was) expect(is.get(serial)).toBe(part);
  expect(record.kept).toBeGreaterThanOrEqual(200);
  const lines = record.parts.aside.rows;
  expect(is.size + lines).toBe(300);
  expect(lines === 0).toBe(!existsSync(join(folder, 'all', 'aside.jsonl')));
});

test('equal prompts with different answers stay together, unless that is not wanted', async () => {
  const rows = Array.from({ length: 120 }, (_, i) => ({ prompt: `what would you say to question number ${i % 40}?`, completion: `answer ${i}` }));
  const file = write('rows.jsonl', rows);
  expect((await split(file, 'a')).groups).toBe(40);
  expect((await split(file, 'b', { prompts: false })).groups).toBe(120);
});

test('strata by length, source and a nested field; exact shares', async () => {
  const rows = Array.from({ length: 200 }, (_, i) => ({ text: `${i} ${'x'.repeat(i % 2 === 0 ? 10 : 60)}`, meta: { topic: i % 5 === 0 ? 'a' : 'b' } }));
  const record = await split(write('rows.jsonl', rows), 'out', { stratify: ['length', 'source', 'meta.topic', 'language'], exact: true });
  expect(record.strata.map(({ name, parts }) => [name, parts])).toEqual([
    ['length 0–16, source rows.jsonl, meta.topic a, language unknown', [12, 4, 4, 0]],
    ['length 0–16, source rows.jsonl, meta.topic b, language unknown', [48, 16, 16, 0]],
    ['length 33–64, source rows.jsonl, meta.topic a, language unknown', [12, 4, 4, 0]],
    ['length 33–64, source rows.jsonl, meta.topic b, language unknown', [48, 16, 16, 0]],
  ]);
  expect(record.warnings).toEqual([]);
});

test('one group that is too large, and parts that stay empty, are said', async () => {
  const rows = Array.from({ length: 30 }, (_, i) => ({ text: `row ${i}`, user_id: i < 20 ? 'same' : `u${i}` }));
  const { warnings } = await split(write('rows.jsonl', rows), 'out', { validation: 0.0001, test: 0.1 });
  expect(warnings[0]).toMatch(/One group holds 20 of 30 rows/);
  expect(warnings[1]).toMatch(/No row went to validation: 11 groups are too few for a share of 0.0001/);
});

test('mistakes are named', async () => {
  const file = write('rows.jsonl', [{ text: 'a', user: { id: 1 } }, { text: 'b' }]);
  await expect(split(file, 'out', { group: ['nobody'] })).rejects.toThrow(/field "nobody": expected a field to group by, came no row that has it. The first row has text, user/);
  await expect(split(file, 'out', { group: ['user'] })).rejects.toThrow(/row 1, field "user": expected text, a number or true\/false to group by, came an object with id.*such as user.id/);
  expect((await split(file, 'out', { group: ['user.id'] })).groupedBy).toEqual(['user.id']);
  await expect(split(file, 'out', { previous: join(folder, 'nothing') })).rejects.toThrow(/expected the keys of an earlier split, came nothing/);
  writeFileSync(join(folder, 'out', 'split.keys'), 'whetstone split keys 1\nxx');
  await expect(split(file, 'new', { previous: join(folder, 'out') })).rejects.toThrow(/that is none, or is cut/);
  const again = write('train.jsonl', [{ text: 'a' }]);
  await expect(splitFiles(await openSource(again), folder, SHARES)).rejects.toThrow(/this file is read and would be overwritten/);
  expect(readFileSync(again, 'utf8')).toBe('{"text":"a"}\n');
});

test('an aborted split leaves nothing behind', async () => {
  const stop = new AbortController();
  const file = write('rows.jsonl', makeRows(50));
  await expect(split(file, 'out', { signal: stop.signal, onProgress: (stage) => { if (stage === 'write') stop.abort(); } })).rejects.toThrow();
  expect(existsSync(join(folder, 'out')) ? readdirSync(join(folder, 'out')) : []).toEqual([]);
});

test('the command says the same as JSON', async () => {
  const text = { out: '', err: '' };
  const streams = {
    stdout: { write: (part: string) => { text.out += part; } }, stderr: { write: (part: string) => { text.err += part; } },
    stdin: new PassThrough() as NodeJS.ReadableStream & { isTTY?: boolean }, env: {},
  };
  const file = write('rows.jsonl', makeRows(60).map(({ prompt, completion }) => ({ question: prompt, answer: completion })));
  const code = await main(['data', 'split', file, '--out', join(folder, 'out'), '--fields', 'prompt=question,completion=answer', '--validation', '0.2', '--json'], streams);
  expect([code, text.err]).toEqual([0, '']);
  const result = JSON.parse(text.out) as { rows: number; parts: Record<string, { rows: number }> };
  expect(result.rows).toBe(60);
  expect(result.parts['validation']!.rows).toBe(read('out', 'validation').length);
});
