// 64-bit keys of texts, kept as two 32-bit words in flat arrays, and an index from key to number without a JavaScript
// object a key: a million of them take 24 MB.
import { createHash } from 'node:crypto';
import { mix } from '../data/shuffle.js';

export interface Key {
  readonly high: number;
  readonly low: number;
}

/** The first 64 bits of SHA-256; `salt` separates keys of different kinds. */
export function keyOf(text: string, salt = ''): Key {
  const digest = createHash('sha256').update(salt).update('\0').update(text).digest();
  return { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) };
}

/** The text whose hash identifies content: Unicode in one form, every run of white space one space. */
export function normalText(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

/** Lexicographic: which of two keys is the smaller one. */
export function isBelow(a: Key, b: Key): boolean {
  return a.high !== b.high ? a.high < b.high : a.low < b.low;
}

/** A number in [0, 1) with 53 random bits, a pure function of key and seed. */
export function drawOf({ high, low }: Key, seed: number): number {
  const start = mix(seed >>> 0, Math.floor(seed / 2 ** 32));
  const first = mix(mix(start, high), low);
  const second = mix(mix(mix(start, 0x5eed), low), high);
  return (first * 2 ** 21 + (second >>> 11)) / 2 ** 53;
}

export function hexOf({ high, low }: Key): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

/** Key → number of 0 or more. Open addressing; grows by doubling. */
export class KeyIndex {
  #high = new Uint32Array(1024);
  #low = new Uint32Array(1024);
  #value = new Int32Array(1024).fill(-1);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number kept for the key, or -1. */
  get(key: Key): number {
    return this.#value[this.#slot(key)]!;
  }

  /** Keeps `value` unless the key has a number already; returns the number that is kept. */
  add(key: Key, value: number): number {
    let slot = this.#slot(key);
    const kept = this.#value[slot]!;
    if (kept >= 0) return kept;
    if (++this.#size * 2 > this.#value.length) {
      this.#grow();
      slot = this.#slot(key);
    }
    this.#high[slot] = key.high;
    this.#low[slot] = key.low;
    this.#value[slot] = value;
    return value;
  }

  *entries(): Generator<readonly [Key, number]> {
    for (let slot = 0; slot < this.#value.length; slot++) {
      const value = this.#value[slot]!;
      if (value >= 0) yield [{ high: this.#high[slot]!, low: this.#low[slot]! }, value];
    }
  }

  #slot({ high, low }: Key): number {
    const mask = this.#value.length - 1;
    let slot = mix(high, low) & mask;
    while (this.#value[slot]! >= 0 && (this.#high[slot] !== high || this.#low[slot] !== low)) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [high, low, value] = [this.#high, this.#low, this.#value];
    this.#high = new Uint32Array(high.length * 2);
    this.#low = new Uint32Array(high.length * 2);
    this.#value = new Int32Array(high.length * 2).fill(-1);
    for (let old = 0; old < value.length; old++) {
      if (value[old]! < 0) continue;
      const slot = this.#slot({ high: high[old]!, low: low[old]! });
      this.#high[slot] = high[old]!;
      this.#low[slot] = low[old]!;
      this.#value[slot] = value[old]!;
    }
  }
}
