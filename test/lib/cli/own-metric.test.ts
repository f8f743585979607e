// Metrics of the user's own, TypeScript functions in a module: in a task from the command line, in the validations of a
// run, and what is said when one throws or gives no number.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportOf, ownNumber } from '../../../lib/eval/own-functions.js';
import { root, whetstone } from '../../e2e/support.js';

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'whetstone-own-'));
  writeFileSync(at('lengths.mjs'), 'export const words = (text) => text.trim().split(/\\s+/).length;\n');
  writeFileSync(at('utils.ts'), `import { words } from './lengths.mjs';
type Row = { readonly question: string; readonly keep: boolean };
export const keep = (rows: readonly Row[]): Row[] => rows.filter((row: Row) => row.keep);
export const closeness = (answer: string, target: string, row: Row): number => (row.question.length > 0 ? 1 : 0) / (1 + Math.abs(words(answer) - words(target)));
export const longest = { score: (answer: string): number => words(answer), aggregate: (scores: readonly number[]): number => Math.max(...scores) };
export const fussy = (answer: string, target: string): number => { throw new TypeError('no ' + target); };
let asked = 0;
export const rare = { better: 'smaller', score: (said: string): number => (asked++ < 3 ? words(said) : 0 / 0) };
`);
  writeFileSync(at('rows.jsonl'), ['one', 'two', 'three'].map((word, i) => `${JSON.stringify({ question: `Say ${word}`, answer: `It is ${word}.`, keep: i !== 1 })}\n`).join(''));
  const task = (metrics: string): string => `task: own\ndataset_path: json\ndataset_kwargs: {data_files: {test: ${at('rows.jsonl')}}}\ntest_split: test\nprocess_docs: !function utils.keep\n` +
    `doc_to_text: question\ndoc_to_target: answer\ngeneration_kwargs: {until: ["\\n"], max_gen_toks: 6}\nmetric_list: [${metrics}]\n`;
  writeFileSync(at('task.yaml'), task('{metric: !function utils.closeness}, {metric: !function utils.longest}'));
  writeFileSync(at('fussy.yaml'), task('{metric: !function utils.fussy}'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const evaluate = (task: string) => whetstone(folder, 'eval', '--model', join(root, 'models/pebble'), '--task', at(task), '--samples', at('samples'), '--device', 'cpu', '--threads', '1', '--json').done;

test('a task: scores, intervals, and an error that names the metric and the row', async () => {
  const [good, bad] = await Promise.all([evaluate('task.yaml'), evaluate('fussy.yaml')]);
  expect([good.code, good.err]).toEqual([0, '']);
  const { rows, scores } = (JSON.parse(good.out) as { tasks: { rows: number; scores: { metric: string; value: number; stderr: number; interval: [number, number] }[] }[] }).tasks[0]!;
  const said = readFileSync(at('samples/own.jsonl'), 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { answers: string[] }).answers[0]!);
  expect([rows, said.length]).toEqual([2, 2]);
  const words = said.map((text) => text.trim().split(/\s+/).length);
  expect(scores.map(({ metric }) => metric)).toEqual(['utils.closeness', 'utils.longest']);
  expect(scores[0]!.value).toBeCloseTo((1 / (1 + Math.abs(words[0]! - 3)) + 1 / (1 + Math.abs(words[1]! - 3))) / 2, 12);
  expect(scores[1]!.value).toBe(Math.max(...words));
  for (const { value, interval } of scores) expect([interval[0] <= value, interval[1] >= value]).toEqual([true, true]);
  expect(bad.code).toBe(3);
  expect(bad.err).toMatch(/fussy\.yaml, row 1: the metric "utils\.fussy" threw TypeError: no It is one\.\. Correct the function/);
}, 60_000);

test('a run: the metric stands in its validations, and a value that is no number ends it with the row', async () => {
  const rows = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `${JSON.stringify({ prompt: `Letter ${letter}:`, completion: ` ${letter}${letter}` })}\n`).join('');
  writeFileSync(at('train.jsonl'), rows);
  writeFileSync(at('valid.jsonl'), rows);
  writeFileSync(at('run.yaml'), JSON.stringify({
    model: join(root, 'models/pebble'), data: { train: at('train.jsonl'), valid: at('valid.jsonl') }, lora: { r: 2 }, train: { steps: 2, batchTokens: 128, validEvery: 1, earlyStopping: { metric: 'rare' } },
    generate: { rows: 3, maxNewTokens: 4, metrics: ['exactMatch', `${at('utils.ts')}#rare`] }, output: at('run'), device: 'cpu', threads: 1,
  }));
  const run = await whetstone(folder, 'train', at('run.yaml'), '--json').done;
  expect(run.code).toBe(3);
  expect(run.err).toMatch(/utils\.ts, row 1: the metric "rare" gave NaN, expected a finite number\. Correct the function/);
  const first = JSON.parse(readFileSync(at('run/metrics.jsonl'), 'utf8').split('\n').find((line) => line.includes('"validation"'))!) as { metrics: Record<string, { value: number }> };
  expect(first.metrics.rare!.value).toBeGreaterThan(0);
}, 60_000);

test('what else a function may do wrong is said', () => {
  const place = { file: 'm.ts', row: 3 };
  expect(ownNumber(() => true, 'f', place)).toBe(1);
  expect(() => ownNumber(() => 'x', 'f', place)).toThrow(/m\.ts, row 3: f gave .*"x".*expected a finite number\. /);
  expect(() => ownNumber(() => Promise.resolve(1), 'f', place)).toThrow(/It must not be async/);
  expect(() => ownNumber(() => Infinity, 'f', place)).toThrow(/gave Infinity/);
  expect(() => exportOf({ a: 1, b: 2 }, 'c', 'm.ts')).toThrow(expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/expected an export "c", came "a", "b"/) }));
});
