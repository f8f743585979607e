// The order of batches over a whole run. Everything follows from the packed epochs, so a position is just the number
// of updates done: a resumed run sees what an undisturbed one would have seen.

import type { Batch } from '../batch.js';

/** The packed batches of one pass over the data. `batch(i)` builds the arrays; it may be called again. */
export interface PackedEpoch {
  readonly count: number;
  batch(index: number): Batch;
}

/** The micro-batches of one update. */
export interface Window {
  /** Passes over the data when this update is done. */
  readonly epoch: number;
  readonly batches: readonly (() => Batch)[];
}

export class Feed {
  #epoch = -1;
  #first = 0; // update with which the current epoch begins
  #packed: PackedEpoch = { count: 0, batch: () => { throw new Error('no epoch yet'); } };

  /** `pack(epoch)` must give the same batches whenever it is asked for the same epoch. */
  constructor(private readonly pack: (epoch: number) => PackedEpoch, private readonly accumulation: number) {}

  /** The window of update `step` (0 is the first). Steps must not go down. */
  window(step: number): Window {
    while (step >= this.#first + this.#updates()) {
      this.#first += this.#updates();
      this.#packed = this.pack(++this.#epoch);
      if (this.#packed.count === 0) throw new RangeError(`epoch ${this.#epoch} has no batches`);
    }
    const begin = (step - this.#first) * this.accumulation;
    const end = Math.min(this.#packed.count, begin + this.accumulation);
    const packed = this.#packed;
    return {
      epoch: this.#epoch + end / packed.count,
      batches: Array.from({ length: end - begin }, (_, i) => () => packed.batch(begin + i)),
    };
  }

  #updates(): number {
    return Math.ceil(this.#packed.count / this.accumulation);
  }
}
