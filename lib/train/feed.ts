// The order of batches over a whole run, cut into updates. Everything follows from the plan of batches, so a position
// is just the number of updates done: a resumed run sees what an undisturbed one would have seen.

import type { Batch } from '../batch.js';

/** As lib/pack's BatchPlan: how many batches an epoch has, and all of them from any place on. */
export interface BatchSource {
  report(epoch: number): { readonly batches: number };
  batches(from: { readonly epoch: number; readonly index: number }): Iterator<{ readonly batch: Batch }>;
}

/** The micro-batches of one update. Each is built when it is asked for: once, and in order. */
export interface Window<B = Batch> {
  /** Passes over the data when this update is done. */
  readonly epoch: number;
  readonly batches: readonly (() => B)[];
  /** Once all batches are built: the place behind them, for checkpoints. JSON. Absent: the number of updates says it. */
  readonly after?: () => unknown;
  /** Once all batches are built: the share of each set in all tokens so far. */
  readonly realised?: () => Readonly<Record<string, number>>;
}

/** What the loop takes windows from; batches may come late. */
export interface WindowFeed {
  next(): Window<Batch | Promise<Batch>>;
}

export class Feed {
  readonly #batches: Iterator<{ readonly batch: Batch }>;
  #epoch = 0;
  #index: number;

  /** Begins after `step` updates. */
  constructor(private readonly source: BatchSource, private readonly accumulation: number, step = 0) {
    let left = step;
    while (left >= this.#updates()) {
      left -= this.#updates();
      this.#epoch++;
    }
    this.#index = left * accumulation;
    this.#batches = source.batches({ epoch: this.#epoch, index: this.#index });
  }

  /** The next update's window. Windows never span two epochs: the last one of an epoch may be shorter. */
  next(): Window {
    const count = this.source.report(this.#epoch).batches;
    const end = Math.min(count, this.#index + this.accumulation);
    const batches = Array.from({ length: end - this.#index }, () => () => (this.#batches.next() as { value: { batch: Batch } }).value.batch);
    const epoch = this.#epoch + end / count;
    this.#index = end === count ? 0 : end;
    if (end === count) this.#epoch++;
    return { epoch, batches };
  }

  #updates(): number {
    const { batches } = this.source.report(this.#epoch);
    if (batches === 0) throw new RangeError(`epoch ${this.#epoch} has no batches`);
    return Math.ceil(batches / this.accumulation);
  }
}
