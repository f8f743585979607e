// The parts of tasks on their own: Python's draws, texts, literals and patterns; templates; filters; what is refused;
// metrics of one's own; resuming.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aggregate } from '../../../../lib/eval/tasks/aggregate.js';
import { checkTask, readTask } from '../../../../lib/eval/tasks/config.js';
import { makeFilters } from '../../../../lib/eval/tasks/filters.js';
import { rollingWindows } from '../../../../lib/eval/tasks/model.js';
import type { TaskModel } from '../../../../lib/eval/tasks/model.js';
import { findAll, pythonLiteral, pythonRegex, pythonRepr, strip } from '../../../../lib/eval/tasks/python.js';
import { PythonRandom } from '../../../../lib/eval/tasks/python-random.js';
import { runTask } from '../../../../lib/eval/tasks/run.js';
import { TaskTemplate } from '../../../../lib/eval/tasks/template.js';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'whetstone-task-')); });
afterAll(() => rm(folder, { recursive: true }));

/** From Python 3.11: getrandbits(32) three times and random() of seed 1234; samples, choices and one draw of other seeds. */
const PYTHON = {
  bits: [4150886329, 3342196574, 1892932127, 0.11685051774599753], few: [24, 14, 3, 0], many: [331, 970, 154, 404, 666, 49, 74, 840],
  choices: [8, 7, 4, 2, 5, 4], large: [64, 66, 34], negative: 0.23796462709189137,
};

test('draws are Python\'s', () => {
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const first = new PythonRandom(1234);
  expect([first.next32(), first.next32(), first.next32(), first.random()]).toEqual(PYTHON.bits);
  expect(new PythonRandom(1234).sample(range(30), 4)).toEqual(PYTHON.few);
  expect(new PythonRandom(7).sample(range(1000), 8)).toEqual(PYTHON.many);
  expect([...new PythonRandom(0).choices(10, 6)]).toEqual(PYTHON.choices);
  expect(new PythonRandom(2n ** 40n + 5n).sample(range(100), 3)).toEqual(PYTHON.large);
  expect(new PythonRandom(-3).random()).toBe(PYTHON.negative);
});

test('texts, literals and patterns are Python\'s', () => {
  expect(pythonRepr(['a', "it's", true, null, 1.5, { k: 'x\n' }])).toBe(`['a', "it's", True, None, 1.5, {'k': 'x\\n'}]`);
  expect(pythonLiteral(`['a', "it's", (1, -2.5), True, None, 'x\\n\\u00e9']`)).toEqual(['a', "it's", [1, -2.5], true, null, 'x\né']);
  for (const bad of ['[a]', "['a'", '[1 2]', 'foo()', "['a'] x"]) expect(pythonLiteral(bad)).toBeUndefined();
  expect(strip('\u00a0\x1c a\ufeff\n')).toBe('a\ufeff');
  expect(findAll(pythonRegex('(?i)(?P<n>a)(b)?'), 'Ab a')).toEqual([['A', 'b'], ['a', '']]);
  expect(findAll(pythonRegex('#### (\\-?[0-9\\.\\,]+)'), 'x #### -1,234.5')).toEqual(['-1,234.5']);
  expect(() => pythonRegex('(?<=a{2,})b(')).toThrow(/JavaScript can read/);
});

const template = (text: string): TaskTemplate => new TaskTemplate(text, { file: 'task.yaml', field: 'doc_to_text' });

test('templates print as Python and keep the last line end', () => {
  const doc = { a: ['x', "y's"], t: true, n: null, s: ' hi\n', i: 3, o: { k: ['z'] } };
  expect(template('{{a}} {{t}} {{n}} {{i}}\n').render(doc)).toBe(`['x', "y's"] True None 3\n`);
  expect(template('{% for c in a %}{{loop.index}}. {{c}}\n{% endfor %}{{s.strip()}}').render(doc)).toBe("1. x\n2. y's\nhi");
  expect(template('{{a.index("y\'s")}}{{o.k.index("z")}}{{a.count("x")}}').render(doc)).toBe('101');
  expect(template('{{o.k}}').value(doc)).toEqual({ value: ['z'] });
  expect(template('x{{o.k}}').value(doc)).toBeUndefined();
  expect(() => template('{{nothing}}').render(doc)).toThrow(/names something that the row lacks/);
  expect(() => template('{{o.nothing}}').render(doc)).toThrow(/names something that the row lacks/);
  expect(() => template('{{a.index("q")}}').render(doc)).toThrow(/q is not in the list/);
  expect(() => template('{{ a | shuffle }}').render(doc)).toThrow(/task.yaml, field "doc_to_text": the template cannot be rendered/);
  expect(() => template('{% if %}')).toThrow(/cannot be read/);
});

const BASE = { task: 't', test_split: 'test', dataset_path: 'json', doc_to_text: 'q', doc_to_target: 'a' };
const filters = (...steps: object[]) => makeFilters(checkTask({ ...BASE, filter_list: [{ name: 'f', filter: steps }] }, 'task.yaml'))[0]!;

