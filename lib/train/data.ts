// From encoded rows to batches: rows that are too long cut into pieces, and one pass in order for evaluation.

import type { Batch } from '../batch.js';
import { cut, stridedSpans } from '../eval/perplexity.js';
import type { PassBatch } from '../eval/measure.js';
import type { Span } from '../eval/perplexity.js';
import { collate } from '../pack/collate.js';
import type { SequenceSet } from '../pack/plan.js';

/** The same rows, with those longer than `length` in several pieces. Every label is learned once. */
export function splitRows(rows: SequenceSet, length: number): SequenceSet {
  const pieces: { readonly row: number; readonly begin: number; readonly end: number }[] = [];
  for (let row = 0; row < rows.length; row++) {
    const total = rows.lengthOf(row);
    for (let begin = 0; begin < total; begin += length) pieces.push({ row, begin, end: Math.min(total, begin + length) });
  }
  if (pieces.length === rows.length) return rows;
  return {
    length: pieces.length,
    lengthOf: (index) => pieces[index]!.end - pieces[index]!.begin,
    get: (index) => {
      const { row, begin, end } = pieces[index]!;
      return cut(rows.get(row), { begin, end, score: begin });
    },
  };
}

/** Most sequences that a training batch of these rows can hold, however they are packed. */
export function mostSequences(rows: Pick<SequenceSet, 'length' | 'lengthOf'>, budget: number): number {
  let shortest = budget;
  for (let i = 0; i < rows.length; i++) shortest = Math.min(shortest, rows.lengthOf(i));
  return Math.max(1, Math.min(rows.length, Math.floor(budget / Math.max(1, shortest))));
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

type Item = { readonly row: number; readonly span: Span };

/** One pass over all rows in order, batch by batch: only one batch is in memory. */
export function* onePass(rows: SequenceSet, options: PassOptions): Generator<Batch> {
  for (const items of passBins(rows, options)) {
    yield collate(items.map(({ row, span }) => ({ sequence: cut(rows.get(row), span), slot: options.slot })));
  }
}

/** The same with the index of the row that each sequence belongs to. */
export function* rowPass(rows: SequenceSet, options: PassOptions): Generator<PassBatch> {
  for (const items of passBins(rows, options)) {
    const sequences = items.map(({ row, span }) => cut(rows.get(row), span));
    yield { batch: collate(sequences.map((sequence) => ({ sequence, slot: options.slot }))), rows: sequences.map(({ row }) => row) };
  }
}

/** Most sequences in a batch of such a pass. */
export function widestBatch(rows: SequenceSet, options: Omit<PassOptions, 'slot'>): number {
  let most = 1;
  for (const items of passBins(rows, options)) most = Math.max(most, items.length);
  return most;
}

function* passBins(rows: SequenceSet, { budget, maxLength, stride }: Omit<PassOptions, 'slot'>): Generator<readonly Item[]> {
  let items: Item[] = [];
  let used = 0;
  for (let row = 0; row < rows.length; row++) {
    for (const span of stridedSpans(rows.lengthOf(row), Math.min(maxLength, budget), stride)) {
      const length = span.end - span.begin;
      if (used + length > budget && items.length > 0) {
        yield items;
        items = [];
        used = 0;
      }
      items.push({ row, span });
      used += length;
    }
  }
  if (items.length > 0) yield items;
}
