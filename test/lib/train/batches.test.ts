// The batches of a run with several sets: how many updates, what is refused, what is told of the mix, and going on.
import type { Batch, Sequence } from '../../../lib/batch.js';
import { openBatches, type BatchRows } from '../../../lib/train/batches.js';
import { checkConfig } from '../../../lib/train/config/parse.js';
import { setsOf } from '../../../lib/train/sets.js';
import type { Progress } from '../../../lib/train/trainer.js';

const row = (at: number, size: number): Sequence => ({ tokens: new Int32Array(size).fill(at), labels: new Int32Array(size).fill(1), row: at });
const sizes = Array.from({ length: 300 }, (_, i) => (i < 100 ? 10 : 20 + (i % 30)));
const rows: BatchRows = {
  set: { length: 300, lengthOf: (at) => sizes[at]!, get: (at) => row(at, sizes[at]!) },
  parts: [{ name: 'a', begin: 0, end: 100, share: 3, tokens: 500 }, { name: 'b', begin: 100, end: 300, share: 1, tokens: 4000 }],
};
const configOf = (data: object, train: object = {}) => checkConfig({ model: 'm', data: { train: ['x', { files: 'y' }], ...data }, train: { batchTokens: 128, accumulation: 2, ...train } });
const open = (data: object, train: object = {}) => openBatches(rows, { config: configOf(data, train), maxSequences: 12, collate: {} });
const start = (step = 0, data?: unknown) => ({ step, ...(data === undefined ? {} : { data }) }) as unknown as Progress;

async function read(feed: { next(): { batches: readonly (() => Batch | Promise<Batch>)[]; after?: () => unknown; realised?: () => unknown; readonly epoch: number } }, count: number) {
  const windows: { tokens: number[][]; after: unknown; mix: unknown; epoch: number }[] = [];
  for (let i = 0; i < count; i++) {
    const window = feed.next();
    const tokens: number[][] = [];
    for (const make of window.batches) tokens.push([...(await make()).tokens]);
    windows.push({ tokens, after: window.after?.(), mix: window.realised?.(), epoch: window.epoch });
  }
  return windows;
}

test('sets have names, of their own or of their files', () => {
  expect(setsOf(['a.jsonl', 'b.jsonl'])).toEqual([{ name: 'train', files: ['a.jsonl', 'b.jsonl'] }]);
  expect(setsOf(['d/a.jsonl.gz', { files: ['b.csv'], weight: 2 }, { files: 'x/a.json', name: 'z' }, { files: 'y/b.csv' }]))
    .toEqual([{ name: 'a', files: ['d/a.jsonl.gz'] }, { name: 'b', files: ['b.csv'], weight: 2 }, { name: 'z', files: ['x/a.json'] }, { name: 'b-2', files: ['y/b.csv'] }]);
});

test('a union is packed epochs, with the mix told beside', async () => {
  const { plan, feed } = await open({}, { epochs: 2 });
  const windows = await read(feed(start()), plan.steps);
  expect(windows.at(-1)?.epoch).toBe(2);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expect(windows.at(-1)?.mix).toEqual({ a: 1000 / total, b: (total - 1000) / total });
});

test('a weighted mix goes on exactly from the place that a checkpoint keeps', async () => {
  const { plan, feed } = await open({ mix: { mode: 'weighted' } }, { steps: 400 });
  expect(plan.steps).toBe(400);
  const all = await read(feed(start()), 400);
  expect((all.at(-1)!.mix as { a: number }).a).toBeCloseTo(0.75, 2);
  for (const at of [0, 6, 7, 8, 31, 200]) {
    const kept = JSON.parse(JSON.stringify(all[at]!.after)) as unknown;
    expect(await read(feed(start(at + 1, kept)), 12)).toEqual(all.slice(at + 1, at + 13));
  }
  expect(all.every(({ epoch }) => !Number.isInteger(epoch))).toBe(true);
});

test('budgets say how many updates there are, and the last one may be short', async () => {
  const { plan, feed } = await open({ mix: { mode: 'budget' } });
  const windows = await read(feed(start()), plan.steps);
  const tokens = windows.flatMap(({ tokens: batches }) => batches).filter((batch) => batch.length > 1).flat().length;
  expect(tokens).toBeGreaterThan(4400);
  expect(tokens).toBeLessThan(5200);
  expect(plan.steps).toBe(Math.ceil(windows.flatMap(({ tokens: batches }) => batches).filter((batch) => batch.length > 1).length / 2));
});

test.each<[string, object, RegExp]>([
  ['no number of updates', { mix: { mode: 'weighted' } }, /train\.steps: expected a number of updates, because data\.mix\.mode: weighted/],
  ['a curriculum elsewhere', { mix: { mode: 'budget', curriculum: [{ step: 0, shares: { a: 1 } }] } }, /goes with data\.mix\.mode: weighted/],
  ['an unknown set', { mix: { mode: 'weighted', curriculum: [{ step: 0, shares: { z: 1 } }] } }, /names of sets \(a, b\), came z/],
  ['no share at all', { mix: { mode: 'weighted', curriculum: [{ step: 0, shares: { a: 0 } }] } }, /a share above 0/],
])('%s is refused', async (_, data, message) => {
  await expect(open(data)).rejects.toThrow(message);
});
