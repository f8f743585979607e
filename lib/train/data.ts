// From encoded rows to batches: the epochs of a training run, and one pass in order for evaluation.

import type { Batch } from '../batch.js';
import { permutation } from '../data/shuffle.js';
import { cut, stridedSpans } from '../eval/perplexity.js';
import type { Span } from '../eval/perplexity.js';
import { collate } from '../pack/collate.js';
import type { CollateOptions } from '../pack/collate.js';
import { pack } from '../pack/packer.js';
import type { Bin } from '../pack/packer.js';
import type { EncodedSet } from '../text/encoded-set.js';
import type { PackedEpoch } from './feed.js';

export interface EpochOptions extends CollateOptions {
  /** Most tokens of a batch. */
  readonly budget: number;
  readonly seed: number;
  /** A new order in each epoch; false: the order of the data, always. */
  readonly shuffle: boolean;
}

type Rows = Pick<EncodedSet, 'length' | 'lengthOf' | 'get'>;

/** The packed batches of each epoch: a pure function of the rows, the options and the epoch's number. */
export function epochsOf(rows: Rows, options: EpochOptions): (epoch: number) => PackedEpoch {
  const { budget, seed, shuffle, ...collating } = options;
  let last: { readonly epoch: number; readonly bins: readonly Bin[] } | undefined;
  return (epoch) => {
    if (last === undefined || (last.epoch !== epoch && shuffle)) {
      const at = shuffle ? permutation(rows.length, seed, epoch) : (index: number): number => index;
      const order = Array.from({ length: rows.length }, (_, index) => at(index));
      const bins = [...pack(order, (item) => rows.lengthOf(item), { budget, seed: seed + epoch, mode: shuffle ? 'best-fit' : 'sequential' })];
      last = { epoch, bins };
    }
    const { bins } = last;
    return { count: bins.length, batch: (index) => collate(bins[index]!.map((item) => ({ sequence: rows.get(item) })), collating) };
  };
}

/** Most sequences that a batch of these rows can hold. */
export function mostSequences(rows: Pick<Rows, 'length' | 'lengthOf'>, budget: number): number {
  let shortest = budget;
  for (let i = 0; i < rows.length; i++) shortest = Math.min(shortest, rows.lengthOf(i));
  return Math.min(rows.length, Math.floor(budget / Math.max(1, shortest)));
}

export interface PassOptions {
  readonly budget: number;
  /** The adapter that answers; -1: the base model alone. */
  readonly slot: number;
  /** Rows longer than this are read in overlapping pieces; each token is scored once. */
  readonly maxLength: number;
  /** Tokens from one piece to the next; absent: half of maxLength. */
  readonly stride?: number;
}

/** One pass over all rows in order, batch by batch: only one batch is in memory. */
export function* onePass(rows: Rows, options: PassOptions): Generator<Batch> {
  const { budget, slot, maxLength, stride } = options;
  let items: { readonly row: number; readonly span: Span }[] = [];
  let used = 0;
  const batch = (): Batch => collate(items.map(({ row, span }) => ({ sequence: cut(rows.get(row), span), slot })));
  for (let row = 0; row < rows.length; row++) {
    for (const span of stridedSpans(rows.lengthOf(row), Math.min(maxLength, budget), stride)) {
      const length = span.end - span.begin;
      if (used + length > budget && items.length > 0) {
        yield batch();
        items = [];
        used = 0;
      }
      items.push({ row, span });
      used += length;
    }
  }
  if (items.length > 0) yield batch();
}
