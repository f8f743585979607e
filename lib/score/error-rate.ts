// Edit-distance error rates: how many symbols must be put in, taken out or replaced to turn an answer into the right
// one, over the number of right symbols. With phonemes it is the phoneme error rate, with words the word error rate.

/** Fewest insertions, deletions and replacements that turn `from` into `to`. */
export function edits<T>(from: readonly T[], to: readonly T[]): number {
  let previous = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)));
    }
    previous = row;
  }
  return previous[to.length]!;
}

export interface ErrorRate {
  /** Edits by right symbols over all pairs; above 1 when answers are much too long. */
  readonly rate: number;
  /** Share of answers without any error. */
  readonly exact: number;
  readonly pairs: number;
}

/** Over all pairs together, as is usual: long answers count more than short ones. */
export function errorRate<T>(pairs: readonly { readonly answer: readonly T[]; readonly right: readonly T[] }[]): ErrorRate {
  let [wrong, symbols, exact] = [0, 0, 0];
  for (const { answer, right } of pairs) {
    const distance = edits(answer, right);
    wrong += distance;
    symbols += right.length;
    if (distance === 0) exact++;
  }
  return { rate: wrong / symbols, exact: exact / pairs.length, pairs: pairs.length };
}
