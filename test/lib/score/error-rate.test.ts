// Edit distance as a metric, against a slow definition, and the rates over pairs.
import fc from 'fast-check';
import { edits, errorRate } from '../../../lib/score/error-rate.js';

const slow = (a: readonly string[], b: readonly string[]): number =>
  a.length === 0 ? b.length : b.length === 0 ? a.length
    : Math.min(slow(a.slice(1), b) + 1, slow(a, b.slice(1)) + 1, slow(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1));
const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 5 });

test('equals its definition, is symmetric, and is 0 for equal texts only', () => {
  fc.assert(fc.property(text, text, (a, b) => {
    const distance = edits(a, b);
    expect(distance).toBe(slow(a, b));
    expect(edits(b, a)).toBe(distance);
    expect(distance === 0).toBe(a.join() === b.join());
  }), { seed: 7, numRuns: 150 });
});

test('known distances', () => {
  expect(edits([...'kitten'], [...'sitting'])).toBe(3);
  expect(edits(['K', 'AE', 'T'], ['K', 'AA', 'T', 'S'])).toBe(2);
});

test('the rate is over all symbols, not a mean of rates', () => {
  expect(errorRate([
    { answer: ['a'], right: ['b'] }, { answer: [...'abcdefghi'], right: [...'abcdefghi'] },
  ])).toEqual({ rate: 1 / 10, exact: 1 / 2, pairs: 2 });
  expect(errorRate([{ answer: [...'xxxx'], right: ['a', 'b'] }]).rate).toBe(2);
});
