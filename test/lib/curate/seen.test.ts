// Evaluation rows that a model has seen: found in its training rows, with both texts, unless the run left those rows out.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contaminationIndex, evaluationRows } from '../../../lib/curate/contamination-index.js';
import { seenRows } from '../../../lib/curate/seen.js';
import { checkTask } from '../../../lib/eval/tasks/config.js';
import type { TaskModel } from '../../../lib/eval/tasks/model.js';
import { runTask } from '../../../lib/eval/tasks/run.js';
import { checkConfig } from '../../../lib/train/config/parse.js';
import { writeResolved } from '../../../lib/train/config/write.js';
import { learnedBy } from '../../../lib/train/learned.js';

const folder = mkdtempSync(join(tmpdir(), 'seen-'));
afterAll(() => rmSync(folder, { recursive: true }));

const question = (row: number): string => `In town number ${row} there live ${row + 3} bakers who each bake ${2 * row} loaves a day, how many are there in week ${row}?`;
const write = (name: string, rows: readonly number[]): string => {
  const file = join(folder, name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify({ prompt: question(row), completion: 'Many.' })}\n`).join(''));
  return file;
};
const training = write('train.jsonl', [10, 11, 12, 13, 14]);
const evaluation = write('eval.jsonl', [1, 12, 2, 14]);

test('rows that stand in training rows, by their index, each with both texts', async () => {
  const seen = await seenRows(evaluationRows({ files: [evaluation] }), [{ files: [training] }]);
  expect([...seen.keys()]).toEqual([1, 3]);
  expect(seen.get(1)).toMatchObject({ set: evaluation, row: 2, share: 1, evaluation: question(12), training: { file: training, row: 3, text: `${question(12)}\nMany.` } });
});

test('what the run left out was not seen', async () => {
  const known = await contaminationIndex([write('known.jsonl', [12])]);
  const leftOut = (text: string): boolean => known.check(text) !== undefined;
  const seen = await seenRows(evaluationRows({ files: [evaluation] }), [{ files: [training] }], { leftOut });
  expect([...seen.keys()]).toEqual([3]);
});

test('an adapter is asked by the configuration in its run\'s folder', async () => {
  const run = join(folder, 'run');
  mkdirSync(join(run, 'snapshots', 'late'), { recursive: true });
  mkdirSync(join(run, 'adapter'));
  writeFileSync(join(run, 'config.yaml'), writeResolved(checkConfig({ model: 'm', output: run, data: { train: training, valid: evaluation } })));
  for (const adapter of ['adapter', join('snapshots', 'late')]) {
    const { sets, leftOut } = (await learnedBy(join(run, adapter)))!;
    expect(sets).toEqual([{ files: [training], reading: { format: 'auto' } }]);
    expect([leftOut!(`Q: ${question(12)}`), leftOut!(question(11))]).toEqual([true, false]);
  }
  expect(await learnedBy(folder)).toBeUndefined();
});

test('a task has its scores once over all rows and once over those that were not seen', async () => {
  const right = new Set([question(1), question(12)]);
  const model: TaskModel = {
    id: 'half', logLikelihoods: () => Promise.reject(new Error('not asked')), rolling: () => Promise.reject(new Error('not asked')),
    generate: (requests) => Promise.resolve(requests.map(({ context }) => (right.has(context) ? 'Many.' : 'Few.'))),
  };
  const task = checkTask({ task: 'loaves', dataset_path: 'json', test_split: 'test', doc_to_text: 'prompt', doc_to_target: 'completion', metric_list: [{ metric: 'exact_match' }] }, 'loaves.yaml');
  const report = await runTask(task, model, { files: { test: evaluation }, findSeen: async (texts) => new Set(texts.flatMap((text, row) => (text === question(12) || text === question(14) ? [row] : []))) });
  expect([report.rows, report.scores[0]!.value, report.clean?.rows, report.clean?.scores[0]!.value]).toEqual([4, 0.5, 2, 0.5]);
  const one = await runTask(task, model, { files: { test: evaluation }, findSeen: async () => new Set([0, 1]) });
  expect([one.scores[0]!.value, one.clean?.scores[0]!.value]).toEqual([0.5, 0]);
  expect((await runTask(task, model, { files: { test: evaluation }, findSeen: async () => new Set() })).clean).toBeUndefined();
});
