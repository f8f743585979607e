// The memoryless shuffle is a permutation, depends on seed and epoch, and mixes well.
import * as fc from 'fast-check';
import { permutation } from '../../../lib/data/shuffle.js';

test('it is a permutation for every size, seed and epoch', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 700 }), fc.integer(), fc.nat(1000), (count, seed, epoch) => {
      const shuffled = permutation(count, seed, epoch);
      const seen = new Set(Array.from({ length: count }, (_, i) => shuffled(i)));
      expect(seen.size).toBe(count);
      expect([...seen].every((value) => value >= 0 && value < count)).toBe(true);
    }),
  );
});

test('seed and epoch change the order, the same ones repeat it', () => {
  const order = (seed: number, epoch: number) => Array.from({ length: 50 }, (_, i) => permutation(50, seed, epoch)(i));
  expect(order(1, 0)).toEqual(order(1, 0));
  expect(order(1, 0)).not.toEqual(order(2, 0));
  expect(order(1, 0)).not.toEqual(order(1, 1));
});

test('every item lands everywhere about equally often', () => {
  const count = 10,
    tries = 4000;
  const hits = Array.from({ length: count }, () => new Float64Array(count));
  for (let seed = 0; seed < tries; seed++) {
    const shuffled = permutation(count, seed);
    for (let i = 0; i < count; i++) (hits[i] as Float64Array)[shuffled(i)]!++;
  }
  const expected = tries / count;
  for (const row of hits) {
    // Chi-squared with 9 degrees of freedom: 33.7 is exceeded once in ten thousand; 10 rows.
    expect(row.reduce((sum, hit) => sum + (hit - expected) ** 2 / expected, 0)).toBeLessThan(40);
  }
});

test('billions of items take no memory', () => {
  const shuffled = permutation(60_000_000_000, 7);
  const seen = new Set(Array.from({ length: 1000 }, (_, i) => shuffled(i * 59_999_999)));
  expect(seen.size).toBe(1000);
});
