// Mixing: shares met within half a percent, budgets, temperature, curricula, every row once in a union, and going on at any
// place of a huge set, at once and exactly.
import type { Sequence } from '../../../lib/batch.js';
import { drawSets, mixStart, settle, sharesAt, type MixRules } from '../../../lib/pack/mix.js';
import { MixPlan, type MixCursor, type MixPlanOptions, type MixSource, type MixedBatch } from '../../../lib/pack/mix-plan.js';
import { mix as hash } from '../../../lib/data/shuffle.js';

/** A set whose rows are made up from their number: lengths around `mean`, the first token tells the row. */
function source(name: string, length: number, mean: number, rest: Partial<MixSource> = {}): MixSource & { loaded: number } {
  const make = (row: number): Sequence => {
    const size = 2 + Math.floor((hash(row, mean) / 2 ** 32) * 2 * (mean - 2));
    const tokens = new Int32Array(size).fill(row % 2 ** 31);
    return { tokens, labels: tokens.map(() => 1), row: row % 2 ** 31 };
  };
  const made = {
    name, length, loaded: 0, ...rest,
    load(rows: readonly number[]) {
      made.loaded += rows.length;
      return rows.map((row) => [make(row)]);
    },
  };
  return made;
}

async function take(plan: MixPlan, count: number, from?: MixCursor): Promise<MixedBatch[]> {
  const found: MixedBatch[] = [];
  for await (const one of plan.batches(from)) if (found.push(one) === count) break;
  return found;
}

const options = (rest: Partial<MixPlanOptions>): MixPlanOptions => ({ mode: 'weighted', batchTokens: 2048, seed: 7, ...rest });

test.each<[string, Partial<MixPlanOptions>, Record<string, number>]>([
  ['shares of tokens', {}, { a: 0.7, b: 0.2, c: 0.1 }],
  ['shares of rows', { by: 'rows' }, { a: 0.7 * 40, b: 0.2 * 400, c: 0.1 * 120 }],
  ['a temperature', { temperature: 2 }, { a: Math.sqrt(0.7), b: Math.sqrt(0.2), c: Math.sqrt(0.1) }],
])('%s are met within half a percent after 1,000 updates', async (_, rest, wanted) => {
  const sets = [source('a', 500, 40, { share: 7 }), source('b', 100_000, 400, { share: 2 }), source('c', 30, 120, { share: 1 })];
  const batches = await take(new MixPlan(sets, options(rest)), 1000);
  const total = Object.values(wanted).reduce((sum, value) => sum + value, 0);
  const { realised } = batches.at(-1) as MixedBatch;
  // Rows of a set have not quite the mean length that they were made for.
  const tolerance = rest.by === 'rows' ? 0.03 : 0.005;
  for (const name of ['a', 'b', 'c']) expect(Math.abs((realised[name] as number) - (wanted[name] as number) / total)).toBeLessThan(tolerance);
  expect(batches.every(({ batch }) => batch.tokens.length <= 2048)).toBe(true);
  const full = batches.reduce((sum, { batch }) => sum + batch.tokens.length, 0) / (1000 * 2048);
  expect(full).toBeGreaterThan(0.97);
});

test('shares of rows are met exactly as rows', () => {
  const sets = [{ name: 'a', length: 10, share: 7 }, { name: 'b', length: 10, share: 3 }];
  const rules: MixRules = { mode: 'weighted', by: 'rows' };
  const picked = drawSets(sets, rules, mixStart(sets), 0, 1000);
  expect(picked.filter((set) => set === 0).length).toBe(700);
  const state = settle(sets, rules, mixStart(sets), 0, picked.map((set) => ({ set, tokens: 5 })));
  expect(state.owed.every((debt) => Math.abs(debt) < 1e-6)).toBe(true);
});

test('a curriculum moves the shares in straight lines between its points', async () => {
  const sets = [source('easy', 1000, 50), source('hard', 1000, 50)];
  const curriculum = [{ step: 0, shares: { easy: 1, hard: 0 } }, { step: 200, shares: { easy: 1, hard: 3 } }];
  expect(sharesAt(sets, { mode: 'weighted', curriculum }, 100)).toEqual([0.625, 0.375]);
  expect(sharesAt(sets, { mode: 'weighted', curriculum }, 999)).toEqual([0.25, 0.75]);
  const batches = await take(new MixPlan(sets, options({ curriculum, accumulation: 2 })), 800);
  const hard = (from: number, to: number): number => {
    const [a, b] = [batches[from], batches[to]] as [MixedBatch, MixedBatch];
    return ((b.after.given[1] as number) - (a.after.given[1] as number)) / (b.after.given.reduce((x, y) => x + y) - a.after.given.reduce((x, y) => x + y));
  };
  expect(hard(0, 20)).toBeLessThan(0.08);
  expect(Math.abs(hard(180, 220) - 0.375)).toBeLessThan(0.06);
  expect(Math.abs(hard(500, 799) - 0.75)).toBeLessThan(0.02);
});

