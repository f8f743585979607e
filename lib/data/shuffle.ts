// A shuffle with no memory: a keyed permutation of [0, n), any element of which can be computed on its own.
//
// A Feistel network over the smallest even number of bits that holds n, walked again while the result lies outside
// (cycle walking), is a permutation of [0, n). It is a pure function of seed and epoch.

const ROUNDS = 8;
const { imul, floor } = Math;

/** The place of item `index` in the shuffled order of `count` items. `index` and the result are in [0, count). */
export type Permutation = (index: number) => number;

export function permutation(count: number, seed: number, epoch = 0): Permutation {
  if (!Number.isSafeInteger(count) || count < 0 || count > 2 ** 48)
    throw new RangeError(`count: expected an integer up to 2^48, came ${count}`);
  let half = 1;
  while (2 ** (2 * half) < count) half++;
  const size = 2 ** half;
  const keys = Array.from({ length: ROUNDS }, (_, round) =>
    mix(mix(mix(seed >>> 0, seed / 2 ** 32), epoch), round + 1),
  );
  return (index) => {
    if (!(index >= 0 && index < count)) throw new RangeError(`index: expected 0 to ${count - 1}, came ${index}`);
    let value = index;
    do {
      let left = floor(value / size);
      let right = value % size;
      for (const key of keys) {
        const next = (left ^ mix(key, right)) & (size - 1);
        left = right;
        right = next >>> 0;
      }
      value = left * size + right;
    } while (value >= count);
    return value;
  };
}

/** A 32-bit hash of two 32-bit words (murmur3's mixing steps); also used to derive seeds. */
export function mix(a: number, b: number): number {
  let h = imul((a ^ 0x9e3779b9) >>> 0, 0x85ebca6b);
  h ^= h >>> 13;
  h = (h + imul(b >>> 0, 0xcc9e2d51)) | 0;
  h ^= h >>> 15;
  h = imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  h = imul(h + 0x7f4a7c15, 0x1b873593);
  return (h ^ (h >>> 15)) >>> 0;
}
