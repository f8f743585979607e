// The answers of a row without what comes before them: for the loss of an answer that nobody asked for. The tokens are
// those of the row, so that both losses are over the same ones.
import type { Sequence } from '../../batch.js';
import type { SequenceSet } from '../../pack/plan.js';

/**
 * Each learned run of the row, behind `anchor` (the token that begins texts) in place of its context, end to end. Runs
 * of one row follow each other, so an answer of a later turn has the earlier answers before it, but no question.
 */
export function answersAlone({ labels, weights, row }: Sequence, anchor: number): Sequence {
  const places: number[] = [];
  for (let t = 0; t < labels.length; t++) if (labels[t]! >= 0) places.push(t);
  const own = new Int32Array(places.length + 1);
  own[0] = anchor;
  for (const [i, place] of places.entries()) own[i + 1] = labels[place]!;
  const learned = new Int32Array(places.length + 1).fill(-1);
  learned.set(own.subarray(1));
  return {
    tokens: own.subarray(0, Math.max(1, places.length)), labels: learned.subarray(0, Math.max(1, places.length)), row,
    ...(weights === undefined ? {} : { weights: Float32Array.from(places, (place) => weights[place]!) }),
  };
}

/** True where something stands before the first learned token's own text: a prompt. */
export function hasPrompt({ tokens, labels }: Sequence): boolean {
  const first = labels.findIndex((label) => label >= 0);
  // Plain text is learned from its second token on.
  return first > 0 && tokens.length > 1;
}

/** Rows [from, to), each once as it is and once as its answers alone: sequences 2 i and 2 i + 1, numbered so. */
export function bothWays(rows: SequenceSet, anchor: number | undefined, from: number, to: number): SequenceSet {
  const ways = anchor === undefined ? 1 : 2;
  let last: { readonly index: number; readonly sequence: Sequence } | undefined;
  const get = (index: number): Sequence => {
    if (last?.index === index) return last.sequence;
    const whole = rows.get(from + Math.floor(index / ways));
    const sequence = index % ways === 0 ? whole : answersAlone(whole, anchor!);
    last = { index, sequence: { ...sequence, row: index } };
    return last.sequence;
  };
  return { length: (to - from) * ways, lengthOf: (index) => (ways === 1 ? rows.lengthOf(from + index) : get(index).tokens.length), get };
}
