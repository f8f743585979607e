// NumPy's default generator: PCG-64 (XSL-RR output) behind a SeedSequence, with the ways that Generator.choice and
// Generator.integers turn its words into whole numbers. Resampling with seed 12345 thus draws what sacreBLEU draws.

import { invalid } from '../invalid.js';

const { floor, imul } = Math;

const low = (x: number): number => x & 0xffff;

/** High word of the 64-bit product of two words. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, low(a), b >>> 16, low(b)];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + low(middle);
  return (aHigh * bHigh + floor(middle / 65536) + floor(cross / 65536)) >>> 0;
}

/** Mixes a seed into words that look unrelated (Melissa O'Neill's seed_seq as NumPy has it). */
export function seedWords(seed: number, count: number): Uint32Array {
  const entropy = seed < 2 ** 32 ? [seed >>> 0] : [seed >>> 0, floor(seed / 2 ** 32) >>> 0];
  let constant = 0x43b0d7e5;
  const hash = (word: number): number => {
    let value = word ^ constant;
    constant = imul(constant, 0x931e8875);
    value = imul(value, constant);
    return (value ^ (value >>> 16)) >>> 0;
  };
  const pool = Uint32Array.from({ length: 4 }, (_, i) => hash(entropy[i] ?? 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from === to) continue;
      const mixed = (imul(0xca01f9dd, pool[to]!) - imul(0x4973f715, hash(pool[from]!))) | 0;
      pool[to] = mixed ^ (mixed >>> 16);
    }
  }
  let second = 0x8b51f9dd;
  return Uint32Array.from({ length: count }, (_, i) => {
    let value = pool[i % 4]! ^ second;
    second = imul(second, 0x58f38ded);
    value = imul(value, second);
    return (value ^ (value >>> 16)) >>> 0;
  });
}

export class Pcg64 {
  /** State and increment of 128 bits, lowest word first. */
  readonly #state = new Uint32Array(4);
  readonly #increment = new Uint32Array(4);
  #spare = 0;
  #hasSpare = false;
  #low = 0;
  #high = 0;

  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw invalid('seed', 'a whole number of at least 0', seed);
    const words = seedWords(seed, 8); // four 64-bit numbers, low word first: state high, state low, sequence high, low
    const inc = [words[6]!, words[7]!, words[4]!, words[5]!];
    for (let i = 0; i < 4; i++) this.#increment[i] = ((inc[i]! << 1) | (i === 0 ? 1 : inc[i - 1]! >>> 31)) >>> 0;
    this.#step();
    this.#add([words[2]!, words[3]!, words[0]!, words[1]!]);
    this.#step();
  }

  #add(other: ArrayLike<number>): void {
    let carry = 0;
    for (let i = 0; i < 4; i++) {
      const sum = this.#state[i]! + other[i]! + carry;
      this.#state[i] = sum;
      carry = sum > 0xffffffff ? 1 : 0;
    }
  }

  /** state = state · 0x2360ed051fc65da44385df649fccf645 + increment. */
  #step(): void {
    const [s0, s1, s2, s3] = [this.#state[0]!, this.#state[1]!, this.#state[2]!, this.#state[3]!];
    const [m0, m1, m2, m3] = [0x9fccf645, 0x4385df64, 0x1fc65da4, 0x2360ed05];
    const w0 = imul(s0, m0) >>> 0;
    const c1 = multiplyHigh(s0, m0) + (imul(s0, m1) >>> 0) + (imul(s1, m0) >>> 0);
    const c2 = floor(c1 / 2 ** 32) + multiplyHigh(s0, m1) + multiplyHigh(s1, m0) +
      (imul(s0, m2) >>> 0) + (imul(s1, m1) >>> 0) + (imul(s2, m0) >>> 0);
    const c3 = floor(c2 / 2 ** 32) + multiplyHigh(s0, m2) + multiplyHigh(s1, m1) + multiplyHigh(s2, m0) +
      (imul(s0, m3) >>> 0) + (imul(s1, m2) >>> 0) + (imul(s2, m1) >>> 0) + (imul(s3, m0) >>> 0);
    this.#state[0] = w0;
    this.#state[1] = c1 % 2 ** 32;
    this.#state[2] = c2 % 2 ** 32;
    this.#state[3] = c3 % 2 ** 32;
    this.#add(this.#increment);
  }

  #draw64(): void {
    this.#step();
    const s = this.#state;
    let xLow = s[2]! ^ s[0]!;
    let xHigh = s[3]! ^ s[1]!;
    let turn = s[3]! >>> 26;
    if (turn >= 32) { [xLow, xHigh] = [xHigh, xLow]; turn -= 32; }
    this.#low = turn === 0 ? xLow >>> 0 : ((xLow >>> turn) | (xHigh << (32 - turn))) >>> 0;
    this.#high = turn === 0 ? xHigh >>> 0 : ((xHigh >>> turn) | (xLow << (32 - turn))) >>> 0;
  }

  /** 32 bits: the low half of a 64-bit draw, then its high half. */
  word(): number {
    if (this.#hasSpare) {
      this.#hasSpare = false;
      return this.#spare;
    }
    this.#draw64();
    this.#hasSpare = true;
    this.#spare = this.#high;
    return this.#low;
  }

  /** A double in [0, 1): 53 bits of a fresh 64-bit draw. */
  uniform(): number {
    this.#draw64();
    return (this.#high * 2 ** 21 + (this.#low >>> 11)) / 2 ** 53;
  }

  /** `count` whole numbers in [0, below), as Generator.choice(below, count) draws them (Lemire's method). */
  choice(below: number, count: number): Uint32Array {
    const drawn = new Uint32Array(count);
    if (below <= 1) return drawn;
    const threshold = (2 ** 32 - below) % below;
    for (let i = 0; i < count; i++) {
      for (;;) {
        const word = this.word();
        const rest = imul(word, below) >>> 0;
        if (rest >= below || rest >= threshold) {
          drawn[i] = multiplyHigh(word, below);
          break;
        }
      }
    }
    return drawn;
  }

  /** `count` coin tosses, as Generator.integers(2, dtype=bool) draws them: a word holds 32, its lowest bit first. */
  coins(count: number): Uint8Array {
    const drawn = new Uint8Array(count);
    let word = 0;
    for (let i = 0; i < count; i++) {
      word = i % 32 === 0 ? this.word() : word >>> 1;
      drawn[i] = word & 1;
    }
    return drawn;
  }
}
