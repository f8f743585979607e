// The sealed test set: what can be read without opening it, that every opening is recorded first, that tampering shows,
// and that nothing that trains can open it.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSource } from '../../../lib/data/source.js';
import { openSealed } from '../../../lib/eval/sealed-open.js';
import { checkLedger, digestOf, ledgerFileOf, readSeal, sealRows, sharedRows } from '../../../lib/eval/sealed.js';
import { LEDGER_COPY, ledgerText, mergeLedgers, readLedger } from '../../../lib/track/ledger.js';
import { read, repositoryFiles } from '../../structure/files.js';

let folder: string;
let plain: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-sealed-'));
  plain = join(folder, 'test.jsonl');
  writeFileSync(plain, Array.from({ length: 30 }, (_, i) => `${JSON.stringify({ prompt: `What is secret ${i}?`, completion: `Answer ${i}` })}\n`).join(''));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const seal = () => sealRows(plain, { output: join(folder, 'test.sealed') });
const look = (what: Record<string, unknown> = {}, copies: string[] = []) => openSealed(join(folder, 'test.sealed'), { what, copies });
const state = async () => {
  const file = join(folder, 'test.sealed');
  return checkLedger(file, await readSeal(file));
};

test('outside there is a count and fingerprints, no text', async () => {
  const { header, file, key } = await seal();
  expect(header).toMatchObject({ rows: 30, openings: 0 });
  expect(readFileSync(file).includes('secret')).toBe(false);
  expect(readFileSync(file).includes('Answer')).toBe(false);
  expect(await digestOf(plain)).toBe(header.digest);
  expect(readFileSync(key, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  await expect(seal()).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringContaining('never replaced') });
  await expect(openSource(file)).rejects.toMatchObject({ code: 'ERR_DATA' });
});

test('every opening is counted, in the file and in the ledger, with what came of it', async () => {
  await seal();
  const first = await look({ adapter: 'a' });
  expect([first.opening, first.rows.length, first.rows[3]]).toEqual([1, 30, { prompt: 'What is secret 3?', completion: 'Answer 3' }]);
  await first.record({ loss: 1.5 });
  const second = await look({ adapter: 'b' });
  expect([second.opening, second.problems]).toEqual([2, []]);
  const { entries, problems } = await readLedger(ledgerFileOf(join(folder, 'test.sealed')));
  expect(entries.map(({ type, what }) => [type, what['opening'], what['adapter'] ?? what['loss']])).toEqual(
    [['sealed', undefined, undefined], ['opened', 1, 'a'], ['result', 1, 1.5], ['opened', 2, 'b']]);
  expect(problems).toEqual([]);
  expect(await state()).toMatchObject({ openings: 2, problems: [] });
});

test('a wrong key or a changed file opens nothing and is no opening', async () => {
  const { file, key } = await seal();
  await sealRows(plain, { output: join(folder, 'other.sealed') });
  await expect(openSealed(file, { what: {}, key: join(folder, 'other.sealed.key') })).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringContaining('key is another one') });
  const bytes = readFileSync(file);
  bytes[bytes.length - 30]! ^= 1;
  writeFileSync(file, bytes);
  await expect(openSealed(file, { what: {}, key })).rejects.toMatchObject({ code: 'ERR_DATA' });
  expect((await state()).openings).toBe(0);
  await expect(openSealed(plain, { what: {} })).rejects.toMatchObject({ message: expect.stringContaining('whetstone data seal') });
});

test('the count of openings in the header cannot be turned back', async () => {
  const { file } = await seal();
  await look();
  const [line, rest] = split(readFileSync(file));
  writeFileSync(file, Buffer.concat([Buffer.from(`${JSON.stringify({ ...JSON.parse(line) as object, openings: 0 })}\n`), rest]));
  await expect(look()).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringContaining('was changed') });
});

function split(bytes: Buffer): [string, Buffer] {
  const end = bytes.indexOf(10);
  return [bytes.subarray(0, end).toString(), bytes.subarray(end + 1)];
}

test.each([
  ['an entry is changed', (text: string) => text.replace('"adapter":"a"', '"adapter":"z"'), /entry was changed/],
  ['an entry is removed', (text: string) => text.split('\n').filter((_, i) => i !== 1).join('\n'), /removed, added or moved/],
  ['the last entries are cut off', (text: string) => text.split('\n').slice(0, 2).join('\n'), /removed, cut or replaced/],
  ['the ledger is deleted', () => '', /removed, cut or replaced/],
])('%s: it shows, now and at every later opening', async (_, change, message) => {
  await seal();
  await (await look({ adapter: 'a' })).record({ loss: 1 });
  await look({ adapter: 'b' });
  const ledger = ledgerFileOf(join(folder, 'test.sealed'));
  writeFileSync(ledger, change(readFileSync(ledger, 'utf8')));
  expect((await state()).problems.join()).toMatch(message);
  const third = await look({ adapter: 'c' });
  expect(third.opening).toBe(3);
  expect(third.problems.join()).toMatch(message);
  expect((await look()).problems.join()).toMatch(message);
});

test('sealed file and ledger put back together from a copy: an adapter that carries a longer ledger tells', async () => {
  const { file, ledger } = await seal();
  for (const name of [file, ledger]) copyFileSync(name, `${name}.old`);
  const adapter = join(folder, LEDGER_COPY);
  writeFileSync(adapter, ledgerText(await (await look({ adapter: 'a' })).record({ loss: 1 })));
  for (const name of [file, ledger]) copyFileSync(`${name}.old`, name);
  expect((await state()).problems).toEqual([]);
  expect((await look({ adapter: 'a' }, [adapter])).problems.join()).toMatch(/has 1 openings, the ledger beside the sealed file 0: an earlier ledger was put back/);
});

test('ledgers of several test sets travel together, each with its longest chain', async () => {
  await seal();
  const first = await (await look()).record({});
  const other = (await sealRows(plain, { output: join(folder, 'other.sealed') })).ledger;
  const merged = mergeLedgers([first.slice(0, 2), (await readLedger(other)).entries, first]);
  expect(merged.map(({ type }) => type).sort()).toEqual(['opened', 'result', 'sealed', 'sealed']);
  const copy = join(folder, LEDGER_COPY);
  writeFileSync(copy, ledgerText(merged));
  expect((await readLedger(copy)).problems).toEqual([]);
});

test('rows that other data share are counted without opening, whatever the order of fields, spaces and case', async () => {
  const { header } = await seal();
  const train = join(folder, 'train.jsonl');
  writeFileSync(train, [
    { completion: 'answer 4', prompt: 'What is  secret 4?\n' }, { prompt: 'What is secret 5?', completion: 'Answer 5' },
    { prompt: 'What is secret 5?', completion: 'Answer 5' }, { prompt: 'What is secret 6?', completion: 'Answer 7' },
  ].map((row) => `${JSON.stringify(row)}\n`).join(''));
  expect(await sharedRows(header, train)).toBe(2);
});

test('only the final evaluation can open a sealed set, and nothing that trains can reach it', () => {
  const importers = (name: RegExp): string[] => repositoryFiles()
    .filter((file) => /^lib\/.*\.ts$/.test(file) && [...read(file).matchAll(/from '([^']+)'|import\('([^']+)'\)/g)].some(([, one, other]) => name.test(one ?? other ?? ''))).sort();
  expect(importers(/sealed-open\.js$/)).toEqual(['lib/train/final.ts']);
  expect(importers(/\/final\.js$/)).toEqual(['lib/cli/eval-final.ts', 'lib/index.ts']);
});
