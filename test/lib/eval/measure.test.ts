// Losses with their errors: against sums by hand, against simulation, in pairs, per slice, and through a checkpoint.
import { change, GROUPS, measure, packGroups, unpackGroups } from '../../../lib/eval/measure.js';
import type { Groups, PassBatch, RowLoss } from '../../../lib/eval/measure.js';
import type { Evaluation, Session } from '../../../lib/engine/types.js';
import { generator } from '../../support/tiny-model.js';

/** A session whose nll of a token is its number by 100, and whose first choice is always token 7. */
const session = {
  evaluate: async ({ tokens, labels }: { tokens: Int32Array; labels: Int32Array }): Promise<Evaluation> => ({
    rowLoss: Float32Array.from(tokens, (token, t) => (labels[t]! < 0 ? 0 : token / 100)), top1: new Int32Array(tokens.length).fill(7),
  }),
} as unknown as Session;

function batch(rows: readonly { readonly row: number; readonly tokens: readonly number[]; readonly labels?: readonly number[] }[], weights?: number[]): PassBatch {
  const tokens = rows.flatMap((row) => [...row.tokens]);
  const seqBegin = [0];
  for (const row of rows) seqBegin.push(seqBegin.at(-1)! + row.tokens.length);
  return {
    rows: rows.map(({ row }) => row),
    batch: {
      tokens: Int32Array.from(tokens), labels: Int32Array.from(rows.flatMap((row) => [...(row.labels ?? row.tokens)])),
      positions: Int32Array.from(tokens, (_, i) => i), seqBegin: Int32Array.from(seqBegin), segments: [],
      ...(weights === undefined ? {} : { weights: Float32Array.from(weights) }),
    },
  };
}

test('token-weighted loss, accuracy and the error of a ratio over rows', async () => {
  const found: RowLoss[] = [];
  const result = await measure(session, [batch([{ row: 4, tokens: [100, 200] }, { row: 9, tokens: [7], labels: [7] }]), batch([{ row: 11, tokens: [300, 50, 60], labels: [300, -1, 60] }])],
    { onRow: (row) => found.push({ ...row }) });
  expect(found.map(({ row, loss, tokens, right }) => [row, Number(loss.toFixed(5)), tokens, right])).toEqual([[4, 3, 2, 0], [9, 0.07, 1, 1], [11, 3.6, 2, 0]]);
  const mean = (3 + 0.07 + 3.6) / 5;
  expect(result).toMatchObject({ tokens: 5, rows: 3, read: 6, accuracy: 0.2 });
  expect(result.loss).toBeCloseTo(mean, 6);
  const squares = (3 - 2 * mean) ** 2 + (0.07 - mean) ** 2 + (3.6 - 2 * mean) ** 2;
  expect(result.standardError).toBeCloseTo(Math.sqrt((squares * 3) / 2) / 5, 6);
});

test('a row in several pieces, over two batches, is one row; weights count', async () => {
  const found: RowLoss[] = [];
  await measure(session, [batch([{ row: 0, tokens: [100] }, { row: 1, tokens: [200] }], [1, 3]), batch([{ row: 1, tokens: [400] }], [0.5])], { onRow: (row) => found.push({ ...row }) });
  expect(found).toEqual([
    { row: 0, loss: 1, weight: 1, tokens: 1, right: 0 }, { row: 1, loss: 8, weight: 3.5, tokens: 2, right: 0 },
  ]);
});

test('slices add up to the whole', async () => {
  const rows = Array.from({ length: 40 }, (_, row) => ({ row, tokens: [row + 1, 2 * row + 1] }));
  const { slices, tokens, loss } = await measure(session, [batch(rows)], { slicing: { names: ['even', 'odd', 'all'], of: (row) => [row % 2, 2] } });
  expect(slices.map(({ name, rows: count }) => [name, count])).toEqual([['even', 20], ['odd', 20], ['all', 40]]);
  expect((slices[0]!.loss * 40 + slices[1]!.loss * 40) / 80).toBeCloseTo(loss, 12);
  expect([slices[2]!.loss, slices[2]!.tokens]).toEqual([loss, tokens]);
});

test('the standard error is the spread that repeated draws have', async () => {
  const random = generator(3);
  const draw = async (): Promise<{ loss: number; error: number }> => {
    const rows = Array.from({ length: 60 }, (_, row) => {
      const level = 50 + 200 * random();
      return { row, tokens: Array.from({ length: 1 + Math.floor(6 * random()) }, () => Math.round(level + 40 * random())) };
    });
    const { loss, standardError } = await measure(session, [batch(rows)]);
    return { loss, error: standardError };
  };
  const draws = await Promise.all(Array.from({ length: 400 }, draw));
  const mean = draws.reduce((sum, { loss }) => sum + loss, 0) / 400;
  const spread = Math.sqrt(draws.reduce((sum, { loss }) => sum + (loss - mean) ** 2, 0) / 399);
  const claimed = draws.reduce((sum, { error }) => sum + error, 0) / 400;
  expect(claimed / spread).toBeGreaterThan(0.88);
  expect(claimed / spread).toBeLessThan(1.14);
});

function groupsOf(losses: readonly number[]): Groups {
  const groups = { loss: new Float64Array(GROUPS), weight: new Float64Array(GROUPS) };
  losses.forEach((loss, i) => {
    groups.loss[i % GROUPS]! += loss;
    groups.weight[i % GROUPS]! += 1;
  });
  return groups;
}

test('a change over the same rows has the error of its differences, by groups when there are many', () => {
  const random = generator(5);
  const before = Array.from({ length: 3000 }, () => 5 * random());
  const now = before.map((loss) => loss - 0.1 + 0.02 * (random() - 0.5));
  const found = change(groupsOf(now), groupsOf(before));
  expect(found.value).toBeCloseTo(-0.1, 3);
  const exact = (0.02 / Math.sqrt(12)) / Math.sqrt(3000);
  expect(found.standardError / exact).toBeGreaterThan(0.8);
  expect(found.standardError / exact).toBeLessThan(1.25);
  expect(change(groupsOf(now), groupsOf(before.slice(1))).value).toBeNaN();
});

test('groups survive a checkpoint bit for bit', () => {
  const groups = groupsOf(Array.from({ length: 500 }, (_, i) => Math.sin(i) / 3));
  expect(unpackGroups(packGroups(groups))).toEqual(groups);
});
