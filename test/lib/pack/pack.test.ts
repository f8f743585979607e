// Packing and collating: nothing lost, no budget exceeded, the same batches from the same cursor.
import * as fc from 'fast-check';
import type { Sequence } from '../../../lib/batch.js';
import { collate, scored } from '../../../lib/pack/collate.js';
import { pack } from '../../../lib/pack/packer.js';
import { BatchPlan, type Cursor, type PlanOptions, type SequenceSet } from '../../../lib/pack/plan.js';

function sequence(length: number, row: number, weighted = false): Sequence {
  const tokens = Int32Array.from({ length }, (_, i) => row * 1000 + i);
  const labels = Int32Array.from({ length }, (_, i) => (i + 1 < length && (row + i) % 3 > 0 ? row * 1000 + i + 1 : -1));
  return {
    tokens,
    labels,
    row,
    ...(weighted ? { weights: Float32Array.from(labels, (label) => (label === -1 ? 1 : 0.5 + row)) } : {}),
  };
}

const setOf = (lengths: readonly number[], weighted = false): SequenceSet => ({
  length: lengths.length,
  lengthOf: (i) => lengths[i] as number,
  get: (i) => sequence(lengths[i] as number, i, weighted && i % 2 === 1),
});

const lengths = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 120 });

test('every item is packed once, no bin exceeds the budget, order within a bin is kept', () => {
  fc.assert(
    fc.property(
      lengths,
      fc.integer({ min: 64, max: 200 }),
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom('best-fit' as const, 'sequential' as const),
      fc.integer(),
      (sizes, budget, window, mode, seed) => {
        const bins = [...pack(sizes.keys(), (i) => sizes[i] as number, { budget, window, mode, seed })];
        expect(bins.flat().sort((a, b) => a - b)).toEqual([...sizes.keys()]);
        expect(
          bins.every((bin) => bin.length > 0 && bin.reduce((sum, i) => sum + (sizes[i] as number), 0) <= budget),
        ).toBe(true);
        expect(bins.every((bin) => bin.every((item, i) => i === 0 || item > (bin[i - 1] as number)))).toBe(true);
        if (mode === 'sequential') expect(bins.flat()).toEqual([...sizes.keys()]);
      },
    ),
  );
});

test('best fit is what a plain search for the fullest bin with room gives', () => {
  fc.assert(
    fc.property(lengths, fc.integer({ min: 64, max: 200 }), (sizes, budget) => {
      const bins: { room: number; items: number[] }[] = [];
      const order = [...sizes.keys()].sort((a, b) => (sizes[b] as number) - (sizes[a] as number) || a - b);
      for (const item of order) {
        const size = sizes[item] as number;
        const best = bins.filter(({ room }) => room >= size).sort((a, b) => a.room - b.room)[0];
        if (best === undefined) bins.push({ room: budget - size, items: [item] });
        else {
          best.items.push(item);
          best.room -= size;
        }
      }
      const packed = [...pack(sizes.keys(), (i) => sizes[i] as number, { budget, window: sizes.length })];
      const fills = (list: readonly (readonly number[])[]) =>
        list.map((items) => items.reduce((sum, i) => sum + (sizes[i] as number), 0)).sort((a, b) => a - b);
      expect(fills(packed)).toEqual(fills(bins.map(({ items }) => items)));
    }),
  );
});

test('lengths like those of instruction data waste less than two percent', () => {
  // Log-normal around 90 tokens, cut at 512: the shape of Alpaca.
  let state = 1;
  const random = () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  const sizes = Array.from({ length: 20000 }, () =>
    Math.min(512, Math.max(4, Math.round(90 * Math.exp(0.6 * normal())))),
  );
  for (const batchTokens of [512, 1024, 4096])
    expect(new BatchPlan(setOf(sizes), { batchTokens }).report().waste).toBeLessThan(0.02);
});

