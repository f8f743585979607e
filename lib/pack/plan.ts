// The order of batches over all epochs: a pure function of the lengths, the seed and a cursor, so that a run can be
// left at any batch and go on with exactly the same ones.
import type { AdapterSlot, Batch, Sequence } from '../batch.js';
import { mix, permutation } from '../data/shuffle.js';
import { dataError } from '../record.js';
import { collate, type CollateOptions } from './collate.js';
import { pack, type Bin, type PackOptions } from './packer.js';

/** A tokenised data set, as far as packing needs it. */
export interface SequenceSet {
  readonly length: number;
  lengthOf(index: number): number;
  get(index: number): Sequence;
}

/** A place between two batches: plain numbers, kept in checkpoints. */
export interface Cursor {
  readonly epoch: number;
  /** Batches of the epoch that are done. */
  readonly index: number;
}

export const PLAN_START: Cursor = { epoch: 0, index: 0 };

export interface PlanOptions {
  /** Most tokens in one batch. */
  readonly batchTokens: number;
  readonly seed?: number;
  /** A new order in each epoch. Default true. */
  readonly shuffle?: boolean;
  readonly mode?: PackOptions['mode'];
  readonly window?: number;
  /** Sequences longer than a batch: refused, or cut into pieces that each fill one (no label is lost). Default 'error'. */
  readonly overlong?: 'error' | 'split';
  /** Which adapter learns from a sequence. Default: slot 0 for all. */
  readonly slotOf?: (index: number) => AdapterSlot;
  readonly collate?: CollateOptions;
}

export interface PlannedBatch {
  readonly batch: Batch;
  /** Where this batch starts, and where the next one does. */
  readonly cursor: Cursor;
  readonly after: Cursor;
  /** Sequences in it, in the order of the batch (pieces of one count each). */
  readonly sequences: readonly number[];
}

export interface PackReport {
  readonly batches: number;
  readonly sequences: number;
  readonly tokens: number;
  /** Share of the budget that stays empty, 0 to 1. */
  readonly waste: number;
  /** Sequences that were cut because they were longer than a batch. */
  readonly split: number;
}

/** A sequence, or a piece [begin, end) of one. */
interface Piece {
  readonly index: number;
  readonly begin: number;
  readonly end: number;
}

export class BatchPlan {
  readonly options: PlanOptions;
  readonly #set: SequenceSet;
  /** Present only when some sequence is longer than a batch. */
  readonly #pieces: readonly Piece[] | undefined;
  readonly #split: number;
  readonly #reports = new Map<number, PackReport>();

  constructor(set: SequenceSet, options: PlanOptions) {
    if (!Number.isInteger(options.batchTokens) || options.batchTokens < 1) {
      throw new RangeError(`batchTokens: expected a positive integer, came ${options.batchTokens}`);
    }
    if (set.length === 0) throw dataError({}, 'expected at least one sequence to train on, came none. Check the data, and how long rows are treated');
    this.#set = set;
    this.options = options;
    [this.#pieces, this.#split] = cut(set, options);
  }

  /** What packing does in an epoch; the same for every epoch when nothing is shuffled. */
  report(epoch = 0): PackReport {
    const key = this.options.shuffle === false ? 0 : epoch;
    let report = this.#reports.get(key);
    if (report === undefined) {
      let batches = 0, sequences = 0, tokens = 0;
      for (const bin of this.#bins(key)) {
        batches++;
        sequences += bin.length;
        for (const item of bin) tokens += this.#lengthOf(item);
      }
      report = { batches, sequences, tokens, waste: 1 - tokens / (batches * this.options.batchTokens), split: this.#split };
      this.#reports.set(key, report);
    }
    return report;
  }

  /**
   * Batches from a cursor on: to the end of `epochs` epochs, or for ever. The same cursor always gives the same ones.
   * Going on costs one pass over the lengths of the epoch, not over its tokens.
   */
  *batches(from: Cursor = PLAN_START, epochs = Infinity): Generator<PlannedBatch> {
    let skip = from.index;
    for (let epoch = from.epoch; epoch < epochs; epoch++) {
      let index = 0;
      let open: { bin: Bin; at: number } | undefined;
      for (const bin of this.#bins(epoch)) {
        // One behind, so that the last batch of an epoch points at the next epoch.
        if (open !== undefined && open.at >= skip) yield this.#build(open.bin, { epoch, index: open.at }, { epoch, index });
        open = { bin, at: index++ };
      }
      if (skip > index) throw new RangeError(`cursor: epoch ${epoch} has ${index} batches, came index ${skip}; the data or the seed has changed`);
      if (open !== undefined && open.at >= skip) yield this.#build(open.bin, { epoch, index: open.at }, { epoch: epoch + 1, index: 0 });
      skip = 0;
    }
  }

  #bins(epoch: number): Generator<Bin> {
    const { batchTokens, seed = 0, shuffle = true, mode, window } = this.options;
    const count = this.#pieces?.length ?? this.#set.length;
    const order = shuffle ? permutation(count, seed, epoch) : undefined;
    const items = function* () {
      for (let i = 0; i < count; i++) yield order === undefined ? i : order(i);
    };
    return pack(items(), (item) => this.#lengthOf(item), {
      budget: batchTokens, seed: mix(seed >>> 0, shuffle ? epoch : 0),
      ...(mode === undefined ? {} : { mode }), ...(window === undefined ? {} : { window }),
    });
  }

  #lengthOf(item: number): number {
    const piece = this.#pieces?.[item];
    return piece === undefined ? this.#set.lengthOf(item) : piece.end - piece.begin;
  }

  #build(bin: Bin, cursor: Cursor, after: Cursor): PlannedBatch {
    const { slotOf } = this.options;
    const placed = bin.map((item) => {
      const piece = this.#pieces?.[item] ?? { index: item, begin: 0, end: Infinity };
      return { index: piece.index, slot: slotOf?.(piece.index) ?? 0, sequence: slice(this.#set.get(piece.index), piece) };
    }).sort((a, b) => a.slot - b.slot);
    return { batch: collate(placed, this.options.collate), cursor, after, sequences: placed.map(({ index }) => index) };
  }
}

function cut(set: SequenceSet, { batchTokens, overlong = 'error' }: PlanOptions): [readonly Piece[] | undefined, number] {
  let long = 0;
  for (let i = 0; i < set.length; i++) {
    if (set.lengthOf(i) <= batchTokens) continue;
    if (overlong === 'error') {
      const { row } = set.get(i);
      throw dataError({ row: row + 1 }, `expected rows of at most ${batchTokens} tokens, one batch, came ${set.lengthOf(i)} (row counted over the whole data set). `
        + 'Raise train.batchTokens, set data.maxLength and data.tooLong, or split long documents (data.overlong: split)');
    }
    long++;
  }
  if (long === 0) return [undefined, 0];
  const pieces: Piece[] = [];
  for (let index = 0; index < set.length; index++) {
    const length = set.lengthOf(index);
    for (let begin = 0; begin < length; begin += batchTokens) pieces.push({ index, begin, end: Math.min(length, begin + batchTokens) });
  }
  return [pieces, long];
}

/** A piece keeps the label of its last token, though the token itself starts the next piece: nothing is lost. */
function slice(sequence: Sequence, { begin, end }: Piece): Sequence {
  if (begin === 0 && end >= sequence.tokens.length) return sequence;
  const { tokens, labels, weights, row } = sequence;
  return {
    row, tokens: tokens.subarray(begin, end), labels: labels.subarray(begin, end),
    ...(weights === undefined ? {} : { weights: weights.subarray(begin, end) }),
  };
}