test('filters', () => {
  const doc = { choices: ['Guilty', 'Guilty of Romance', 'none.'] };
  const run = (answers: readonly unknown[], ...steps: object[]): unknown => filters(...steps).apply(answers, doc);
  expect(run(['a #### 12', 'b'], { function: 'regex' })).toEqual(['12', '[invalid]']);
  expect(run(['1 then 22', 'x'], { function: 'regex', regex_pattern: '(\\d)(\\d)?|(x)', group_select: -1, fallback: '?' }, { function: 'take_first' })).toBe('2');
  expect(run(['b', 'a', 'a', 'b'], { function: 'majority_vote' }, { function: 'take_first' })).toBe('b');
  expect(run(['a', 'b', 'c'], { function: 'take_first_k', k: 2 }, { function: 'uppercase' })).toEqual(['A', 'B']);
  expect(() => run(['a'], { function: 'take_first_k', k: 2 })).toThrow(/Raise repeats/);
  expect(run([' A '], { function: 'lowercase' }, { function: 'remove_whitespace' }, { function: 'map', mapping_dict: { a: 1 }, default_value: 0 })).toEqual([1]);
  const letters = { function: 'multi_choice_regex', regex_pattern: '(\\([A-Z]\\))', ignore_case: true, ignore_punctuation: true };
  expect(run(['I say (B)', 'guilty of romance!', 'GUILTY', 'None', 'It is: C', '?'], letters)).toEqual(['(B)', '(B)', '(A)', '(C)', '(C)', '[invalid]']);
  expect(() => filters({ function: 'shuffle' })).toThrow(/expected one of take_first/);
  expect(() => filters({ function: 'lowercase', locale: 'tr' })).toThrow(/"locale" is not understood/);
});

test.each([
  [{ ...BASE, doc_to_image: 'x' }, 'doc_to_image'], [{ ...BASE, custom_dataset: 'x' }, 'custom_dataset'], [{ ...BASE, use_prompt: 'x' }, 'use_prompt'], [{ ...BASE, output_type: 'loglik' }, 'output_type'],
  [{ group: 'g', task: ['a'] }, 'group'], [{ ...BASE, generation_kwargs: { num_beams: 3 } }, 'num_beams'], [{ ...BASE, unsafe_code: true }, 'eval-code'], [{ task: 't' }, 'test_split'], [{ ...BASE, num_fewshot: -1 }, 'num_fewshot'],
  [{ ...BASE, fewshot_config: { sampler: 'balanced' } }, 'sampler'], [{ ...BASE, fewshot_config: { doc_to_image: 1 } }, 'doc_to_image'], [{ ...BASE, process_docs: 'x' }, '!function'], [{ ...BASE, metric_list: [{ metric: 'rouge', hf_evaluate: true }] }, 'hf_evaluate'],
])('%j is refused', (task, words) => {
  expect(() => checkTask(task, 'task.yaml')).toThrow(expect.objectContaining({ code: 'ERR_DATA', message: expect.stringContaining(words) }));
});

const echo: TaskModel = {
  id: 'echo', logLikelihoods: async (requests) => requests.map(({ context, continuation }) => ({ logprob: -1 - ((context.length * 7 + continuation.length * 13) % 11), greedy: false })),
  rolling: async (texts) => texts.map((text) => -text.length), generate: async (requests) => requests.map(({ context, seed = 0 }) => `${context.at(-1)} ${seed % 2}`),
};