test('a batch holds the sequences end to end, in segments sorted by slot', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -1, max: 3 }), fc.boolean()), {
        minLength: 1,
        maxLength: 20,
      }),
      (items) => {
        const placed = items.map(([length, slot, weighted], row) => ({
          sequence: sequence(length, row, weighted),
          slot,
        }));
        const batch = collate(placed);
        const { tokens, labels, positions, seqBegin, segments, weights } = batch;
        expect(seqBegin[seqBegin.length - 1]).toBe(tokens.length);
        expect(segments.map(({ slot }) => slot)).toEqual(
          [...new Set(placed.map(({ slot }) => slot))].sort((a, b) => a - b),
        );
        expect(segments[0]?.begin).toBe(0);
        expect(segments.at(-1)?.end).toBe(tokens.length);
        segments.forEach(({ begin, end }, i) =>
          expect(end > begin && begin === (segments[i - 1]?.end ?? 0)).toBe(true),
        );
        const found = placed.map(() => false);
        for (let q = 0; q + 1 < seqBegin.length; q++) {
          const [begin, end] = [seqBegin[q] as number, seqBegin[q + 1] as number];
          const row = Math.floor((tokens[begin] as number) / 1000);
          const { sequence: own, slot } = placed[row] as (typeof placed)[number];
          found[row] = true;
          expect([...tokens.subarray(begin, end)]).toEqual([...own.tokens]);
          expect([...labels.subarray(begin, end)]).toEqual([...own.labels]);
          expect([...positions.subarray(begin, end)]).toEqual([...own.tokens.keys()]);
          expect([...(weights ?? new Float32Array(tokens.length).fill(1)).subarray(begin, end)]).toEqual([
            ...(own.weights ?? new Float32Array(own.tokens.length).fill(1)),
          ]);
          expect(segments.find((segment) => segment.begin <= begin && end <= segment.end)?.slot).toBe(slot);
        }
        expect(found.every(Boolean)).toBe(true);
        const sums = placed.reduce(
          (sum, { sequence: own }) => sum + own.labels.filter((label) => label !== -1).length,
          0,
        );
        expect(scored(batch).tokens).toBe(sums);
      },
    ),
    { numRuns: 50 },
  );
});

test('weights are only there when one differs from 1', () => {
  expect(collate([{ sequence: sequence(5, 0) }]).weights).toBeUndefined();
  expect(collate([{ sequence: { ...sequence(5, 0), weights: new Float32Array(5).fill(1) } }]).weights).toBeUndefined();
  expect(collate([{ sequence: sequence(5, 0) }, { sequence: sequence(5, 2, true) }]).weights).toBeDefined();
});

const take = (plan: BatchPlan, from: Cursor, count: number) => {
  const list = [];
  for (const item of plan.batches(from)) {
    list.push(item);
    if (list.length === count) break;
  }
  return list;
};

test('from any cursor the same batches come as in an undisturbed run, over epochs', () => {
  fc.assert(
    fc.property(
      lengths,
      fc.integer({ min: 0, max: 2 ** 40 }),
      fc.boolean(),
      fc.constantFrom('best-fit' as const, 'sequential' as const),
      fc.nat(60),
      (sizes, seed, shuffle, mode, at) => {
        const options: PlanOptions = { batchTokens: 100, seed, shuffle, mode, window: 16 };
        const whole = take(new BatchPlan(setOf(sizes, true), options), { epoch: 0, index: 0 }, at + 5);
        const cursor = whole[at]?.cursor as Cursor;
        const rest = take(new BatchPlan(setOf(sizes, true), options), JSON.parse(JSON.stringify(cursor)) as Cursor, 5);
        expect(rest).toEqual(whole.slice(at));
        whole.forEach((item, i) => {
          if (i > 0) expect(item.cursor).toEqual(whole[i - 1]?.after);
        });
      },
    ),
    { numRuns: 40 },
  );
});

