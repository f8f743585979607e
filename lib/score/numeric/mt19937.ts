// NumPy's old generator, the Mersenne Twister behind numpy.random.seed, with the draws of numpy.random.choice:
// rouge_score's bootstrap uses it.

import { invalid } from '../invalid.js';

const { clz32, imul } = Math;

export class Mt19937 {
  readonly #state = new Uint32Array(624);
  #at = 624;

  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) throw invalid('seed', 'a whole number from 0 to 4294967295', seed);
    this.#state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const before = this.#state[i - 1]!;
      this.#state[i] = imul(before ^ (before >>> 30), 1812433253) + i;
    }
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < 624; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % 624]! & 0x7fffffff);
      state[i] = state[(i + 397) % 624]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }

  word(): number {
    if (this.#at === 624) this.#refill();
    let y = this.#state[this.#at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** `count` whole numbers in [0, below): words cut to the needed bits, those too large thrown away. */
  choice(below: number, count: number): Uint32Array {
    const drawn = new Uint32Array(count);
    if (below <= 1) return drawn;
    const mask = (2 ** (32 - clz32(below - 1)) - 1) >>> 0;
    for (let i = 0; i < count; i++) {
      let value = (this.word() & mask) >>> 0;
      while (value >= below) value = (this.word() & mask) >>> 0;
      drawn[i] = value;
    }
    return drawn;
  }
}
