// The order of batches over all epochs: a pure function of the lengths, the seed and a cursor, so that a run can be
// left at any batch and go on with exactly the same ones.
import type { AdapterSlot, Batch, Sequence } from '../batch.js';
import { mix, permutation } from '../data/shuffle.js';
import { dataError } from '../errors.js';
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
  /**
   * Sequences longer than a batch: refused, or cut into pieces that each fill one (no label is lost). Default
   * 'error'.
   */
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

/** The batches of one epoch, to be built in any order and as often as wanted. */
export interface PackedEpoch {
  readonly count: number;
  batch(index: number): Batch;
  /** The sequences of a batch, in its order (each piece of a split one counts). */
  sequences(index: number): readonly number[];
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
  #packed: { epoch: number; bins: readonly Bin[] } | undefined;

  constructor(set: SequenceSet, options: PlanOptions) {
    if (!Number.isInteger(options.batchTokens) || options.batchTokens < 1) {
      throw new RangeError(`batchTokens: expected a positive integer, came ${options.batchTokens}`);
    }
    if (set.length === 0)
      throw dataError(
        {},
        'expected at least one sequence to train on, came none. Check the data, and how long rows are treated',
      );
    this.#set = set;
    this.options = options;
    [this.#pieces, this.#split] = cut(set, options);
  }

  /** What packing does in an epoch; the same for every epoch when nothing is shuffled. */
  report(epoch = 0): PackReport {
    const bins = this.#bins(epoch);
    let sequences = 0,
      tokens = 0;
    for (const bin of bins) {
      sequences += bin.length;
      for (const item of bin) tokens += this.#lengthOf(item);
    }
    return {
      batches: bins.length,
      sequences,
      tokens,
      waste: 1 - tokens / (bins.length * this.options.batchTokens),
      split: this.#split,
    };
  }

  /** Packs an epoch (one pass over the lengths) and gives random access to its batches. */
  epoch(epoch: number): PackedEpoch {
    const bins = this.#bins(epoch);
    const at = (index: number): Bin => {
      const bin = bins[index];
      if (bin === undefined)
        throw new RangeError(`index: expected a batch from 0 to ${bins.length - 1}, came ${index}`);
      return bin;
    };
    return {
      count: bins.length,
      batch: (index) => collate(this.#placed(at(index)), this.options.collate),
      sequences: (index) => this.#placed(at(index)).map((item) => item.index),
    };
  }

  /**
   * Batches from a cursor on: to the end of `epochs` epochs, or for ever. The same cursor always gives the same ones.
   * Going on costs one pass over the lengths of the epoch, not over its tokens.
   */
  *batches(from: Cursor = PLAN_START, epochs = Infinity): Generator<PlannedBatch> {
    for (let epoch = from.epoch; epoch < epochs; epoch++) {
      const packed = this.epoch(epoch);
      const first = epoch === from.epoch ? from.index : 0;
      if (first > packed.count)
        throw new RangeError(
          `cursor: epoch ${epoch} has ${packed.count} batches, came index ${first}; the data or the seed has changed`,
        );
      for (let index = first; index < packed.count; index++) {
        yield {
          batch: packed.batch(index),
          sequences: packed.sequences(index),
          cursor: { epoch, index },
          after: index + 1 < packed.count ? { epoch, index: index + 1 } : { epoch: epoch + 1, index: 0 },
        };
      }
    }
  }

  #bins(epoch: number): readonly Bin[] {
    const { batchTokens, seed = 0, shuffle = true, mode, window } = this.options;
    const key = shuffle ? epoch : 0;
    if (this.#packed?.epoch === key) return this.#packed.bins;
    const count = this.#pieces?.length ?? this.#set.length;
    const order = shuffle ? permutation(count, seed, key) : undefined;
    const items = function* () {
      for (let i = 0; i < count; i++) yield order === undefined ? i : order(i);
    };
    const bins = [
      ...pack(items(), (item) => this.#lengthOf(item), {
        budget: batchTokens,
        seed: mix(seed >>> 0, key),
        ...(mode === undefined ? {} : { mode }),
        ...(window === undefined ? {} : { window }),
      }),
    ];
    this.#packed = { epoch: key, bins };
    return bins;
  }

  #lengthOf(item: number): number {
    const piece = this.#pieces?.[item];
    return piece === undefined ? this.#set.lengthOf(item) : piece.end - piece.begin;
  }

  /** Sequences of a bin, sorted by slot as in the batch. */
  #placed(bin: Bin): { index: number; slot: AdapterSlot; readonly sequence: Sequence }[] {
    return bin
      .map((item) => {
        const piece = this.#pieces?.[item] ?? { index: item, begin: 0, end: Infinity };
        const set = this.#set;
        return {
          index: piece.index,
          slot: this.options.slotOf?.(piece.index) ?? 0,
          get sequence() {
            return slice(set.get(piece.index), piece);
          },
        };
      })
      .sort((a, b) => a.slot - b.slot);
  }
}

function cut(
  set: SequenceSet,
  { batchTokens, overlong = 'error' }: PlanOptions,
): [readonly Piece[] | undefined, number] {
  let long = 0;
  for (let i = 0; i < set.length; i++) {
    if (set.lengthOf(i) <= batchTokens) continue;
    if (overlong === 'error') {
      const { row } = set.get(i);
      throw dataError(
        { row: row + 1 },
        `expected rows of at most ${batchTokens} tokens, one batch, came ${set.lengthOf(i)} (row counted over the ` +
          'whole data set). ' +
          'Raise train.batchTokens, set train.maxLength and data.tooLong, or split long documents (data.tooLong: ' +
          'split)',
      );
    }
    long++;
  }
  if (long === 0) return [undefined, 0];
  const pieces: Piece[] = [];
  for (let index = 0; index < set.length; index++) {
    const length = set.lengthOf(index);
    for (let begin = 0; begin < length; begin += batchTokens)
      pieces.push({ index, begin, end: Math.min(length, begin + batchTokens) });
  }
  return [pieces, long];
}

/** A piece keeps the label of its last token, though the token itself starts the next piece: nothing is lost. */
function slice(sequence: Sequence, { begin, end }: Piece): Sequence {
  if (begin === 0 && end >= sequence.tokens.length) return sequence;
  const { tokens, labels, weights, row } = sequence;
  return {
    row,
    tokens: tokens.subarray(begin, end),
    labels: labels.subarray(begin, end),
    ...(weights === undefined ? {} : { weights: weights.subarray(begin, end) }),
  };
}
