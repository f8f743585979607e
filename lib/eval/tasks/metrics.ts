// Scores of one row for each kind of task, as lm-evaluation-harness computes them. Most are numbers whose mean is taken;
// some are pairs that only mean something together (aggregate.ts).

import { dataError, describe } from '../../errors.js';
import { ownNumber } from '../own-functions.js';
import type { MetricConfig, TaskConfig } from './config.js';
import type { LogLikelihood } from './model.js';
import { pythonRegex, pythonText, wordCount } from './python.js';
import type { TaskPrompts } from './prompt.js';
import type { Doc } from './template.js';

/** A metric of one's own: a score for each answer, and how scores become one (absent: their mean). */
export interface CustomMetric {
  readonly score: (answer: unknown, target: unknown, doc: Doc) => number;
  readonly aggregate?: (scores: readonly number[]) => number;
}
export type RowScores = Readonly<Record<string, unknown>>;

/** Metrics that each kind of task has. */
const KNOWN: Readonly<Record<TaskConfig['outputType'], readonly string[]>> = {
  multiple_choice: ['acc', 'acc_norm', 'acc_bytes', 'acc_mutual_info', 'exact_match', 'f1', 'mcc', 'brier_score'],
  loglikelihood: ['perplexity', 'acc'],
  loglikelihood_rolling: ['word_perplexity', 'byte_perplexity', 'bits_per_byte'],
  generate_until: ['exact_match', 'bleu', 'chrf', 'chrf++', 'ter'],
};

export function checkMetrics(task: TaskConfig, custom: Readonly<Record<string, CustomMetric>>): void {
  if (task.processResults !== undefined) return;
  for (const { metric } of task.metrics) {
    if (custom[metric] !== undefined || KNOWN[task.outputType].includes(metric)) continue;
    throw dataError({ file: task.file, field: 'metric_list' },
      `expected one of ${KNOWN[task.outputType].join(', ')} for ${task.outputType}, came "${metric}". A metric of your own is a TypeScript function: metric: !function module.name for a module beside the task, or in code metrics: { '${metric}': { score: (answer, target, row) => … } }`);
  }
}

/** Scores of one row from the (filtered) answers to its requests. */
export function scoreRow(
  task: TaskConfig, prompts: TaskPrompts, { doc, row }: { readonly doc: Doc; readonly row: number }, answers: readonly unknown[], custom: Readonly<Record<string, CustomMetric>>,
): RowScores {
  if (task.processResults !== undefined) return prompts.call(task.processResults.functionName, doc, answers) as RowScores;
  const base = builtIn(task, prompts, doc, answers, task.metrics.filter(({ metric }) => custom[metric] === undefined));
  const own = task.metrics.filter(({ metric }) => custom[metric] !== undefined);
  if (own.length === 0) return base;
  const answer = answers.length === 1 ? answers[0] : answers;
  const target = prompts.target(doc);
  return { ...base, ...Object.fromEntries(own.map(({ metric }) =>
    [metric, ownNumber(() => custom[metric]!.score(answer, target, doc), `the metric "${metric}"`, { file: task.file, row: row + 1 })])) };
}

function builtIn(task: TaskConfig, prompts: TaskPrompts, doc: Doc, answers: readonly unknown[], metrics: readonly MetricConfig[]): RowScores {
  switch (task.outputType) {
    case 'loglikelihood': {
      const { logprob, greedy } = answers[0] as LogLikelihood;
      return only(metrics, { perplexity: logprob, acc: greedy ? 1 : 0 });
    }
    case 'loglikelihood_rolling': {
      const text = String(prompts.target(doc));
      const [logprob, bytes] = [answers[0] as number, Buffer.byteLength(text)];
      return only(metrics, { word_perplexity: [logprob, wordCount(text)], byte_perplexity: [logprob, bytes], bits_per_byte: [logprob, bytes] });
    }
    case 'multiple_choice': return only(metrics, choiceScores(task, prompts, doc, answers as readonly LogLikelihood[]));
    default: return Object.fromEntries(metrics.map((metric) => [metric.metric, metric.metric === 'exact_match' ? exactMatch(task, prompts, doc, answers[0], metric) : texts(task, prompts, doc, answers[0], metric)]));
  }
}

