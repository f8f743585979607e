// Cleaning whole files: every row is accounted for, undoing gives back every byte, an interrupted run goes on where it stopped.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { clean } from '../../../lib/curate/clean.js';
import type { RemovedRow } from '../../../lib/curate/clean.js';
import { curateConfig } from '../../../lib/curate/curate-config.js';
import { examine } from '../../../lib/curate/examine.js';
import { undoClean } from '../../../lib/curate/undo.js';

const folder = mkdtempSync(join(tmpdir(), 'curate-'));
afterAll(() => rmSync(folder, { recursive: true }));
let made = 0;
const out = (): string => join(folder, `out-${made++}`);

const row = (prompt: string, completion: string, extra: object = {}): string => JSON.stringify({ prompt, completion, ...extra });
const ANSWER = 'The library is in Main Street behind the old church, it opens at nine in the morning and closes at six in the evening, and on Sundays it stays closed for everybody.';

const LINES: readonly (readonly [Buffer | string, string, string])[] = [
  [row('Where is the library?', ANSWER, { big: 1 }), '\n', ''],
  [row('Where is the library?', ANSWER, { other: 2 }), '\n', 'exact-duplicates'],
  [row('Where is the library, please?', ANSWER.replace('morning', 'Morning').replace(/, /g, ' ')), '\r\n', 'near-duplicates'],
  ['', '\n', 'bad-rows'],
  ['{"prompt": "cut off', '\n', 'bad-rows'],
  [Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), '\n', 'bad-rows'],
  ['[1, 2]', '\n', 'bad-rows'],
  ['{"text": "another format"}', '\n', 'bad-rows'],
  [row('Tell me how.', "I'm sorry, but I can't help with that."), '\n', 'chat'],
  [row('Who am I?', 'You are anna.weber@web.de, born in 1980, and anna.weber@web.de again.').replace('"prompt"', '"id": 9007199254740993, "prompt"'), '\n', ''],
  [row('Solve.', 'Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May.'), '\n', 'decontamination'],
  ['  {"completion": "Short and good, with odd   spacing: \\u00e9.", "prompt": "Say something"  }', '', ''],
];
const CONTENT = Buffer.concat(LINES.flatMap(([line, end]) => [Buffer.from(line as string), Buffer.from(end)]));
const evaluation = join(folder, 'evaluation.jsonl');
writeFileSync(evaluation, `${JSON.stringify({ question: 'q', text: 'Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many?' })}\n`);

const config = curateConfig({ pii: {}, decontaminate: { against: [evaluation] }, keep: 'first' });
const removedIn = (path: string): RemovedRow[] => readFileSync(join(path, 'removed.jsonl'), 'utf8').trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as RemovedRow);

test('every row stays or goes with its reason, and undoing gives back the file', async () => {
  const file = join(folder, 'rows.jsonl');
  writeFileSync(file, Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), CONTENT]));
  const before = createHash('sha256').update(readFileSync(file)).digest('hex');
  const output = out();
  const report = await clean([file], config, { output });
  const removed = removedIn(output);
  expect(LINES.map((_, index) => removed.find((one) => one.index === index)?.step ?? '')).toEqual(LINES.map(([, , step]) => step));
  expect(report).toMatchObject({ rows: LINES.length, kept: 3, removed: 9, changed: 1, pseudonyms: { email: 1 } });
  expect(removed.find(({ step }) => step === 'exact-duplicates')!.of).toBe(0);
  expect(removed.find(({ step }) => step === 'near-duplicates')!.of).toBe(0);
  expect(removed.find(({ step }) => step === 'decontamination')!.detail).toMatchObject({ set: evaluation, row: 1, words: expect.any(Number) as number });
  const kept = readFileSync(join(output, 'clean.jsonl'), 'utf8').split('\n');
  expect(kept[1]).toBe(row('Who am I?', 'You are <EMAIL_1>, born in 1980, and <EMAIL_1> again.').replace('"prompt"', '"id": 9007199254740993, "prompt"'));
  expect(kept[2]).toBe(LINES[11]![0]);
  expect(createHash('sha256').update(readFileSync(file)).digest('hex')).toBe(before);
  const undone = await undoClean(output);
  expect(undone.files).toMatchObject([{ rows: LINES.length, identical: true }]);
  expect(readFileSync(undone.files[0]!.restored).equals(readFileSync(file))).toBe(true);
});

test('single steps can be undone', async () => {
  const file = join(folder, 'single.jsonl');
  writeFileSync(file, CONTENT);
  const output = out();
  await clean([file], config, { output });
  const undone = await undoClean(output, { steps: ['chat'], to: out() });
  expect(undone).toMatchObject({ putBack: 1, files: [{ rows: 4 }] });
  expect(readFileSync(undone.files[0]!.restored, 'utf8')).toContain("I can't help");
});

