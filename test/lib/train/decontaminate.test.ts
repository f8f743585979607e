// Evaluation text among training rows: left out before the run, kept with both texts, and only reported where that is wanted.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packRunPrints, printRuns, RunPrints } from '../../../lib/curate/run-prints.js';
import { readSeal, sealRows } from '../../../lib/eval/sealed.js';
import { decontaminateRows, evaluationSets } from '../../../lib/train/decontaminate.js';
import { checkConfig } from '../../../lib/train/config/parse.js';
import type { Rows } from '../../../lib/train/rows.js';
import { EMPTY_REPORT } from '../../../lib/text/encoded-set.js';

const folder = mkdtempSync(join(tmpdir(), 'decontaminate-'));
afterAll(() => rmSync(folder, { recursive: true }));

const QUESTION = 'Natalia sold clips to many of her friends in April, and then she sold half as many clips in May.';
const evaluation = join(folder, 'test.jsonl');
writeFileSync(evaluation, `${JSON.stringify({ prompt: QUESTION, completion: '72' })}\n${JSON.stringify({ prompt: 'Short?', completion: 'Yes' })}\n`);

/** Texts as rows whose tokens are character codes. */
function rowsOf(texts: readonly string[]): Rows {
  const get = (row: number) => {
    const tokens = Int32Array.from(texts[row]!, (c) => c.charCodeAt(0));
    return { tokens, labels: tokens, row };
  };
  return {
    set: { length: texts.length, lengthOf: (row) => texts[row]!.length, get },
    parts: [{ name: 'a', begin: 0, end: 2 } as Rows['parts'][number], { name: 'b', begin: 2, end: texts.length } as Rows['parts'][number]],
    key: 'key', report: EMPTY_REPORT, warnings: [], close: () => undefined,
  };
}

const texts = ['something of my own', `Q: ${QUESTION.toUpperCase()} A: 72`, 'another one', `${QUESTION} Again.`, 'the last'];
const options = {
  against: [evaluation], mode: '13-gram', action: 'remove', decode: (tokens: Int32Array) => String.fromCharCode(...tokens),
} as const;

test('validation and test rows are evaluation sets without being named again; a sealed file is none that can be read', () => {
  const sets = (data: object) => evaluationSets(checkConfig({ model: 'm', output: 'o', data: { train: 'train.jsonl', ...data } }));
  expect(sets({})).toEqual([]);
  expect(sets({ valid: 'valid.jsonl', test: 'test.jsonl', fields: { prompt: 'question' } }))
    .toEqual([{ files: ['valid.jsonl', 'test.jsonl'], reading: { format: 'auto', fields: { prompt: 'question' } } }]);
  expect(sets({ test: 'test.sealed', decontaminate: { against: 'gsm8k.jsonl' } })).toEqual(['gsm8k.jsonl']);
});

test('rows with evaluation text are left out, and lie in a file with both texts', async () => {
  const file = join(folder, 'contaminated.jsonl');
  const { rows, found, message } = await decontaminateRows(rowsOf(texts), { ...options, file });
  expect(found).toBe(2);
  expect(Array.from({ length: rows.set.length }, (_, at) => rows.set.get(at).row)).toEqual([0, 2, 4]);
  expect(rows.parts.map(({ begin, end }) => [begin, end])).toEqual([[0, 1], [1, 3]]);
  expect(rows.key).not.toBe('key');
  expect(message).toMatch(/2 of 5 training rows hold text of 2 evaluation rows .*1 of them too short.* left out/);
  const kept = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(kept).toMatchObject([{ row: 1, evaluationRow: 1, evaluation: QUESTION, training: texts[1], set: evaluation }, { row: 3 }]);
});

test('reported only', async () => {
  const { rows, found, message } = await decontaminateRows(rowsOf(texts), { ...options, action: 'report', file: join(folder, 'b.jsonl') });
  expect([rows.set.length, found]).toEqual([5, 2]);
  expect(message).toContain('learned all the same');
});

test('nothing to find', async () => {
  const before = rowsOf(['a', 'b', 'c']);
  expect(await decontaminateRows(before, { ...options, file: join(folder, 'none.jsonl') })).toMatchObject({ rows: before, found: 0 });
});

test('rows with text of a sealed test set are found by its fingerprints alone', async () => {
  const test = join(folder, 'test.sealed');
  await sealRows(evaluation, { output: test, printRuns });
  const { runs, salt } = await readSeal(test);
  const prints = new RunPrints(runs, salt);
  expect(texts.map((text) => prints.holds(text))).toEqual([false, true, false, true, false]);
  expect(prints.holds(QUESTION.split(' ').slice(0, 13).join(' '))).toBe(true);
  expect(prints.holds(QUESTION.split(' ').slice(0, 12).join(' '))).toBe(false);
  const file = join(folder, 'sealed.jsonl');
  const { rows, found, message } = await decontaminateRows(rowsOf(texts), { ...options, against: [], sealed: { file: test, prints }, file });
  expect([rows.set.length, found]).toEqual([3, 2]);
  expect(message).toMatch(/2 of 5 training rows hold text of evaluation rows of .*test\.sealed \(sealed/);
  expect(readFileSync(file, 'utf8')).toContain(`"set":${JSON.stringify(test)},"row":1,"training"`);
});

test('what many training rows say proves nothing for a sealed set either', () => {
  const system = 'You are a careful assistant who thinks step by step and then writes the answer on a line of its own.';
  const prints = new RunPrints(packRunPrints([`${system} ${QUESTION}`], 'salt'), 'salt');
  const training = Array.from({ length: 40 }, (_, row) => `${system} Natalia sold ${row} cakes.`);
  expect(prints.holds(training[0]!)).toBe(true);
  prints.learnCommon(training);
  expect([prints.holds(training[0]!), prints.holds(`${system} ${QUESTION}`), prints.holds(`So: ${QUESTION}`)]).toEqual([false, true, true]);
});

test('when nothing is left, that is said', async () => {
  await expect(decontaminateRows(rowsOf([texts[1]!, texts[3]!]), { ...options, file: join(folder, 'all.jsonl') })).rejects.toThrow(/2 of 2 training rows.*none is left to learn/);
});
