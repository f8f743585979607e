// From the scores of rows to one number and its standard error: means by formula, everything else by the bootstrap with
// the draws that lm-evaluation-harness makes.

import { bleu, chrf, matthews, ter } from '../../score/index.js';
import { dataError } from '../../errors.js';
import { PythonRandom } from './python-random.js';

type Pair = readonly [number, number];
/** A target and what was said. */
type Texts = readonly [target: string, said: string];
const columns = (items: readonly Texts[]): [string[], string[]] => [items.map(([, said]) => said), items.map(([target]) => target)];

export interface Aggregated {
  readonly value: number;
  /** Undefined where there is no way to estimate it. */
  readonly stderr: number | undefined;
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

/** One number for all rows. `draws` of the bootstrap; 0: no standard errors but the mean's. */
export function aggregate(name: string, items: readonly unknown[], draws: number): Aggregated {
  const one = AGGREGATIONS[name]!;
  const value = one(items as never[]);
  return { value, rows: items.length, stderr: name === 'mean' ? meanError(items as readonly number[]) : BOOTSTRAPPED.has(name) && draws > 0 ? bootstrap(one, items, CORPUS.has(name) ? Math.min(draws, MOST_CORPUS_DRAWS) : draws) : undefined };
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

/** Draws with replacement, a thousand for each seed from 0 on. */
function bootstrap(one: (items: never[]) => number, items: readonly unknown[], draws: number): number {
  const chunk = Math.min(1000, draws);
  const values: number[] = [];
  for (let seed = 0; seed < Math.floor(draws / chunk); seed++) {
    const random = new PythonRandom(seed);
    for (let i = 0; i < chunk; i++) values.push(one(Array.from(random.choices(items.length, items.length), (at) => items[at]) as never[]));
  }
  return deviation(values);
}

/** How often each class was said for each. */
function confusion(items: readonly Pair[]): number[][] {
  const classes = [...new Set(items.flat())].sort((a, b) => a - b);
  return classes.map((gold) => classes.map((said) => items.filter((item) => item[0] === gold && item[1] === said).length));
}
