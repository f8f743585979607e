// Intervals and tests by resampling, for any score: items, pairs of items or whole clusters (documents, conversations)
// are drawn with replacement, and percentiles of the scores are the interval (Efron, 1979).

import { invalid, sameLength } from '../invalid.js';
import { mean } from '../numeric/sums.js';
import { Pcg64 } from '../numeric/pcg64.js';
import { percentile } from '../numeric/percentile.js';
import type { Range } from './shares.js';

export interface ResamplingOptions {
  /** @default 1000 */
  readonly resamples?: number;
  /** @default 0.95 */
  readonly confidence?: number;
  /** @default 12345 */
  readonly seed?: number;
  /** Items with the same mark are drawn together. */
  readonly clusters?: readonly (string | number)[];
}

export interface Estimate extends Range {
  readonly value: number;
  /** Standard deviation of the score over the resamples. */
  readonly standardError: number;
}

/** Draws lists of item numbers: items, or all items of drawn clusters. */
function* draws(count: number, options: ResamplingOptions): Generator<Uint32Array> {
  const { resamples = 1000, seed = 12345, clusters } = options;
  if (!Number.isInteger(resamples) || resamples < 2) throw invalid('resamples', 'a whole number of at least 2', resamples);
  const generator = new Pcg64(seed);
  if (clusters === undefined) {
    for (let r = 0; r < resamples; r++) yield generator.choice(count, count);
    return;
  }
  sameLength('clusters', clusters.length, 'items', count);
  const groups = new Map<string | number, number[]>();
  clusters.forEach((mark, i) => groups.set(mark, [...groups.get(mark) ?? [], i]));
  const all = [...groups.values()];
  for (let r = 0; r < resamples; r++) {
    yield Uint32Array.from([...generator.choice(all.length, all.length)].flatMap((group) => all[group]!));
  }
}

function estimate(value: number, scores: readonly number[], confidence: number): Estimate {
  if (!(confidence > 0 && confidence < 1)) throw invalid('confidence', 'a number between 0 and 1', confidence);
  const middle = mean(scores);
  const standardError = Math.sqrt(scores.reduce((sum, score) => sum + (score - middle) ** 2, 0) / (scores.length - 1));
  return { value, standardError, low: percentile(scores, (1 - confidence) / 2), high: percentile(scores, 1 - (1 - confidence) / 2) };
}

/** The interval of a score of items; the score is the mean unless another is given. */
export function bootstrap<T>(
  items: readonly T[], options: ResamplingOptions = {}, score: (items: readonly T[]) => number = (all) => mean(all as readonly number[]),
): Estimate {
  if (items.length === 0) throw invalid('items', 'at least one', items);
  const scores: number[] = [];
  for (const drawn of draws(items.length, options)) scores.push(score(Array.from(drawn, (i) => items[i]!)));
  return estimate(score(items), scores, options.confidence ?? 0.95);
}

export interface Difference extends Estimate {
  /** Two-sided: how improbable a difference this far from 0 is if there is none. */
  readonly p: number;
}

/**
 * The difference `second` minus `first` of two systems on the same items, with its interval. p is the share of
 * resamples whose difference lies at least as far from the seen one as that lies from 0 (one added above and below).
 */
export function pairedBootstrap<T>(
  first: readonly T[], second: readonly T[], options: ResamplingOptions = {},
  score: (items: readonly T[]) => number = (all) => mean(all as readonly number[]),
): Difference {
  sameLength('second', second.length, 'first', first.length);
  if (first.length === 0) throw invalid('first', 'at least one item', first);
  const seen = score(second) - score(first);
  const scores: number[] = [];
  let further = 0;
  for (const drawn of draws(first.length, options)) {
    const difference = score(Array.from(drawn, (i) => second[i]!)) - score(Array.from(drawn, (i) => first[i]!));
    scores.push(difference);
    if (Math.abs(difference - seen) >= Math.abs(seen)) further++;
  }
  return { ...estimate(seen, scores, options.confidence ?? 0.95), p: seen === 0 ? 1 : (further + 1) / (scores.length + 1) };
}
