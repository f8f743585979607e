// Precision, recall and F1 of whole entities (names in tagged text): right means the same type, start and end.
// Equal to seqeval, in its default mode and, with a scheme, in its strict one.

import { invalid, sameLength } from '../invalid.js';
import { pairwiseSum } from '../numeric/sums.js';
import { byCodePoint } from '../text/order.js';
import { addCounts, divide } from './rates.js';
import type { Counts, Rates } from './rates.js';
import { lenientEntities, strictEntities, TAG_SCHEMES } from './schemes.js';
import type { Entity, TagScheme } from './schemes.js';

export interface EntityOptions {
  /** Count only what this scheme allows; absent: the lenient reading of conlleval. */
  readonly scheme?: TagScheme;
  /** What a share of nothing is. @default 0 */
  readonly zeroDivision?: 0 | 1;
}

export interface EntityReport {
  /** Share of tags that are right. */
  readonly accuracy: number;
  readonly types: readonly string[];
  /** In the order of `types`. */
  readonly perType: readonly Rates[];
  readonly micro: Rates;
  readonly macro: Rates;
  readonly weighted: Rates;
}

function rate({ hits, predicted, actual }: Counts, otherwise: number): Rates {
  const precision = divide(hits, predicted, otherwise);
  const recall = divide(hits, actual, otherwise);
  return { precision, recall, f1: 2 * precision * recall / (precision + recall || 1), support: actual };
}

/** How well predicted tags find the entities of the true ones, sentence by sentence. */
export function entityScores(
  truth: readonly (readonly string[])[], predicted: readonly (readonly string[])[], options: EntityOptions = {},
): EntityReport {
  const { scheme, zeroDivision = 0 } = options;
  if (scheme !== undefined && !TAG_SCHEMES.includes(scheme)) throw invalid('scheme', `one of ${TAG_SCHEMES.join(', ')}`, scheme);
  sameLength('predicted', predicted.length, 'truth', truth.length);
  truth.forEach((tags, i) => sameLength(`predicted[${i}]`, predicted[i]!.length, `truth[${i}]`, tags.length));
  const find = (tags: readonly string[]): readonly Entity[] => scheme ? strictEntities(tags, scheme) : lenientEntities(tags);
  const gather = (all: readonly (readonly string[])[]): Map<string, Set<string>> => {
    const byType = new Map<string, Set<string>>();
    all.forEach((tags, i) => {
      for (const { type, start, end } of find(tags)) {
        let set = byType.get(type);
        if (set === undefined) byType.set(type, set = new Set());
        set.add(`${i} ${start} ${end}`);
      }
    });
    return byType;
  };
  const [there, called] = [gather(truth), gather(predicted)];
  const types = [...new Set([...there.keys(), ...called.keys()])].sort(byCodePoint);
  const counts = types.map((type): Counts => {
    const [actual, guesses] = [there.get(type) ?? new Set(), called.get(type) ?? new Set()];
    return { hits: [...guesses].filter((place) => actual.has(place)).length, predicted: guesses.size, actual: actual.size };
  });
  const total = addCounts(counts);
  const perType = counts.map((count) => rate(count, zeroDivision));
  const mean = (pick: (rates: Rates) => number): number => pairwiseSum(perType.map(pick)) / perType.length;
  const weighted = (pick: (rates: Rates) => number, otherwise: number): number =>
    total.actual === 0 ? otherwise : pairwiseSum(perType.map((rates) => pick(rates) * rates.support)) / total.actual;
  const nothing = total.predicted === 0 ? zeroDivision : 0;
  let [right, tags] = [0, 0];
  truth.forEach((row, i) => row.forEach((tag, j) => {
    tags++;
    if (predicted[i]![j] === tag) right++;
  }));
  return {
    accuracy: right / tags, types, perType, micro: rate(total, zeroDivision),
    macro: { precision: mean((r) => r.precision), recall: mean((r) => r.recall), f1: mean((r) => r.f1), support: total.actual },
    weighted: {
      precision: weighted((r) => r.precision, nothing), recall: weighted((r) => r.recall, zeroDivision),
      f1: weighted((r) => r.f1, nothing), support: total.actual,
    },
  };
}