test('several files, compressed and not, and a CSV', async () => {
  const [plain, packed, csv] = [join(folder, 'a.jsonl'), join(folder, 'b.jsonl.gz'), join(folder, 'c.csv')];
  writeFileSync(plain, `${row('a', ANSWER)}\n${row('b', 'Something else that is long enough to be an answer of its own.')}`);
  writeFileSync(packed, gzipSync(`${row('a', ANSWER)}\n${row('c', 'A third answer, about cheese and wine and bread and olives.')}\n`));
  writeFileSync(csv, 'prompt,completion\nd,"A fourth one, about ships and sails and the wind of the sea"\na,"' + ANSWER + '"\n');
  const output = out();
  const report = await clean([plain, packed, csv], curateConfig({}), { output });
  expect(report).toMatchObject({ rows: 6, kept: 4, removed: 2 });
  const undone = await undoClean(output);
  expect(undone.files.map(({ identical, rows }) => [identical, rows])).toEqual([[true, 2], [true, 2], [true, 2]]);
  expect(readFileSync(undone.files[0]!.restored).equals(readFileSync(plain))).toBe(true);
});

test('a changed output is noticed when it is undone', async () => {
  const file = join(folder, 'tamper.jsonl');
  writeFileSync(file, CONTENT);
  const output = out();
  await clean([file], config, { output });
  const path = join(output, 'clean.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('library', 'museum'));
  await expect(undoClean(output)).rejects.toThrow('its hash differs');
  await expect(undoClean(folder)).rejects.toThrow('report.json');
});

test('goes on after an interruption, with the same result', async () => {
  const file = join(folder, 'many.jsonl');
  const words = 'stone river light window garden paper silver engine morning winter letter island copper forest'.split(' ');
  const text = (n: number): string => Array.from({ length: 30 }, (_, at) => words[(n * 7 + at * (n % 5 + 1) + Math.floor(n / 14)) % words.length] + String((n * at) % 9973)).join(' ');
  writeFileSync(file, Array.from({ length: 6000 }, (_, n) => row(`q${n}`, text(n % 4500))).join('\n'));
  const whole = out();
  const expected = await clean([file], curateConfig({ chat: false }), { output: whole });
  expect(expected.removed).toBeGreaterThan(1000);
  const output = out();
  mkdirSync(output);
  const controller = new AbortController();
  const clock = jest.spyOn(performance, 'now');
  let ticks = 0;
  clock.mockImplementation(() => (ticks += 20_000)); // every batch saves
  await expect(clean([file], curateConfig({ chat: false }), {
    output, signal: controller.signal, onProgress: (stage, done) => { if (stage === 'read' && done > 700_000) controller.abort(new Error('stop')); },
  })).rejects.toThrow('stop');
  clock.mockRestore();
  const again = await examine([file], curateConfig({ chat: false }), { state: join(output, '.state') });
  expect(again.resumedFrom).toBeGreaterThan(500);
  const report = await clean([file], curateConfig({ chat: false }), { output });
  expect({ ...report, config: 0 }).toEqual({ ...expected, config: 0 });
  expect(readFileSync(join(output, 'removed.jsonl')).equals(readFileSync(join(whole, 'removed.jsonl')))).toBe(true);
  expect(readFileSync(join(output, 'clean.jsonl')).equals(readFileSync(join(whole, 'clean.jsonl')))).toBe(true);
}, 60_000);

test('a folder that holds something is refused; so is a config with an unknown key', async () => {
  const file = join(folder, 'x.jsonl');
  writeFileSync(file, CONTENT);
  await expect(clean([file], config, { output: folder })).rejects.toThrow('expected an empty folder');
  expect(() => curateConfig({ quallity: ['c4'] })).toThrow('quallity');
});

test('the better of two near duplicates stays; a budget keeps the best', async () => {
  const file = join(folder, 'best.jsonl');
  const cut = row('Where?', ANSWER.slice(0, -12));
  writeFileSync(file, `${cut}\n${row('Where?', ANSWER)}\n${row('Short', 'No.')}\n`);
  const { decisions } = await examine([file], curateConfig({ chat: false, budget: { rows: 1 } }));
  expect([0, 1, 2].map((index) => decisions.reasonOf(index))).toEqual(['near-duplicates: same shingles', '', 'budget: does not fit']);
});

test('measures of what stays', async () => {
  const file = join(folder, 'measure.jsonl');
  writeFileSync(file, CONTENT);
  const { measures, evaluation: looked, examples } = await examine([file], config, { measure: true });
  expect(measures).toMatchObject({ rows: 5, pii: { email: 2 }, piiRows: 1 });
  expect(measures!.languages['en']).toBeGreaterThanOrEqual(3);
  expect(looked).toEqual({ rows: 1, tooShort: 0 });
  expect(examples.map(({ reason }) => reason)).toContain('bad-rows: unreadable');
});
