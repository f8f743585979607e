// Which rows to keep by a score: the highest, the lowest or the middle ones, one after the other, leaving out those too
// like one that is kept already. Pure; every row left out has its reason.
import { drawOf, keyOf } from './key64.js';
import { similarity } from './text-vectors.js';

export interface ChooseOptions {
  /** Rows to keep; fewer come out where too few qualify. */
  readonly count: number;
  /** 'high': the highest scores first; 'low'; 'middle': the nearest to the median first. */
  readonly order: 'high' | 'low' | 'middle';
  /** Scores at or above it do not qualify. */
  readonly below?: number;
  /** Most that a row may be like one kept before it, in [0, 1]; needs `vectors`. */
  readonly alike?: number;
  /** Of TextVectors, in the order of rows. */
  readonly vectors?: Float32Array;
  /** Reported while rows are compared. */
  readonly onProgress?: (kept: number) => void;
}

export type Reason = 'kept' | 'nothing-learned' | 'score-too-high' | 'too-alike' | 'enough';

export interface Choice {
  readonly reason: readonly Reason[];
  /** Kept rows in the order in which they were taken. */
  readonly kept: readonly number[];
  /** For rows that are too alike: the kept row, and how much. */
  readonly like: ReadonlyMap<number, { readonly row: number; readonly similarity: number }>;
}

/** `scores[row]` is NaN for rows without a score. Ties are settled by row number. */
export function chooseRows(scores: ArrayLike<number>, options: ChooseOptions): Choice {
  const { count, order, below = Infinity, alike, vectors } = options;
  const reason: Reason[] = Array.from({ length: scores.length }, () => 'enough');
  const able: number[] = [];
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row]!;
    if (Number.isNaN(score)) reason[row] = 'nothing-learned';
    else if (score >= below) reason[row] = 'score-too-high';
    else able.push(row);
  }
  const middle = order === 'middle' ? medianOf(able.map((row) => scores[row]!)) : 0;
  const rank = (row: number): number => (order === 'high' ? -scores[row]! : order === 'low' ? scores[row]! : Math.abs(scores[row]! - middle));
  able.sort((a, b) => rank(a) - rank(b) || a - b);
  const kept: number[] = [];
  const like = new Map<number, { row: number; similarity: number }>();
  for (const row of able) {
    if (kept.length >= count) break;
    const near = alike === undefined || vectors === undefined ? undefined : firstAlike(vectors, row, kept, alike);
    if (near !== undefined) {
      reason[row] = 'too-alike';
      like.set(row, near);
      continue;
    }
    reason[row] = 'kept';
    kept.push(row);
    if (kept.length % 256 === 0) options.onProgress?.(kept.length);
  }
  return { reason, kept, like };
}

function firstAlike(vectors: Float32Array, row: number, kept: readonly number[], limit: number): { row: number; similarity: number } | undefined {
  for (const other of kept) {
    const how = similarity(vectors, row, other);
    if (how >= limit) return { row: other, similarity: how };
  }
  return undefined;
}

/** As many rows by lot, for comparison: a pure function of the seed. Only rows with a score take part. */
export function chooseAtRandom(scores: ArrayLike<number>, count: number, seed: number): number[] {
  return Array.from({ length: scores.length }, (_, row) => row).filter((row) => !Number.isNaN(scores[row]!))
    .map((row) => ({ row, draw: drawOf(keyOf(String(row), 'lot'), seed) }))
    .sort((a, b) => a.draw - b.draw || a.row - b.row).slice(0, count).map(({ row }) => row);
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length === 0 ? NaN : sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** What a set of rows is like, beside another set. */
export interface Portrait {
  readonly rows: number;
  readonly tokens: number;
  /** Mean over rows. */
  readonly score: number;
  readonly loss: number;
  /** Mean over (up to 500) rows of the similarity to the most similar other row of the set. */
  readonly nearest: number | null;
}

export function portrait(
  rows: readonly number[], of: { readonly score: (row: number) => number; readonly loss: (row: number) => number; readonly tokens: (row: number) => number },
  vectors?: Float32Array,
): Portrait {
  const mean = (value: (row: number) => number): number => rows.reduce((sum, row) => sum + value(row), 0) / rows.length;
  const step = Math.max(1, Math.floor(rows.length / 500));
  const looked = rows.filter((_, i) => i % step === 0).slice(0, 500);
  const others = rows.length > 20_000 ? rows.filter((_, i) => i % Math.ceil(rows.length / 20_000) === 0) : rows;
  const nearest = vectors === undefined || rows.length < 2 ? null : looked.reduce((sum, row) => {
    let best = -1;
    for (const other of others) if (other !== row) best = Math.max(best, similarity(vectors, row, other));
    return sum + best;
  }, 0) / looked.length;
  return { rows: rows.length, tokens: rows.reduce((sum, row) => sum + of.tokens(row), 0), score: mean(of.score), loss: mean(of.loss), nearest };
}
