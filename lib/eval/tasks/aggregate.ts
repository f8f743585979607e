// From the scores of rows to one number, its standard error and its interval: means by formula, everything else by the
// bootstrap with the draws that lm-evaluation-harness makes.

import { bleu, chrf, matthews, ter, wilson } from '../../score/index.js';
import { percentile } from '../../score/numeric/percentile.js';
import { dataError } from '../../errors.js';
import { PythonRandom } from './python-random.js';

type Pair = readonly [number, number];
/** A target and what was said. */
type Texts = readonly [target: string, said: string];
const columns = (items: readonly Texts[]): [string[], string[]] => [items.map(([, said]) => said), items.map(([target]) => target)];

export type Interval = readonly [low: number, high: number];

export interface Aggregated {
  readonly value: number;
  /** Undefined where the harness gives none, or there is no way to estimate it. */
  readonly stderr: number | undefined;
  /** At 95 %: Wilson's of a share, 1.96 standard errors around another mean, else percentiles of the bootstrap. */
  readonly interval: Interval | undefined;
  readonly rows: number;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const weighted = (pairs: readonly Pair[]): number => sum(pairs.map(([a]) => a)) / sum(pairs.map(([, b]) => b));

const AGGREGATIONS: Readonly<Record<string, (items: never[]) => number>> = {
  mean: (items: number[]) => mean(items),
  nanmean: (items: number[]) => mean(items.filter((item) => !Number.isNaN(item))),
  median: (items: number[]) => items.toSorted((a, b) => a - b)[Math.floor(items.length / 2)]!,
  perplexity: (items: number[]) => Math.exp(-mean(items)),
  weighted_perplexity: (items: Pair[]) => Math.exp(-weighted(items)),
  bits_per_byte: (items: Pair[]) => -weighted(items) / Math.LN2,
  f1: (items: Pair[]) => {
    const [hits, wrong] = [items.filter(([gold, said]) => gold === 1 && said === 1).length, items.filter(([gold, said]) => gold !== said && (gold === 1 || said === 1)).length];
    return hits === 0 ? 0 : (2 * hits) / (2 * hits + wrong);
  },
  matthews_corrcoef: (items: Pair[]) => matthews(confusion(items)),
  brier_score: (items: (readonly [number, readonly number[]])[]) => mean(items.map(([gold, shares]) => sum(shares.map((share, i) => (share - (i === gold ? 1 : 0)) ** 2)))),
  bleu: (items: Texts[]) => bleu(...columns(items)).score,
  chrf: (items: Texts[]) => chrf(...columns(items)).score,
  'chrf++': (items: Texts[]) => chrf(...columns(items), { wordOrder: 2 }).score,
  ter: (items: Texts[]) => ter(...columns(items)).score,
};
const BOOTSTRAPPED = new Set(['median', 'matthews_corrcoef', 'f1', 'perplexity', 'nanmean', 'bleu', 'chrf', 'chrf++', 'ter']);
/** Corpus scores are drawn at most so often. */
const CORPUS = new Set(['bleu', 'chrf', 'chrf++', 'ter']);
const MOST_CORPUS_DRAWS = 100;
/** How a metric's scores are put together when the task does not say. */
const DEFAULTS: Readonly<Record<string, string>> = {
  perplexity: 'perplexity', word_perplexity: 'weighted_perplexity', byte_perplexity: 'weighted_perplexity', bits_per_byte: 'bits_per_byte',
  f1: 'f1', mcc: 'matthews_corrcoef', brier_score: 'brier_score', bleu: 'bleu', chrf: 'chrf', 'chrf++': 'chrf++', ter: 'ter',
};

export function aggregationOf(metric: string, given: string | undefined, file: string): string {
  const name = given ?? DEFAULTS[metric] ?? 'mean';
  if (AGGREGATIONS[name] !== undefined) return name;
  throw dataError({ file, field: 'metric_list' }, `expected an aggregation out of ${Object.keys(AGGREGATIONS).join(', ')}, came "${name}"`);
}

/** One number for all rows. `draws` of the bootstrap; 0: no standard errors and intervals but the mean's. */
export function aggregate(name: string, items: readonly unknown[], draws: number): Aggregated {
  if (name === 'mean') return meanOf(items as readonly number[]);
  const { stderr, ...rest } = aggregateBy(AGGREGATIONS[name]! as (items: readonly unknown[]) => number, items, CORPUS.has(name) ? Math.min(draws, MOST_CORPUS_DRAWS) : draws);
  return { ...rest, stderr: BOOTSTRAPPED.has(name) ? stderr : undefined };
}

/** The same by a function of one's own. */
export function aggregateBy(one: (items: readonly unknown[]) => number, items: readonly unknown[], draws: number): Aggregated {
  const value = one(items);
  if (draws === 0 || items.length < 2) return { value, rows: items.length, stderr: undefined, interval: undefined };
  const drawn = bootstrap(one, items, draws);
  return { value, rows: items.length, stderr: deviation(drawn), interval: [percentile(drawn, 0.025), percentile(drawn, 0.975)] };
}

function meanOf(items: readonly number[]): Aggregated {
  const value = mean(items);
  const stderr = meanError(items);
  if (!items.every((item) => item === 0 || item === 1)) return { value, rows: items.length, stderr, interval: around(value, stderr) };
  const { low, high } = wilson(sum(items), items.length);
  return { value, rows: items.length, stderr, interval: [low, high] };
}

export function around(value: number, stderr: number | undefined): Interval | undefined {
  return stderr === undefined ? undefined : [value - 1.96 * stderr, value + 1.96 * stderr];
}

/** Standard error of a mean, with n - 1. */
export function meanError(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  return deviation(values) / Math.sqrt(values.length);
}

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(sum(values.map((value) => (value - middle) ** 2)) / (values.length - 1));
}

/** Values of draws with replacement, a thousand for each seed from 0 on. */
function bootstrap(one: (items: readonly unknown[]) => number, items: readonly unknown[], draws: number): number[] {
  const chunk = Math.min(1000, draws);
  const values: number[] = [];
  for (let seed = 0; seed < Math.floor(draws / chunk); seed++) {
    const random = new PythonRandom(seed);
    for (let i = 0; i < chunk; i++) values.push(one(Array.from(random.choices(items.length, items.length), (at) => items[at])));
  }
  return values;
}

/** How often each class was said for each. */
function confusion(items: readonly Pair[]): number[][] {
  const classes = [...new Set(items.flat())].sort((a, b) => a - b);
  return classes.map((gold) => classes.map((said) => items.filter((item) => item[0] === gold && item[1] === said).length));
}
