// A group with a tag, overrides, a group inside and a task of its own, and tasks through a chat template, against what
// lm-evaluation-harness 0.4.13 says of them (golden/make_groups.py): requests word for word, answers, scores, errors.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { chatText } from '../../../../lib/eval/tasks/chat.js';
import { scoreGroup } from '../../../../lib/eval/tasks/group-scores.js';
import { openTasks } from '../../../../lib/eval/tasks/groups.js';
import { sessionModel } from '../../../../lib/eval/tasks/model.js';
import type { LogLikelihood, TaskModel } from '../../../../lib/eval/tasks/model.js';
import { runTask } from '../../../../lib/eval/tasks/run.js';
import type { TaskScore } from '../../../../lib/eval/tasks/run.js';
import { ChatTemplate } from '../../../../lib/text/chat-template.js';
import { loadParts, openParts } from '../../../../lib/train/open.js';
import type { Opened, Parts } from '../../../../lib/train/open.js';

const GOLDEN = join(__dirname, 'golden');
type Scores = Readonly<Record<string, number | null>>;
const golden = JSON.parse(gunzipSync(readFileSync(join(GOLDEN, 'groups.json.gz'))).toString()) as {
  readonly group: { readonly scores: Readonly<Record<string, Scores>>; readonly subtasks: Readonly<Record<string, readonly string[]>> };
  readonly tag: readonly string[];
  readonly chats: readonly {
    readonly settings: { readonly apply_chat_template: boolean; readonly fewshot_as_multiturn: boolean; readonly system_instruction?: string };
    readonly scores: Readonly<Record<string, Scores>>;
    readonly samples: Readonly<Record<string, readonly { readonly requests: readonly (readonly unknown[])[]; readonly answers: readonly unknown[][] }[]>>;
  }[];
};

let parts: Parts;
let opened: Opened;
let model: TaskModel;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-groups-'));
  parts = await loadParts({ model: resolve(__dirname, '..', '..', '..', '..', 'models', 'pebble') });
  opened = await openParts(parts, { device: 'cpu', threads: 1, maxTokens: 1024, maxSequences: 16, cacheTokens: 16 * 512, cacheSequences: 16 });
  model = sessionModel({ session: opened.session, tokenizer: parts.tokenizer, id: 'pebble', batchTokens: 1024, atOnce: 16 });
}, 60_000);
afterAll(async () => {
  await opened.session.close();
  await rm(folder, { recursive: true });
});

function expectScores(found: readonly TaskScore[], expected: Scores): void {
  const all: Record<string, number | null> = {};
  for (const { metric, filter, value, stderr } of found) Object.assign(all, { [`${metric},${filter}`]: value, [`${metric}_stderr,${filter}`]: stderr });
  expect(Object.keys(all).sort()).toEqual(Object.keys(expected).sort());
  for (const [key, value] of Object.entries(expected)) {
    if (value === null) expect([key, all[key]]).toEqual([key, null]);
    else expect([key, Math.abs(all[key]! - value) / Math.max(1, Math.abs(value)) < 1e-4, all[key], value]).toEqual([key, true, all[key], value]);
  }
}

test('a group: its tasks, their settings, their scores together', async () => {
  const { tasks, groups } = await openTasks([join(GOLDEN, 'group-family.yaml')]);
  expect(groups.map(({ name, alias }) => [name, alias])).toEqual([['own_family::near', 'nearby'], ['own_family', 'family']]);
  const names = Object.fromEntries(groups.map(({ name, children }) => [name, children.map((child) => ('task' in child ? child.task : child.name))]));
  expect(names).toEqual(golden.group.subtasks);
  expect(tasks.map(({ task, numFewshot, alias }) => [task, numFewshot, alias])).toEqual([
    ['own_tag_short', 1, undefined], ['own_tag_two', 1, undefined], ['own_choice', 2, 'by the letter'], ['own_blank', 1, undefined], ['own_family::near::made_here', 0, undefined], ['own_say', 1, undefined],
  ]);
  const reports = [];
  for (const task of tasks) reports.push(await runTask(task, model));
  for (const report of reports) expectScores(report.scores, golden.group.scores[report.task]!);
  for (const group of groups) expectScores(scoreGroup(group, reports).scores, golden.group.scores[group.name]!);
  expect(scoreGroup(groups[1]!, reports)).toMatchObject({ version: 2, rows: reports.reduce((sum, { rows }) => sum + rows, 0), tasks: tasks.map(({ task }) => task) });
}, 60_000);