test('Python functions are refused by name, and TypeScript ones stand in', async () => {
  await writeFile(join(folder, 'rows.jsonl'), [1, 2, 3].map((i) => `{"q": "question ${i}", "a": "${i}", "drop": ${i === 2}}\n`).join(''));
  await writeFile(join(folder, 'base.yaml'), 'dataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\ntest_split: test\noutput_type: generate_until\n');
  await writeFile(join(folder, 'task.yaml'), 'include: base.yaml\ntask: own\nprocess_docs: !function utils.keep\ndoc_to_text: q\ndoc_to_target: !function utils.answer\nmetric_list: [{metric: exact_match}, {metric: closeness}]\nrepeats: 2\n' +
    'filter_list: [{name: first, filter: [{function: take_first}]}]\n');
  const task = await readTask(join(folder, 'task.yaml'));
  const functions = { 'utils.keep': (docs: readonly { drop: boolean }[]) => docs.filter(({ drop }) => !drop), 'utils.answer': ({ a }: { a: string }) => `${a} 0` };
  const metrics = { closeness: { score: (answer: unknown, target: unknown) => Number(answer === target) * 2, aggregate: (scores: readonly number[]) => Math.max(...scores) } };
  await expect(runTask(task, echo, {})).rejects.toThrow(/"closeness".*metrics: \{ 'closeness'/s);
  await expect(runTask(task, echo, { metrics })).rejects.toThrow(/utils\.keep.*TypeScript/s);
  const report = await runTask(task, echo, { functions, metrics });
  expect(report).toMatchObject({ task: 'own', rows: 2, samples: [{ answers: ['1 0', '1 1'] }, { answers: ['3 0', '3 1'] }] });
  expect(report.scores).toEqual([
    { metric: 'exact_match', filter: 'first', value: 1, stderr: 0, interval: [expect.closeTo(0.3424, 4), 1], higherIsBetter: true },
    { metric: 'closeness', filter: 'first', value: 2, stderr: 0, interval: [2, 2], higherIsBetter: null },
  ]);
  await writeFile(join(folder, 'loop.yaml'), 'include: loop.yaml\n');
  await expect(readTask(join(folder, 'loop.yaml'))).rejects.toThrow(/includes itself/);
  await expect(runTask(checkTask({ ...BASE, dataset_path: 'gsm8k' }, 'task.yaml'), echo)).rejects.toThrow(/"gsm8k" is no local data set.*--task-data test=FILE/s);
  expect((await runTask(checkTask({ ...BASE, dataset_path: 'gsm8k' }, 'task.yaml'), echo, { files: { test: join(folder, 'rows.jsonl') }, limit: 2 })).rows).toBe(2);
});

test('a run that was interrupted goes on with the answers that it has', async () => {
  const cache = join(folder, 'cache', 'answers.jsonl');
  const task = await readTask(join(__dirname, 'golden', 'choice.yaml'));
  let calls = 0;
  const stopping: TaskModel = { ...echo, logLikelihoods: (requests) => (calls++ === 0 ? echo.logLikelihoods(requests) : Promise.reject(new Error('power cut'))) };
  const whole = await runTask(task, echo);
  const seen: number[] = [];
  await expect(runTask(task, stopping, { cache })).rejects.toThrow('power cut');
  await writeFile(cache, '{"key": "cut sho', { flag: 'a' });
  const again = await runTask(task, echo, { cache, onProgress: (done, total) => seen.push(done / total) });
  expect(again.cached).toBeGreaterThanOrEqual(64);
  expect({ ...again, cached: whole.cached }).toEqual(whole);
  expect([seen[0]! > 0.5, seen[0]! < 1, seen.at(-1)]).toEqual([true, true, 1]);
  expect((await runTask(task, { ...echo, logLikelihoods: () => Promise.reject(new Error('not asked')) }, { cache })).scores).toEqual(whole.scores);
  expect((await runTask(task, { ...echo, id: 'another' }, { cache })).cached).toBe(0);
  const keys = (await readFile(cache, 'utf8')).split('\n').flatMap((line) => (line.startsWith('{"key":') ? [line.slice(0, 75)] : []));
  expect(new Set(keys).size).toBe(keys.length);
});

test('windows of long texts score every token once', () => {
  const tokens = Array.from({ length: 23 }, (_, i) => i + 10);
  const windows = rollingWindows(tokens, 1, 8);
  expect(windows.flatMap(({ scored }) => scored)).toEqual(tokens);
  expect(windows.map(({ input, scored }) => [input.length, scored.length, input.length + scored.length <= 9])).toEqual([[1, 8, true], [1, 8, true], [2, 7, true]]);
  expect(windows[2]!.input).toEqual([24, 25]);
  expect(rollingWindows([], 1, 8)).toEqual([]);
});

test('numbers that a formula gives', () => {
  // Wilson's interval as statsmodels gives it; a mean of other numbers has 1.96 errors to both sides.
  expect(aggregate('mean', [1, 0, 1, 1], 0)).toEqual({ value: 0.75, stderr: 0.25, rows: 4, interval: [expect.closeTo(0.300642, 6), expect.closeTo(0.954413, 6)] });
  expect(aggregate('mean', [1, 0, 2, 1], 0).interval).toEqual([expect.closeTo(1 - 1.96 * Math.sqrt(1 / 6), 12), expect.closeTo(1 + 1.96 * Math.sqrt(1 / 6), 12)]);
  const drawn = aggregate('brier_score', [[0, [0.9, 0.1]], [1, [0.5, 0.5]], [0, [0.2, 0.8]]], 1000);
  expect([drawn.stderr, drawn.interval![0] < drawn.value, drawn.interval![1] > drawn.value]).toEqual([undefined, true, true]);
  expect(aggregate('mean', [1], 0).stderr).toBeUndefined();
  expect(aggregate('median', [5, 1, 9], 0).value).toBe(5);
  expect(aggregate('f1', [[1, 1], [0, 1], [1, 0], [0, 0]], 0).value).toBe(0.5);
  expect(aggregate('matthews_corrcoef', [[1, 1], [0, 0], [1, 0]], 0).value).toBeCloseTo(0.5, 12);
  expect(aggregate('bits_per_byte', [[-Math.LN2 * 3, 2], [-Math.LN2, 2]], 0).value).toBeCloseTo(1, 12);
});
