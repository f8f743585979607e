// Shares (accuracies, pass rates): Wilson's interval of one, and McNemar's exact test of two on the same items.

import { invalid } from '../invalid.js';
import { ratio } from '../numeric/sums.js';
import { normalQuantile } from './normal.js';

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Wilson's score interval (1927) of `hits` in `total`. */
export function wilson(hits: number, total: number, confidence = 0.95): Range {
  if (!Number.isInteger(total) || total < 1) throw invalid('total', 'a whole number of at least 1', total);
  if (!(hits >= 0 && hits <= total)) throw invalid('hits', `a number from 0 to ${total}`, hits);
  if (!(confidence > 0 && confidence < 1)) throw invalid('confidence', 'a number between 0 and 1', confidence);
  const z = normalQuantile(1 - (1 - confidence) / 2);
  const share = hits / total;
  const below = 1 + z * z / total;
  const middle = (share + z * z / (2 * total)) / below;
  const half = z * Math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / below;
  return { low: hits === 0 ? 0 : Math.max(0, middle - half), high: hits === total ? 1 : Math.min(1, middle + half) };
}

/** P(X ≤ k) · 2^n of a fair coin tossed n times. */
function coinTail(k: number, n: number): bigint {
  let [term, sum] = [1n, 1n];
  for (let i = 1; i <= k; i++) {
    term = term * BigInt(n - i + 1) / BigInt(i);
    sum += term;
  }
  return sum;
}

export interface McNemar {
  /** Right with the first only, right with the second only. */
  readonly firstOnly: number;
  readonly secondOnly: number;
  /** Exact two-sided probability of a split at least as uneven if both were equally good. */
  readonly p: number;
}

/** McNemar's exact test (1947) from the two counts of items that only one of two systems got right. */
export function mcnemarCounts(firstOnly: number, secondOnly: number): McNemar {
  for (const [name, value] of [['firstOnly', firstOnly], ['secondOnly', secondOnly]] as const) {
    if (!Number.isInteger(value) || value < 0) throw invalid(name, 'a whole number of at least 0', value);
  }
  const total = firstOnly + secondOnly;
  const p = firstOnly === secondOnly ? 1 : Math.min(1, ratio(2n * coinTail(Math.min(firstOnly, secondOnly), total), 1n << BigInt(total)));
  return { firstOnly, secondOnly, p };
}

/** The same from what two systems got right, item by item. */
export function mcnemar(first: readonly boolean[], second: readonly boolean[]): McNemar {
  if (first.length !== second.length) throw invalid('second', `as many items as first (${first.length})`, second);
  return mcnemarCounts(
    first.filter((right, i) => right && !second[i]).length, second.filter((right, i) => right && !first[i]).length);
}