test('tasks and tags by name', async () => {
  expect((await openTasks(['own_others'], [GOLDEN])).tasks.map(({ task }) => task)).toEqual(golden.tag);
  expect((await openTasks(['own_choice', 'own_words'], [GOLDEN])).tasks.map(({ task }) => task)).toEqual(['own_choice', 'own_tag_short', 'own_tag_two']);
  await expect(openTasks(['own_nothing'], [GOLDEN])).rejects.toThrow(/"own_nothing" is no task, group or tag in .*--task-path/s);
  await expect(openTasks(['own_choice', join(GOLDEN, 'choice.yaml')], [GOLDEN])).rejects.toThrow(/"own_choice" comes twice/);
});

test.each(golden.chats.map((chat) => [JSON.stringify(chat.settings), chat] as const))('%s', async (_, { settings, scores, samples }) => {
  const { tasks } = await openTasks(Object.keys(samples), [GOLDEN]);
  for (const task of tasks) {
    const asked = new Map<string, unknown>();
    const noting = async <R, A>(requests: readonly R[], key: (request: R) => unknown, answers: Promise<A[]>): Promise<A[]> => {
      const all = await answers;
      for (const [i, request] of requests.entries()) asked.set(JSON.stringify(key(request)), all[i]);
      return all;
    };
    const watched: TaskModel = {
      id: model.id, rolling: () => Promise.reject(new Error('not asked')),
      logLikelihoods: (requests, signal) => noting(requests, ({ context, continuation }) => [context, continuation], model.logLikelihoods(requests, signal)),
      generate: (requests, signal) => noting(requests, ({ context }) => context, model.generate(requests, signal)),
    };
    const report = await runTask(task, watched, {
      limit: 3, ...(settings.system_instruction === undefined ? {} : { system: settings.system_instruction }),
      ...(settings.apply_chat_template ? { chat: { template: parts.template!, multiturn: settings.fewshot_as_multiturn } } : {}),
    });
    expect(report.chat).toBe(settings.apply_chat_template);
    expectScores(report.scores, scores[task.task]!);
    const expected = samples[task.task]!.flatMap(({ requests, answers }) => requests.map((request, i) => [request, answers[i] ?? answers[0]] as const));
    expect(new Set(asked.keys())).toEqual(new Set(expected.map(([request]) => JSON.stringify(typeof request[1] === 'string' ? request : request[0]))));
    for (const [request, answer] of expected) {
      if (typeof request[1] !== 'string') expect(asked.get(JSON.stringify(request[0]))).toBe(answer);
      else expect(Math.abs((asked.get(JSON.stringify(request)) as LogLikelihood).logprob - Number((answer as unknown[])[0]))).toBeLessThan(1e-3);
    }
  }
}, 60_000);

const template = (text: string): ChatTemplate => new ChatTemplate({ text, file: 'template.jinja' }, {});
const turn = (role: 'system' | 'user' | 'assistant', content: string) => ({ role, content, delimiter: '' });

test('templates that know no system, trim, or lose an answer', () => {
  const strict = template("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}<{{ m.content | trim }}>{% endfor %}{% if add_generation_prompt %}A:{% endif %}");
  expect(chatText([turn('system', 's'), turn('user', 'q')], { template: strict }, false)).toBe('<q>A:');
  expect(chatText([turn('user', 'q'), turn('assistant', 'It is ')], { template: strict }, true)).toBe('<q><It is');
  expect(() => chatText([turn('user', 'q'), turn('assistant', 'a')], { template: template("{{ messages[0]['content'] }}") }, true)).toThrow(/template.jinja.*gen_prefix/s);
});

test.each([
  ['task: [missing]', /"missing" is no task, group or tag/], ['task: []', /has no tasks/], ['task: [{num_fewshot: 1}]', /entry with task or group/], ['task: [3]', /expected names/],
  ['task: [g]', /the group "g" is inside itself/], ['task: [t]\naggregate_metric_list: [{metric: acc, aggregation: median}]', /expected aggregation: mean/],
  ['task: [t]\naggregate_metric_list: [{metric: acc, weight: 1}]', /"weight" is not understood/], ['task: [t]\nnum_beams: 3', /num_beams.*not understood/s],
])('%s is refused', async (keys, message) => {
  await writeFile(join(folder, 'g.yaml'), `group: g\n${keys}\n`);
  await writeFile(join(folder, 't.yaml'), 'task: t\ntest_split: test\ndataset_path: json\n');
  await writeFile(join(folder, 'broken.yaml'), 'a: [');
  await expect(openTasks([join(folder, 'g.yaml')])).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringMatching(message) });
});
