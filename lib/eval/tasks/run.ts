// Runs a task on a model: rows to requests, requests to answers (from the cache where it has them), answers through the
// filters to scores, scores to numbers with their standard errors.

import { dataError } from '../../errors.js';
import { ownNumber } from '../own-functions.js';
import { aggregate, aggregateBy, aggregationOf } from './aggregate.js';
import type { Aggregated, Interval } from './aggregate.js';
import { AnswerCache } from './cache.js';
import type { TaskChat } from './chat.js';
import type { MetricConfig, TaskConfig } from './config.js';
import { readSplit } from './docs.js';
import { makeFilters } from './filters.js';
import { checkMetrics, moreIsBetter, scoreRow } from './metrics.js';
import type { CustomMetric, RowScores } from './metrics.js';
import type { GenerationRequest, TaskModel } from './model.js';
import { TaskPrompts } from './prompt.js';
import { endsWithSpace } from './python.js';
import type { TaskFunctions } from './prompt.js';
import type { Doc } from './template.js';
import { isFunction } from './yaml.js';

export interface RunTaskOptions {
  /** Few-shot examples; over the task's num_fewshot. */
  readonly shots?: number;
  /** Only the first rows. */
  readonly limit?: number;
  /** Seed of the few-shot examples. @default 1234 */
  readonly seed?: number;
  /** Draws for standard errors that no formula gives; 0: none. @default 1000 */
  readonly draws?: number;
  /** Files of splits, over what the task says. */
  readonly files?: Readonly<Record<string, string | readonly string[]>>;
  /** TypeScript functions for the Python ones that the task names. */
  readonly functions?: TaskFunctions;
  /** Metrics by name, for those in metric_list that are not built in. */
  readonly metrics?: Readonly<Record<string, CustomMetric>>;
  /** Said before the task's description: what the harness calls system_instruction. */
  readonly system?: string;
  /** Prompts go through the model's chat template. */
  readonly chat?: TaskChat;
  /** Where answers are kept, so that a run that was interrupted goes on. */
  readonly cache?: string;
  /** Says which of these rows' texts (by place) stand in training rows: scores are then also given without them. */
  readonly findSeen?: (texts: readonly string[]) => Promise<ReadonlySet<number>>;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface TaskScore {
  readonly metric: string;
  readonly filter: string;
  readonly value: number;
  readonly stderr: number | null;
  /** At 95 %. */
  readonly interval: Interval | null;
  readonly higherIsBetter: boolean | null;
}

export interface TaskSample {
  readonly row: number;
  readonly contexts: readonly string[];
  readonly answers: readonly unknown[];
  readonly target: unknown;
  /** By filter. */
  readonly scores: Readonly<Record<string, RowScores>>;
}

export interface TaskReport {
  readonly task: string;
  readonly version: string | number | null;
  readonly rows: number;
  readonly shots: number;
  /** Prompts went through a chat template. */
  readonly chat: boolean;
  readonly scores: readonly TaskScore[];
  /** The same over rows whose text stands in no training row; absent where none does, or nobody looked. */
  readonly clean?: { readonly rows: number; readonly scores: readonly TaskScore[] };
  readonly samples: readonly TaskSample[];
  /** Answers that came from the cache. */
  readonly cached: number;
}

type Request =
  | { readonly kind: 'logLikelihood'; readonly context: string; readonly continuation: string }
  | { readonly kind: 'rolling'; readonly text: string }
  | ({ readonly kind: 'generate' } & GenerationRequest);

/** Requests between two writes of the cache. */
const CHUNK = 64;

export async function runTask(task: TaskConfig, model: TaskModel, options: RunTaskOptions = {}): Promise<TaskReport> {
  const { functions = {}, metrics: custom = {}, draws = 1000, shots = task.numFewshot } = options;
  checkMetrics(task, custom);
  const together = new Map(task.metrics.map((metric) => [metric.metric, combinerOf(task, metric, options)]));
  const filters = makeFilters(task);
  const { docs, prompts } = await openDocs(task, shots, options, functions);
  const plans = docs.map((doc) => {
    const context = shots === 0 && task.outputType === 'loglikelihood_rolling' ? '' : prompts.context(doc, shots);
    return { doc, contexts: typeof context === 'string' ? [context] : context, requests: requestsOf(task, prompts, doc, context, options.chat !== undefined) };
  });
  const seen = await options.findSeen?.(docs.map((doc) => queryOf(task, prompts, doc))) ?? new Set<number>();
  const cache = await AnswerCache.open(options.cache);
  const answers = await answer(model, plans.flatMap(({ requests }) => requests), cache, options);

  let at = 0;
  const samples = plans.map(({ doc, contexts, requests }, row): TaskSample => {
    const own = requests.map(() => answers[at++]);
    // Repeats of one request are one instance's answers; different requests are instances of their own.
    const instances = task.outputType === 'generate_until' ? [own] : own.map((one) => [one]);
    const scores = Object.fromEntries(filters.map(({ name, apply }) =>
      [name, scoreRow(task, prompts, { doc, row }, instances.map((instance) => unwrap(apply(instance, doc), name, task)), custom)]));
    return { row, contexts, answers: own, target: task.docToTarget === undefined ? null : prompts.target(doc), scores };
  });
  const scoresOf = (rows: readonly TaskSample[]): TaskScore[] => filters.flatMap(({ name }) => Object.keys(rows[0]!.scores[name]!).map((metric): TaskScore => {
    const { value, stderr, interval } = (together.get(metric) ?? byMean)(rows.map((sample) => sample.scores[name]![metric]), draws);
    return { metric, filter: name, value, stderr: stderr ?? null, interval: interval ?? null, higherIsBetter: task.metrics.find((entry) => entry.metric === metric)?.higherIsBetter ?? moreIsBetter(metric) };
  }));
  const unseen = samples.filter(({ row }) => !seen.has(row));
  return {
    task: task.task, version: task.version ?? null, rows: docs.length, shots, chat: options.chat !== undefined, scores: scoresOf(samples),
    ...(seen.size === 0 || unseen.length === 0 ? {} : { clean: { rows: unseen.length, scores: scoresOf(unseen) } }),
    samples, cached: cache.hits,
  };
}

/** What of a row must not stand in training rows: its question, or its text where nothing is asked. */
function queryOf(task: TaskConfig, prompts: TaskPrompts, doc: Doc): string {
  if (task.decontaminationQuery !== undefined) return String(prompts.text(doc, task.decontaminationQuery));
  const asked = task.docToText === undefined ? '' : String(prompts.text(doc));
  return asked === '' && task.docToTarget !== undefined ? String(prompts.target(doc)) : asked;
}

type Combiner = (items: readonly unknown[], draws: number) => Aggregated;

const byMean: Combiner = (items, draws) => aggregate('mean', items, draws);

/** How the scores of rows become one number: by a function of the user's own, or by a name. */
function combinerOf(task: TaskConfig, { metric, aggregation }: MetricConfig, { metrics = {}, functions = {} }: RunTaskOptions): Combiner {
  const named = isFunction(aggregation) ? aggregation.functionName : undefined;
  const own = metrics[metric]?.aggregate ?? (named === undefined ? undefined : functions[named] as ((items: readonly unknown[]) => number) | undefined);
  if (own !== undefined) return (items, draws) => aggregateBy((part) => ownNumber(() => own(part as number[]), `the aggregate of "${metric}"`, { file: task.file, field: 'metric_list' }), items, draws);
  if (named !== undefined) {
    throw dataError({ file: task.file, field: 'metric_list' }, `names the Python function "${named}". Write it in TypeScript beside the task, or in code as functions: { '${named}': (scores) => … }`);
  }
  const name = aggregationOf(metrics[metric] === undefined ? metric : 'mean', aggregation as string | undefined, task.file);
  return (items, draws) => aggregate(name, items, draws);
}

async function openDocs(task: TaskConfig, shots: number, options: RunTaskOptions, functions: TaskFunctions): Promise<{ docs: readonly Doc[]; prompts: TaskPrompts }> {
  const process = (docs: readonly Doc[]): readonly Doc[] => {
    if (task.processDocs === undefined) return docs;
    const own = functions[task.processDocs.functionName];
    if (own === undefined) throw dataError({ file: task.file, field: 'process_docs' }, `names the Python function "${task.processDocs.functionName}". Write it in TypeScript beside the task, or in code as functions: { '${task.processDocs.functionName}': (rows) => … }`);
    return own(docs as never) as readonly Doc[];
  };
  const all = process(await readSplit(task, task.splits.test!, options.files));
  const docs = all.slice(0, options.limit ?? all.length);
  const { samples } = task.fewshot;
  const examples = shots === 0 ? [] : samples !== undefined ? (isFunction(samples) ? functions[samples.functionName]?.() as readonly Doc[] : samples)
    : task.splits.fewshot === task.splits.test ? all : process(await readSplit(task, task.splits.fewshot!, options.files));
  return { docs, prompts: new TaskPrompts(task, all[0]!, examples, { seed: options.seed ?? 1234, functions, system: options.system, chat: options.chat }) };
}

function requestsOf(task: TaskConfig, prompts: TaskPrompts, doc: Doc, context: string | readonly string[], chat: boolean): Request[] {
  const scored = (text: string, continuation: string): Request => ({ kind: 'logLikelihood', context: text, continuation });
  switch (task.outputType) {
    case 'loglikelihood': return [scored(context as string, String(prompts.target(doc)))];
    case 'loglikelihood_rolling': return [{ kind: 'rolling', text: String(prompts.target(doc)) }];
    case 'generate_until':
      return Array.from({ length: task.repeats }, (_, i) => ({ kind: 'generate', context: context as string, ...task.generation, ...(task.repeats > 1 ? { seed: i } : {}) }));
    default: {
      // A chat template ends where the answer begins; nothing comes between, unless the answer has a beginning already.
      const delimiter = !chat || (task.genPrefix !== undefined && task.genPrefix !== '' && !endsWithSpace(task.genPrefix)) ? task.targetDelimiter : '';
      if (typeof context !== 'string') return context.map((text) => scored(text, `${delimiter}${String(prompts.target(doc))}`));
      const choices = prompts.choices(doc).map((choice) => `${delimiter}${choice}`);
      const alone = task.metrics.some(({ metric }) => metric === 'acc_mutual_info') ? choices.map((choice) => scored('', choice)) : [];
      return [...choices.map((choice) => scored(context, choice)), ...alone];
    }
  }
}

/** A row's answer after the filters: a list that nobody took one of is only right for metrics of one's own. */
function unwrap(value: unknown, filter: string, task: TaskConfig): unknown {
  if (!Array.isArray(value)) return value;
  if (value.length === 1 || task.processResults !== undefined || task.metrics.some(({ metric }) => metric !== 'exact_match')) return value.length === 1 ? value[0] : value;
  throw dataError({ file: task.file, field: 'filter_list' }, `"${filter}" leaves ${value.length} answers to a row, expected one. Add take_first or majority_vote`);
}

/** Longest requests first, each once, in chunks that are written to the cache as they come. */
async function answer(model: TaskModel, requests: readonly Request[], cache: AnswerCache, options: RunTaskOptions): Promise<unknown[]> {
  const { onProgress, signal } = options;
  const keys = requests.map((request) => AnswerCache.key(model.id, request));
  const answers = keys.map((key) => cache.get(key));
  const open = new Map<string, Request>();
  for (const [i, key] of keys.entries()) if (answers[i] === undefined) open.set(key, requests[i]!);
  const size = (request: Request): number => (request.kind === 'rolling' ? request.text.length : request.context.length);
  const work = [...open].sort(([, a], [, b]) => size(b) - size(a));
  let done = requests.length - work.length;
  onProgress?.(done, requests.length);
  const fresh = new Map<string, unknown>();
  for (let begin = 0; begin < work.length; begin += CHUNK) {
    signal?.throwIfAborted();
    const part = work.slice(begin, begin + CHUNK);
    const results = await ask(model, part.map(([, request]) => request), signal);
    const entries = part.map(([key], i) => ({ key, answer: results[i] }));
    await cache.put(entries);
    for (const entry of entries) fresh.set(entry.key, entry.answer);
    done += part.length;
    onProgress?.(done, requests.length);
  }
  return answers.map((known, i) => known ?? fresh.get(keys[i]!));
}

async function ask(model: TaskModel, requests: readonly Request[], signal: AbortSignal | undefined): Promise<readonly unknown[]> {
  const [first] = requests;
  if (first?.kind === 'rolling') return model.rolling(requests.map((request) => (request as { text: string }).text), signal);
  if (first?.kind === 'generate') return model.generate(requests.map(({ kind: _, ...request }) => request as GenerationRequest), signal);
  const pairs = requests as readonly { readonly context: string; readonly continuation: string }[];
  return model.logLikelihoods(pairs.map(({ context, continuation }) => ({ context, continuation })), signal);
}
