// Budgets: updates from epochs, the ragged last update of an epoch, cadences; and the order of windows over epochs.
import { Feed } from '../../../lib/train/feed.js';
import type { BatchSource } from '../../../lib/train/feed.js';
import { makePlan } from '../../../lib/train/plan.js';
import type { Batch } from '../../../lib/batch.js';

const counts = [7, 6, 8];
const batchesOf = (epoch: number): number => counts[epoch]!;

test('an epoch of 7 batches at 3 a window is 3 updates', () => {
  expect(makePlan({ batchesOf, accumulation: 3, epochs: 3 }).steps).toBe(3 + 2 + 3);
  expect(makePlan({ batchesOf, accumulation: 3, epochs: 1.5 }).steps).toBe(3 + 1);
  expect(makePlan({ batchesOf, accumulation: 3 }).steps).toBe(3);
});

test('steps win over epochs', () => {
  expect(makePlan({ batchesOf, accumulation: 1, epochs: 3, steps: 5 }).steps).toBe(5);
});

test('cadences are a tenth of the run unless given', () => {
  expect(makePlan({ batchesOf, accumulation: 1, steps: 95 })).toEqual({ steps: 95, validEvery: 10, saveEvery: 10 });
  expect(makePlan({ batchesOf, accumulation: 1, steps: 99_000 }).saveEvery).toBe(500);
  expect(makePlan({ batchesOf, accumulation: 1, steps: 95, validEvery: 3, saveEvery: 4 })).toEqual({ steps: 95, validEvery: 3, saveEvery: 4 });
});

describe('the feed', () => {
  const source: BatchSource = {
    report: (epoch) => ({ batches: counts[epoch]! }),
    * batches({ epoch, index }) {
      for (; epoch < counts.length; epoch++, index = 0) {
        for (; index < counts[epoch]!; index++) yield { batch: { tokens: Int32Array.of(epoch, index) } as unknown as Batch };
      }
    },
  };
  const read = (feed: Feed) => feed.next().batches.map((make) => [...make().tokens].join('.'));

  test('windows never span epochs, and every batch comes once', () => {
    const feed = new Feed(source, 3);
    const all = Array.from({ length: 8 }, () => read(feed));
    expect(all[2]).toEqual(['0.6']);
    expect(all[3]).toEqual(['1.0', '1.1', '1.2']);
    expect(all.flat()).toHaveLength(21);
    expect(new Set(all.flat()).size).toBe(21);
  });

  test('the fraction of epochs reaches whole numbers at their ends', () => {
    const feed = new Feed(source, 3);
    expect(Array.from({ length: 8 }, () => feed.next().epoch)).toEqual([3 / 7, 6 / 7, 1, 1.5, 2, 2 + 3 / 8, 2 + 6 / 8, 3]);
  });

  test('beginning in the middle gives what would have come anyway', () => {
    for (let step = 0; step < 8; step++) {
      const whole = new Feed(source, 3);
      for (let i = 0; i < step; i++) read(whole);
      const part = new Feed(source, 3, step);
      expect(read(part)).toEqual(read(whole));
    }
  });

  test('an epoch without batches is an error, not an endless loop', () => {
    expect(() => new Feed({ ...source, report: () => ({ batches: 0 }) }, 1)).toThrow(RangeError);
  });
});
