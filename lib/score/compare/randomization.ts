// Approximate randomisation (Noreen, 1989): if two systems were alike, it would not matter which of them gave which of
// two answers. Answers are swapped at random, item by item or cluster by cluster, and p is how often the difference of
// means is then at least as large. With few items all swaps are tried, and p is exact.

import { invalid, sameLength } from '../invalid.js';
import { Pcg64 } from '../numeric/pcg64.js';

export interface RandomizationOptions {
  /** @default 10000 */
  readonly trials?: number;
  /** @default 12345 */
  readonly seed?: number;
  /** Items with the same mark are swapped together. */
  readonly clusters?: readonly (string | number)[];
}

export interface Randomization {
  /** Mean of second minus mean of first. */
  readonly difference: number;
  readonly p: number;
  /** All swaps were tried. */
  readonly exact: boolean;
}

const EXACT_UP_TO = 12;

export function approximateRandomization(
  first: readonly number[], second: readonly number[], options: RandomizationOptions = {},
): Randomization {
  const { trials = 10000, seed = 12345, clusters } = options;
  sameLength('second', second.length, 'first', first.length);
  if (first.length === 0) throw invalid('first', 'at least one item', first);
  if (!Number.isInteger(trials) || trials < 1) throw invalid('trials', 'a whole number of at least 1', trials);
  if (clusters) sameLength('clusters', clusters.length, 'first', first.length);
  const sums = new Map<string | number, number>();
  first.forEach((value, i) => {
    const mark = clusters ? clusters[i]! : i;
    sums.set(mark, (sums.get(mark) ?? 0) + second[i]! - value);
  });
  const gaps = [...sums.values()];
  const total = gaps.reduce((sum, gap) => sum + gap, 0);
  const far = Math.abs(total) - 1e-12 * gaps.reduce((sum, gap) => sum + Math.abs(gap), 0); // equal but for rounding counts as equal
  const exact = gaps.length <= EXACT_UP_TO;
  let atLeast = 0;
  const count = exact ? 2 ** gaps.length : trials;
  const coins = exact ? undefined : new Pcg64(seed).coins(trials * gaps.length);
  for (let t = 0; t < count; t++) {
    let sum = 0;
    for (let i = 0; i < gaps.length; i++) sum += (coins ? coins[t * gaps.length + i]! : (t >>> i) & 1) ? -gaps[i]! : gaps[i]!;
    if (Math.abs(sum) >= far) atLeast++;
  }
  return { difference: total / first.length, p: exact ? atLeast / count : (atLeast + 1) / (count + 1), exact };
}
