// The train probe: training rows that are measured beside the validation rows at every validation, so that the gap
// between the two is one of losses of the same model, not of averages over an epoch. Drawn once: the rows whose content
// has the smallest hashes under the seed, whatever their order in the file; a row that is there twice counts once.

import type { Sequence } from '../batch.js';
import type { SequenceSet } from '../pack/plan.js';

const { imul } = Math;

/** 53-bit hash of what a sequence says and of what is learned of it. */
export function contentHash({ tokens, labels }: Sequence, seed: number): number {
  let [a, b] = [imul(seed, 0x9e3779b1) ^ 0x85ebca6b, imul(seed + 1, 0xc2b2ae35) ^ 0x27d4eb2f];
  for (let t = 0; t < tokens.length; t++) {
    const word = tokens[t]! * 2 + (labels[t]! < 0 ? 0 : 1);
    a = imul(a ^ word, 0x85ebca6b);
    a ^= a >>> 15;
    b = imul(b ^ word, 0xc2b2ae35);
    b ^= b >>> 13;
  }
  a = imul(a ^ (b >>> 16), 0x9e3779b1);
  b = imul(b ^ (a >>> 13), 0x85ebca6b);
  return ((a >>> 0) & 0x1fffff) * 2 ** 32 + (b >>> 0);
}

/** Rows [index…] of another set. */
export class Subset implements SequenceSet {
  constructor(private readonly of: SequenceSet, readonly indices: Int32Array) {}

  get length(): number {
    return this.indices.length;
  }

  lengthOf(index: number): number {
    return this.of.lengthOf(this.indices[index]!);
  }

  get(index: number): Sequence {
    return this.of.get(this.indices[index]!);
  }
}

/** The `count` smallest different keys that were offered, and the index of each: memory of `count`, whatever is offered. */
export class Smallest {
  /** A heap with the largest key on top. */
  readonly #keys: number[] = [];
  readonly #indices: number[] = [];
  readonly #held = new Set<number>();

  constructor(private readonly count: number) {}

  offer(key: number, index: number): void {
    if (this.count === 0 || this.#held.has(key)) return;
    if (this.#keys.length < this.count) {
      this.#held.add(key);
      this.#indices.push(index);
      this.#up(this.#keys.push(key) - 1);
    } else if (key < this.#keys[0]!) {
      this.#held.delete(this.#keys[0]!);
      this.#held.add(key);
      [this.#keys[0], this.#indices[0]] = [key, index];
      this.#down();
    }
  }

  /** Indices in rising order. */
  indices(): Int32Array {
    return Int32Array.from(this.#indices).sort();
  }

  #up(at: number): void {
    for (let parent = (at - 1) >> 1; at > 0 && this.#keys[parent]! < this.#keys[at]!; parent = (at - 1) >> 1) {
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(): void {
    for (let at = 0; ;) {
      let largest = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#keys.length && this.#keys[child]! > this.#keys[largest]!) largest = child;
      }
      if (largest === at) return;
      this.#swap(at, largest);
      at = largest;
    }
  }

  #swap(a: number, b: number): void {
    [this.#keys[a], this.#keys[b]] = [this.#keys[b]!, this.#keys[a]!];
    [this.#indices[a], this.#indices[b]] = [this.#indices[b]!, this.#indices[a]!];
  }
}
