// Budgets: updates from epochs, the ragged last update of an epoch, cadences; and the order of windows over epochs.
import { Feed } from '../../../lib/train/feed.js';
import type { PackedEpoch } from '../../../lib/train/feed.js';
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
  const batch = (epoch: number, index: number) => ({ tokens: Int32Array.of(epoch, index) }) as unknown as Batch;
  const pack = (epoch: number): PackedEpoch => ({ count: counts[epoch]!, batch: (index) => batch(epoch, index) });
  const read = (feed: Feed, step: number) => feed.window(step).batches.map((make) => [...make().tokens].join('.'));

  test('windows never span epochs, and every batch comes once', () => {
    const feed = new Feed(pack, 3);
    const all = Array.from({ length: 8 }, (_, step) => read(feed, step));
    expect(all[2]).toEqual(['0.6']);
    expect(all[3]).toEqual(['1.0', '1.1', '1.2']);
    expect(all.flat()).toHaveLength(21);
    expect(new Set(all.flat()).size).toBe(21);
  });

  test('the fraction of epochs reaches whole numbers at their ends', () => {
    const feed = new Feed(pack, 3);
    expect([0, 2, 4, 7].map((step) => feed.window(step).epoch)).toEqual([3 / 7, 1, 2, 3]);
  });

  test('beginning in the middle gives what would have come anyway', () => {
    for (let step = 0; step < 8; step++) {
      const whole = new Feed(pack, 3);
      let expected: string[] = [];
      for (let i = 0; i <= step; i++) expected = read(whole, i);
      expect(read(new Feed(pack, 3), step)).toEqual(expected);
    }
  });

  test('an epoch without batches is an error, not an endless loop', () => {
    expect(() => new Feed(() => ({ count: 0, batch: () => batch(0, 0) }), 1).window(0)).toThrow(RangeError);
  });
});