/** Whether more is better, where the task does not say. */
export function moreIsBetter(metric: string): boolean | null {
  if (metric.endsWith('perplexity') || metric === 'bits_per_byte' || metric === 'brier_score' || metric === 'ter') return false;
  return Object.values(KNOWN).some((names) => names.includes(metric)) ? true : null;
}

function only(metrics: readonly MetricConfig[], scores: RowScores): RowScores {
  return Object.fromEntries(metrics.map(({ metric }) => [metric, scores[metric]]));
}

function choiceScores(task: TaskConfig, prompts: TaskPrompts, doc: Doc, answers: readonly LogLikelihood[]): RowScores {
  const choices = prompts.choices(doc);
  const own = answers.slice(0, choices.length).map(({ logprob }) => logprob);
  const unconditional = answers.slice(choices.length).map(({ logprob }) => logprob);
  const question = prompts.text(doc);
  const given = typeof question === 'number' ? question : prompts.target(doc);
  const golds = (Array.isArray(given) ? given : [given]).map((gold) => indexOf(task, choices, gold));
  const right = (values: readonly number[]): number => (golds.includes(largest(values)) ? 1 : 0);
  const top = Math.max(...own);
  const weights = own.map((value) => Math.exp(value - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return {
    acc: right(own),
    acc_norm: right(own.map((value, i) => value / Array.from(choices[i]!).length)),
    acc_bytes: right(own.map((value, i) => value / Buffer.byteLength(choices[i]!))),
    acc_mutual_info: unconditional.length === 0 ? undefined : right(own.map((value, i) => value - unconditional[i]!)),
    exact_match: golds.some((gold) => answers[gold]?.greedy === true) ? 1 : 0,
    f1: [golds[0], largest(own)], mcc: [golds[0], largest(own)],
    brier_score: [golds[0], weights.map((weight) => weight / sum)],
  };
}

function indexOf(task: TaskConfig, choices: readonly string[], gold: unknown): number {
  const index = typeof gold === 'string' ? choices.indexOf(gold) : gold;
  if (typeof index === 'bigint') return Number(index);
  if (typeof index === 'boolean') return index ? 1 : 0;
  if (typeof index === 'number' && index >= 0 && index < choices.length) return index;
  throw dataError({ file: task.file, field: 'doc_to_target' }, `expected the number or the text of one of ${choices.length} choices, came ${describe(gold)}`);
}

/** The first of the largest, as numpy's argmax. */
function largest(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

/** What a corpus score is computed from. */
function texts(task: TaskConfig, prompts: TaskPrompts, doc: Doc, answer: unknown, { metric, options }: MetricConfig): readonly [string, string] {
  const unknown = Object.keys(options)[0];
  if (unknown !== undefined) throw dataError({ file: task.file, field: 'metric_list' }, `${metric}: "${unknown}" is not understood`);
  let target: unknown = prompts.target(doc);
  if (prompts.hasChoices) target = prompts.choices(doc)[target as number];
  if (Array.isArray(target)) throw dataError({ file: task.file, field: 'doc_to_target' }, `${metric}: expected one target, came a list of ${target.length}`);
  return [pythonText(target), pythonText(answer)];
}

const PUNCTUATION = /[!-/:-@[-`{-~]/g;

/** 1 where the answer is the target, or one of several, after what the metric's options take away. */
function exactMatch(task: TaskConfig, prompts: TaskPrompts, doc: Doc, answer: unknown, { options }: MetricConfig): number {
  const { regexes_to_ignore: ignored = [], ignore_case: fold = false, ignore_punctuation: points = false, ignore_numbers: digits = false, ...rest } = options;
  const unknown = Object.keys(rest).find((key) => key !== 'kwargs');
  if (unknown !== undefined) throw dataError({ file: task.file, field: 'metric_list' }, `exact_match: "${unknown}" is not understood`);
  const plain = (value: unknown): string => {
    let text = (ignored as string[]).reduce((left, pattern) => left.replace(pythonRegex(pattern), ''), pythonText(value));
    if (fold === true) text = text.toLowerCase();
    if (points === true) text = text.replace(PUNCTUATION, '');
    return digits === true ? text.replace(/[0-9]/g, '') : text;
  };
  let target: unknown = prompts.target(doc);
  if (prompts.hasChoices) target = prompts.choices(doc)[target as number];
  const said = plain(answer);
  return (Array.isArray(target) ? target : [target]).some((one) => plain(one) === said) ? 1 : 0;
}
