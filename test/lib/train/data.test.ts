// Rows cut into pieces and passes over them: nothing is lost, nothing is scored twice, no batch is too large.
import fc from 'fast-check';
import { mostSequences, onePass, splitRows, widestBatch } from '../../../lib/train/data.js';
import type { SequenceSet } from '../../../lib/pack/plan.js';

/** Rows whose tokens are row * 1000 + position; every token but the last predicts the next. */
const rowsOf = (lengths: readonly number[]): SequenceSet => ({
  length: lengths.length,
  lengthOf: (row) => lengths[row]!,
  get: (row) => {
    const tokens = Int32Array.from({ length: lengths[row]! }, (_, i) => row * 1000 + i);
    return { tokens, labels: tokens.map((token, i) => (i + 1 < tokens.length ? token + 1 : -1)), row };
  },
});
const lengths = fc.array(fc.integer({ min: 2, max: 60 }), { minLength: 1, maxLength: 20 });
const labelsOf = (rows: SequenceSet): number[] => Array.from({ length: rows.length }, (_, i) => [...rows.get(i).labels]).flat().filter((x) => x >= 0);

test('splitting keeps every label once and every piece short', () => {
  fc.assert(fc.property(lengths, fc.integer({ min: 2, max: 30 }), (sizes, length) => {
    const whole = rowsOf(sizes);
    const split = splitRows(whole, length);
    expect(labelsOf(split)).toEqual(labelsOf(whole));
    for (let i = 0; i < split.length; i++) {
      expect(split.lengthOf(i)).toBeLessThanOrEqual(length);
      expect(split.get(i).tokens).toHaveLength(split.lengthOf(i));
    }
  }), { seed: 3 });
});

test('rows that fit stay the same object', () => {
  const rows = rowsOf([3, 4]);
  expect(splitRows(rows, 4)).toBe(rows);
});

test('a pass scores every label once, within the budget and the length, and continues rows in their place', () => {
  fc.assert(fc.property(lengths, fc.integer({ min: 4, max: 30 }), fc.integer({ min: 30, max: 80 }), (sizes, maxLength, budget) => {
    const scored: number[] = [];
    const widest = widestBatch(rowsOf(sizes), { budget, maxLength });
    for (const batch of onePass(rowsOf(sizes), { budget, slot: 5, maxLength })) {
      expect(batch.seqBegin.length - 1).toBeLessThanOrEqual(widest);
      expect(batch.tokens.length).toBeLessThanOrEqual(budget);
      expect(batch.segments).toEqual([{ begin: 0, end: batch.tokens.length, slot: 5 }]);
      expect(Math.max(...batch.positions)).toBeLessThan(maxLength);
      batch.labels.forEach((label, t) => {
        if (label < 0) return;
        expect(label).toBe(batch.tokens[t]! + 1);
        scored.push(label);
      });
    }
    expect(scored).toEqual(labelsOf(rowsOf(sizes)));
  }), { seed: 4 });
});

test('room for sequences follows from the shortest row', () => {
  expect(mostSequences(rowsOf([10, 4, 30]), 64)).toBe(3);
  expect(mostSequences(rowsOf(Array(100).fill(4) as number[]), 64)).toBe(16);
});
