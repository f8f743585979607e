// Philox4x32 in TypeScript, written from the paper (Salmon et al., SC 2011) and not from native/abi/philox.h, so
// that one can be held against the other.

const MASK = 0xffffffffn;

/** Four draws of 32 bits for a 64-bit key and a counter of four words. */
export function philox(
  seed: bigint,
  counter: readonly [number, number, number, number],
  rounds = 10,
): readonly [number, number, number, number] {
  let [c0, c1, c2, c3] = counter.map((c) => BigInt(c >>> 0)) as [bigint, bigint, bigint, bigint];
  let k0 = seed & MASK;
  let k1 = (seed >> 32n) & MASK;
  for (let round = 0; round < rounds; ++round) {
    const left = 0xd2511f53n * c0;
    const right = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(right >> 32n) ^ c1 ^ k0, right & MASK, (left >> 32n) ^ c3 ^ k1, left & MASK];
    k0 = (k0 + 0x9e3779b9n) & MASK;
    k1 = (k1 + 0xbb67ae85n) & MASK;
  }
  return [Number(c0), Number(c1), Number(c2), Number(c3)];
}

/** [0, 1) with 24 bits. */
export function uniform(draw: number): number {
  return (draw >>> 8) / 16777216;
}
