// How far an adapter has moved a model from its base: the Kullback-Leibler divergence between the two distributions of
// the next token, exact over the whole vocabulary, at positions spread evenly over texts. Rows are what varies, as in measure.ts.

import type { Cancellable, Session } from '../engine/types.js';
import { Ratio } from './measure.js';
import type { PassBatch } from './measure.js';

export interface Divergence {
  /** Mean of KL(base ‖ adapter) over positions, in nats a token. */
  readonly value: number;
  /** Over rows. NaN with fewer than two. */
  readonly standardError: number;
  readonly positions: number;
  readonly rows: number;
}

export interface DivergenceOptions extends Cancellable {
  /** Every how many-th scored position is looked at. @default 1 */
  readonly every?: number;
}

/** Numbers that a call brings back from the device at most: 64 MiB. */
const MOST_NUMBERS = 2 ** 24;

/** Compares two passes over the same rows: one by the base model, one with the adapter. */
export async function divergence(session: Session, base: Iterable<PassBatch>, adapted: Iterable<PassBatch>, options: DivergenceOptions = {}): Promise<Divergence> {
  const { every = 1, signal } = options;
  const { vocabulary } = session.spec;
  const most = Math.max(1, Math.floor(MOST_NUMBERS / vocabulary));
  const sums = new Map<number, { sum: number; positions: number }>();
  const others = adapted[Symbol.iterator]();
  let scored = 0;
  for (const before of base) {
    const after = others.next().value as PassBatch;
    const { labels, seqBegin } = before.batch;
    const picked: { readonly at: number; readonly row: number }[] = [];
    for (const [q, row] of before.rows.entries()) {
      for (let at = seqBegin[q]!; at < seqBegin[q + 1]!; at++) if (labels[at]! >= 0 && scored++ % every === 0) picked.push({ at, row });
    }
    for (let begin = 0; begin < picked.length; begin += most) {
      const part = picked.slice(begin, begin + most);
      const places = Int32Array.from(part, ({ at }) => at);
      const [p, q] = [await session.logits(before.batch, places, { signal }), await session.logits(after.batch, places, { signal })];
      for (const [i, { row }] of part.entries()) {
        const own = sums.get(row) ?? { sum: 0, positions: 0 };
        own.sum += klOfLogits(p.subarray(i * vocabulary, (i + 1) * vocabulary), q.subarray(i * vocabulary, (i + 1) * vocabulary));
        own.positions++;
        sums.set(row, own);
      }
    }
  }
  const ratio = new Ratio();
  for (const { sum, positions } of sums.values()) ratio.add(sum, positions);
  return { value: ratio.value, standardError: ratio.error, positions: ratio.d, rows: ratio.rows };
}

/** KL(softmax(p) ‖ softmax(q)) in double precision; never below 0. */
export function klOfLogits(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let [topP, topQ] = [-Infinity, -Infinity];
  for (let i = 0; i < p.length; i++) {
    topP = Math.max(topP, p[i]!);
    topQ = Math.max(topQ, q[i]!);
  }
  let [sumP, sumQ, distance] = [0, 0, 0];
  for (let i = 0; i < p.length; i++) {
    const [a, b] = [p[i]! - topP, q[i]! - topQ];
    const weight = Math.exp(a);
    sumP += weight;
    sumQ += Math.exp(b);
    distance += weight * (a - b);
  }
  return Math.max(0, distance / sumP - Math.log(sumP) + Math.log(sumQ));
}