test('each epoch has every sequence once, in another order', () => {
  const sizes = Array.from({ length: 40 }, (_, i) => 1 + ((i * 7) % 30));
  const plan = new BatchPlan(setOf(sizes), { batchTokens: 64, seed: 3 });
  const epochs = [0, 1, 2].map((epoch) =>
    [...plan.batches({ epoch, index: 0 }, epoch + 1)].flatMap(({ sequences }) => sequences),
  );
  for (const order of epochs) expect([...order].sort((a, b) => a - b)).toEqual([...sizes.keys()]);
  expect(epochs[0]).not.toEqual(epochs[1]);
  expect([...plan.batches({ epoch: 1, index: 0 }, 2)].length).toBe(plan.report(1).batches);
});

test('a cursor behind the end of its epoch is refused', () => {
  const plan = new BatchPlan(setOf([10, 10]), { batchTokens: 10 });
  expect(() => [...plan.batches({ epoch: 0, index: 5 }, 1)]).toThrow(/cursor: epoch 0 has 2 batches, came index 5/);
});

test('documents longer than a batch are refused, or cut without losing a label', () => {
  const sizes = [10, 250, 30];
  expect(() => new BatchPlan(setOf(sizes), { batchTokens: 100 })).toThrow(/at most 100 tokens.*came 250/);
  const plan = new BatchPlan(setOf(sizes, true), { batchTokens: 100, overlong: 'split' });
  expect(plan.report()).toMatchObject({ tokens: 290, split: 1, sequences: 5 });
  const batches = [...plan.batches(undefined, 1)].map(({ batch }) => batch);
  const labels = batches
    .flatMap((batch) => [...batch.labels])
    .filter((label) => label !== -1)
    .sort((a, b) => a - b);
  expect(labels).toEqual(
    sizes
      .flatMap((size, i) => [...sequence(size, i).labels])
      .filter((label) => label !== -1)
      .sort((a, b) => a - b),
  );
  for (const { tokens, positions, seqBegin } of batches) {
    expect(tokens.length).toBeLessThanOrEqual(100);
    for (const begin of seqBegin.subarray(0, -1)) expect(positions[begin]).toBe(0);
  }
});

test('several adapters share batches, each with its own sequences', () => {
  const plan = new BatchPlan(setOf(Array.from({ length: 30 }, () => 7)), { batchTokens: 50, slotOf: (i) => i % 3 });
  for (const { batch, sequences } of plan.batches(undefined, 1)) {
    for (const { begin, end, slot } of batch.segments) {
      for (let q = 0; q + 1 < batch.seqBegin.length; q++) {
        const at = batch.seqBegin[q] as number;
        if (at >= begin && at < end) expect((sequences[q] as number) % 3).toBe(slot);
      }
    }
  }
});

test('a large set wastes almost nothing', () => {
  const count = 100_000;
  const sizes = Int32Array.from({ length: count }, (_, i) => 20 + ((i * 7919) % 400));
  const plan = new BatchPlan(
    { length: count, lengthOf: (i) => sizes[i] as number, get: (i) => sequence(1, i) },
    { batchTokens: 8192 },
  );
  expect(plan.report().waste).toBeLessThan(0.01);
});

test('batches of an epoch can be built in any order, and again', () => {
  const plan = new BatchPlan(setOf([5, 9, 3, 8, 7, 2, 9], true), { batchTokens: 12, seed: 4 });
  const inOrder = [...plan.batches({ epoch: 2, index: 0 }, 3)];
  const epoch = plan.epoch(2);
  expect(epoch.count).toBe(inOrder.length);
  for (const at of [...inOrder.keys()].reverse()) {
    expect(epoch.batch(at)).toEqual(inOrder[at]?.batch);
    expect(epoch.sequences(at)).toEqual(inOrder[at]?.sequences);
  }
  expect(() => epoch.batch(inOrder.length)).toThrow(/index/);
});
