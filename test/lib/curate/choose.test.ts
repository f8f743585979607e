// Choosing rows by score and likeness, and the fitted curve of learning: against plain definitions and known truths.
import fc from 'fast-check';
import { chooseAtRandom, chooseRows, portrait } from '../../../lib/curate/choose.js';
import { advise, fitCurve, valueAt } from '../../../lib/curate/learning-curve.js';
import { similarity, TextVectors } from '../../../lib/curate/text-vectors.js';

test('the highest, the lowest, the middle; ties by row; rows without a score never', () => {
  const scores = [3, NaN, 1, 2, 3, 9, 2.5];
  expect(chooseRows(scores, { count: 3, order: 'high', below: 9 }).kept).toEqual([0, 4, 6]);
  expect(chooseRows(scores, { count: 2, order: 'low' }).kept).toEqual([2, 3]);
  expect(chooseRows(scores, { count: 3, order: 'middle' }).kept).toEqual([0, 4, 6]);
  const { reason } = chooseRows(scores, { count: 3, order: 'high', below: 9 });
  expect(reason).toEqual(['kept', 'nothing-learned', 'enough', 'enough', 'kept', 'score-too-high', 'kept']);
});

test('no two kept rows are more alike than allowed, and each row left out is like one that is kept', () => {
  fc.assert(fc.property(fc.array(fc.array(fc.constantFrom('red', 'blue', 'green', 'house', 'tree', 'runs', 'sleeps'), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 25 }), (texts) => {
    const all = new TextVectors();
    for (const words of texts) all.add(words.join(' '));
    const vectors = all.finish();
    const { kept, like, reason } = chooseRows(texts.map((_, i) => i), { count: 12, order: 'high', alike: 0.8, vectors });
    for (const a of kept) for (const b of kept) if (a < b) expect(similarity(vectors, a, b)).toBeLessThan(0.8);
    for (const [row, near] of like) {
      expect(reason[row]).toBe('too-alike');
      expect(kept).toContain(near.row);
      expect(similarity(vectors, row, near.row)).toBeGreaterThanOrEqual(0.8);
    }
    expect(kept.length).toBeLessThanOrEqual(12);
  }), { numRuns: 60 });
});

test('vectors: equal texts are equal, strangers nearly orthogonal, a small change small', () => {
  const texts = ['the quick brown fox jumps over the lazy dog near the river', 'The quick brown fox, jumps over the lazy dog near the river!',
    'the quick brown fox jumps over the sleepy dog near the river', 'winter came early and snow covered every quiet street', '', '!!!'];
  const all = new TextVectors();
  for (const text of texts) all.add(text);
  const vectors = all.finish();
  expect(similarity(vectors, 0, 1)).toBeCloseTo(1, 5);
  expect(similarity(vectors, 0, 2)).toBeGreaterThan(0.6);
  expect(Math.abs(similarity(vectors, 0, 3))).toBeLessThan(0.3);
  expect(similarity(vectors, 4, 0)).toBe(0);
  expect(similarity(vectors, 5, 5)).toBe(0);
});

test('rows by lot: as many as asked, the same for a seed, only rows with a score', () => {
  const scores = Array.from({ length: 200 }, (_, i) => (i % 4 === 0 ? NaN : i));
  const lot = chooseAtRandom(scores, 50, 3);
  expect(new Set(lot).size).toBe(50);
  expect(lot.every((row) => row % 4 !== 0)).toBe(true);
  expect(chooseAtRandom(scores, 50, 3)).toEqual(lot);
  expect(chooseAtRandom(scores, 50, 4)).not.toEqual(lot);
  expect(portrait([1, 2, 3], { score: (row) => row, loss: () => 2, tokens: () => 5 })).toEqual({ rows: 3, tokens: 15, score: 2, loss: 2, nearest: null });
});

test('a curve without noise comes back', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 3, noNaN: true }), fc.double({ min: 0.5, max: 50, noNaN: true }), fc.double({ min: 0.1, max: 1.5, noNaN: true }), (a, b, c) => {
    const truth = { a, b, c };
    const curve = fitCurve([100, 250, 500, 1000].map((rows) => ({ rows, loss: valueAt(truth, rows) })));
    for (const rows of [100, 500, 2000]) expect(Math.abs(valueAt(curve, rows) - valueAt(truth, rows))).toBeLessThan(1e-3 * (1 + b * 100 ** -c));
  }), { numRuns: 40 });
});

test('intervals hold the truth about as often as they say', () => {
  const truth = { a: 1, b: 20, c: 0.6 };
  const sizes = [200, 500, 1000, 2000, 200, 500, 1000, 2000, 200, 500, 1000, 2000];
  let inside = 0;
  const runs = 60;
  for (let run = 0; run < runs; run++) {
    let state = run * 7919 + 1;
    const uniform = (): number => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return (state + 0.5) / 2 ** 32; };
    const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    const { gain } = advise(sizes.map((rows) => ({ rows, loss: valueAt(truth, rows) + 0.01 * normal() })), { seed: run, resamples: 80 });
    const real = valueAt(truth, 2000) - valueAt(truth, 4000);
    if (gain.low <= real && real <= gain.high) inside++;
    expect(gain.low).toBeLessThanOrEqual(gain.value + 0.02);
    expect(gain.high).toBeGreaterThanOrEqual(gain.value - 0.02);
  }
  expect(inside / runs).toBeGreaterThan(0.82);
});

test('advice: more data on a steep curve, more capacity or stop on a flat one, unclear in noise', () => {
  const at = (truth: { a: number; b: number; c: number }, extra: object = {}) => [100, 250, 500, 1000].map((rows) => ({ rows, loss: valueAt(truth, rows), error: 0.002, ...extra }));
  expect(advise(at({ a: 0.5, b: 20, c: 0.5 })).say).toBe('more data');
  const flat = { a: 2, b: 30, c: 1.5 };
  expect(advise(at(flat, { trainLoss: 1.99 })).say).toBe('more capacity');
  expect(advise(at(flat, { trainLoss: 1.2 })).say).toBe('stop');
  expect(advise(at(flat)).say).toBe('stop');
  expect(advise([100, 250, 500, 1000].map((rows, i) => ({ rows, loss: 2 + (i % 2 === 0 ? 0.2 : -0.2), error: 0.3 }))).say).toBe('unclear');
  const { floor, gain, gainTenfold, curve } = advise(at({ a: 0.5, b: 20, c: 0.5 }));
  expect(curve.a).toBeCloseTo(0.5, 2);
  expect(floor.low).toBeLessThanOrEqual(0.5);
  expect(floor.high).toBeGreaterThanOrEqual(0.5);
  expect(gainTenfold.value).toBeGreaterThan(gain.value);
  expect(() => fitCurve([{ rows: 1, loss: 1 }, { rows: 2, loss: 1 }])).toThrow(/3 or more sizes/);
});