test('budgets are used up to the row, and then it ends', async () => {
  const sets = [source('a', 50, 40, { tokens: 30_000 }), source('b', 5000, 60, { tokens: 90_000 }), source('c', 10, 10, { tokens: 0 })];
  const batches = await take(new MixPlan(sets, options({ mode: 'budget' })), Infinity);
  const { given } = (batches.at(-1) as MixedBatch).after;
  expect(given.map((tokens, i) => tokens - [30_000, 90_000, 0][i]!)).toEqual([expect.any(Number), expect.any(Number), 0]);
  // A block may overshoot by what its rows are longer than expected.
  expect(given[0]).toBeGreaterThan(29_000);
  expect(given[0]).toBeLessThan(32_000);
  expect(given[1]).toBeGreaterThan(88_000);
  expect(given[1]).toBeLessThan(94_000);
});

test('a union gives every row of every set once a pass', async () => {
  const sets = [source('a', 700, 30), source('b', 300, 90)];
  const plan = new MixPlan(sets, options({ mode: 'union', batchTokens: 512 }));
  const seen = new Map<string, number>();
  for (const { batch } of await take(plan, 400)) {
    for (let q = 0; q + 1 < batch.seqBegin.length; q++) {
      const [begin, end] = [batch.seqBegin[q] as number, batch.seqBegin[q + 1] as number];
      const key = `${batch.tokens[begin]} ${end - begin}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
  }
  const counts = [...seen.values()];
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  const drawn = await take(new MixPlan([source('a', 100, 20)], options({ mode: 'union', batchTokens: 256, shuffle: false })), 3);
  expect(drawn[0]?.cursor.state.drawn).toEqual([0]);
});

const shapeOf = ({ batch, after }: MixedBatch) => [[...batch.tokens], [...batch.seqBegin], after];

test('going on from any cursor gives exactly the batches of an undisturbed run', async () => {
  const make = () => new MixPlan([source('a', 500, 40, { share: 3 }), source('b', 3000, 150, { share: 1 })], options({ batchTokens: 700 }));
  const all = await take(make(), 120);
  for (const at of [0, 1, 15, 16, 17, 40, 63, 100]) {
    const cursor = JSON.parse(JSON.stringify((all[at] as MixedBatch).after)) as MixCursor;
    expect((await take(make(), 19, cursor)).map(shapeOf)).toEqual(all.slice(at + 1, at + 20).map(shapeOf));
  }
  expect((await take(new MixPlan([source('a', 500, 40)], options({ seed: 8 })), 3)).map(shapeOf)).not.toEqual(
    (await take(new MixPlan([source('a', 500, 40)], options({})), 3)).map(shapeOf));
});

test('60 million rows: going on at any place takes less than a second, one block of rows, and is exact', async () => {
  const rows = 60_000_000;
  const make = () => {
    const sets = [source('big', rows, 200), source('small', 1000, 100)];
    return { sets, plan: new MixPlan(sets, options({ mode: 'union' })) };
  };
  for (const place of [0, 1, 12_345_678, 30_000_000, 59_999_990, 60_001_500, 150_000_000]) {
    const first = make().plan;
    const start: MixCursor = { ...first.start, state: { drawn: [place, 0], tokens: [place * 200, 0], owed: [0, 0] } };
    const undisturbed = await take(first, 40, start);
    const cursor = JSON.parse(JSON.stringify((undisturbed[19] as MixedBatch).after)) as MixCursor;
    const { sets, plan } = make();
    const begin = performance.now();
    const [next] = await take(plan, 1, cursor);
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(sets[0]!.loaded).toBeLessThan(600);
    expect(shapeOf(next as MixedBatch)).toEqual(shapeOf(undisturbed[20] as MixedBatch));
    expect((await take(make().plan, 20, cursor)).map(shapeOf)).toEqual(undisturbed.slice(20).map(shapeOf));
  }
});

test('sets none of whose rows can be used are an error, not an endless loop', async () => {
  const dead: MixSource = { name: 'dead', length: 10, load: (rows) => rows.map(() => []) };
  await expect(take(new MixPlan([dead], options({})), 1)).rejects.toThrow(/none in two passes/);
});
