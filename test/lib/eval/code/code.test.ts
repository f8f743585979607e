// Coding problems in their published forms: the published answers all pass, empty ones never do.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readSamples, runSamples, tally } from '../../../../lib/eval/code/evaluate.js';
import { readProblems } from '../../../../lib/eval/code/problems.js';
import { withJail } from '../sandbox/jail.js';
import { HUMAN_EVAL, HUMAN_EVAL_X, MBPP, MULTIPLE } from './problems.js';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'whetstone-code-')); });
afterAll(() => rm(folder, { recursive: true }));

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const LIMITS = { cpuSeconds: 10, wallSeconds: 30 };

test('published answers pass and empty ones fail, in every form and language', () => withJail(async () => {
  const file = join(folder, 'problems.jsonl.gz');
  await writeFile(file, gzipSync(lines([...HUMAN_EVAL, ...HUMAN_EVAL_X, ...MULTIPLE, ...MBPP])));
  const problems = await readProblems(file);
  expect(problems.map(({ id, language }) => `${id} ${language}`)).toEqual([
    'Own/0 python', 'Own/1 python', 'Own/2 python', 'JavaScript/0 javascript', 'Own_0_chunks typescript', '9001 python', '9002 python',
  ]);
  const samples = problems.flatMap(({ id, solution }) => [{ task_id: id, completion: solution! }, { task_id: id, completion: '' }]);
  const seen: number[] = [];
  const results = await runSamples(problems, samples, { ...LIMITS, onResult: (_, done, total) => seen.push(done / total) });
  expect(results.map(({ passed }) => passed)).toEqual(problems.flatMap(() => [true, false]));
  expect(results.map(({ task_id: id }) => id)).toEqual(samples.map(({ task_id: id }) => id));
  expect(seen).toEqual(samples.map((_, i) => (i + 1) / samples.length));
  expect(tally(problems, results)).toEqual(problems.map(({ id }) => ({ id, samples: 2, passed: 1 })));
}), 60_000);

const HUMAN_EVAL_FILE = resolve(__dirname, '..', '..', '..', '..', '..', 'shared', 'data', 'HumanEval.jsonl.gz');

test('HumanEval itself, where its file lies beside the repository', () => withJail(async () => {
  if (!existsSync(HUMAN_EVAL_FILE)) {
    process.stderr.write('not tested here: HumanEval.jsonl.gz does not lie in ../shared/data\n');
    return;
  }
  const problems = await readProblems(HUMAN_EVAL_FILE);
  expect(problems).toHaveLength(164);
  // Each twelfth problem; all of them with WHETSTONE_FULL=1, which takes half a minute of two cores.
  const some = process.env.WHETSTONE_FULL ? problems : problems.filter((_, i) => i % 12 === 0);
  const samples = some.flatMap(({ id, solution }) => [{ task_id: id, completion: solution! }, { task_id: id, completion: '' }]);
  const results = await runSamples(problems, samples, LIMITS);
  expect(results.map(({ passed }) => passed)).toEqual(some.flatMap(() => [true, false]));
}), 120_000);

test('a wrong answer says why', () => withJail(async () => {
  const file = join(folder, 'wrong.jsonl');
  await writeFile(file, lines([...HUMAN_EVAL, ...HUMAN_EVAL_X]));
  const problems = await readProblems(file);
  const answers: readonly [string, string, RegExp][] = [
    ['Own/2', '    return 1 / 0\n', /^failed: ZeroDivisionError/],
    ['Own/2', '    return 7\n', /^failed: AssertionError/],
    ['Own/2', '    return (\n', /^failed: SyntaxError/],
    ['Own/2', '    while True: pass\n', /^timed out$/],
    ['JavaScript/0', '  return 1 }\n', /^failed: Error: wrong/],
    ['JavaScript/0', '  return nothing }\n', /^failed: ReferenceError: nothing/],
  ];
  const results = await runSamples(problems, answers.map(([task_id, completion]) => ({ task_id, completion })), { cpuSeconds: 1, wallSeconds: 9 });
  for (const [i, { result }] of results.entries()) expect(result).toMatch(answers[i]![2]);
}), 60_000);

test('files that are something else are refused by name', async () => {
  const file = join(folder, 'bad.jsonl');
  const refused = async (...rows: object[]): Promise<unknown> => {
    await writeFile(file, lines(rows));
    return readProblems(file).catch((error: unknown) => error);
  };
  expect(await refused({ question: 'x' })).toMatchObject({ code: 'ERR_DATA', details: { row: 1 }, message: expect.stringMatching(/HumanEval .*MBPP/) });
  expect(await refused(HUMAN_EVAL[0]!, { ...HUMAN_EVAL[1], entry_point: 3 })).toMatchObject({ details: { row: 2, field: 'entry_point' } });
  expect(await refused(HUMAN_EVAL[0]!, HUMAN_EVAL[0]!)).toMatchObject({ message: expect.stringMatching(/"Own\/0" again/) });
  expect(await refused({ ...MULTIPLE[0], language: 'rkt' })).toMatchObject({ details: { field: 'language' } });
  await writeFile(file, lines(HUMAN_EVAL));
  await expect(runSamples(await readProblems(file), [{ task_id: 'Own/7', completion: '' }])).rejects.toThrow(/"Own\/7": expected the task_id of one of the 3 problems/);
  await writeFile(file, lines([{ task_id: 5, completion: 'x' }, { task_id: 6 }]));
  await expect(readSamples(file)).rejects.toMatchObject({ details: { row: 2, field: 'completion' } });
});
