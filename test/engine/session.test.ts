// What a session promises when things go wrong: aborts, the dirty window, gradients that are not finite, full queues,
// bad arguments, resuming.
import { type EngineError, isEngineError, type EngineErrorCode } from '../../lib/errors.js';
import type { Session } from '../../lib/engine/types.js';
import { allModules, batchOf, flat, openTiny, randomTokens, stir } from '../support/engine.js';
import { tinySpec, writeTinyModel } from '../support/tiny-model.js';

jest.setTimeout(60_000);  // machines that are busy with other things

const model = writeTinyModel(tinySpec(), 31);
const deep = writeTinyModel(tinySpec({ layers: 12, window: Array.from({ length: 12 }, () => 0), width: 128, feedForward: 384 }), 32);
afterAll(() => {
  model.remove();
  deep.remove();
});

const batch = (slot: number, seed = 1, length = 24) => batchOf([{ tokens: randomTokens(length, 61, seed), slot }]);

async function failure(work: Promise<unknown>, code: EngineErrorCode): Promise<EngineError> {
  const error = await work.then(() => new Error('it did not fail'), (e: unknown) => e);
  if (!isEngineError(error, code)) throw error;
  return error as EngineError;
}

async function withAdapter(body: (session: Session, slot: number) => Promise<void>, dropout = 0): Promise<void> {
  const session = await openTiny('cpu', model);
  const slot = await session.addAdapter({ modules: allModules(model, 4, 2), seed: 1n, dropout });
  await stir(session, slot, 2);
  try {
    await body(session, slot);
  } finally {
    await session.close();
  }
}

describe('aborting', () => {
  test('an aborted signal rejects before anything starts, with its reason', () => withAdapter(async (session, slot) => {
    const reason = new Error('no more');
    await expect(session.accumulate(batch(slot), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await session.accumulate(batch(slot));
  }));

  test('a running step stops between layers, and the window must be dropped before training goes on', async () => {
    const session = await openTiny('cpu', deep, { maxTokens: 1024 });
    const slot = await session.addAdapter({ modules: allModules(deep, 4, 2), seed: 1n });
    const before = await flat(session, slot, 'weights');
    const long = batch(slot, 3, 1024);
    const begin = performance.now();
    await session.accumulate(long);
    const whole = performance.now() - begin;
    await session.dropGradients();

    const control = new AbortController();
    const running = session.accumulate(long, { signal: control.signal });
    setTimeout(() => control.abort(new Error('enough')), whole / 10);
    const cut = performance.now();
    await expect(running).rejects.toThrow('enough');
    expect(performance.now() - cut).toBeLessThan(whole * 0.8);
    await failure(session.accumulate(batch(slot)), 'ERR_DIRTY');
    const error = await failure(session.applyGradients([{ slot, lr: 1 }]), 'ERR_DIRTY');
    expect(error.message).toMatch(/dropGradients/);
    expect(error.stack).toMatch(/session\.test\.ts/);
    await session.dropGradients();
    expect(await flat(session, slot, 'weights')).toEqual(before);
    expect((await flat(session, slot, 'gradients')).every((g) => g === 0)).toBe(true);
    await session.accumulate(batch(slot));
    await session.applyGradients([{ slot, lr: 1e-3 }]);
    await session.close();
  });

  test('a queued command is dropped without touching the window', async () => {
    const session = await openTiny('cpu', deep, { maxTokens: 512 });
    const slot = await session.addAdapter({ modules: allModules(deep, 4, 2) });
    const control = new AbortController();
    const first = session.accumulate(batch(slot, 1, 512));
    const second = session.accumulate(batch(slot, 2), { signal: control.signal });
    control.abort(new Error('not that one'));
    await expect(second).rejects.toThrow('not that one');
    await first;
    await session.applyGradients([{ slot, lr: 1e-3 }]);
    await session.close();
  });

  test('opening a session can be aborted, and a listener that throws stops it', async () => {
    await expect(openTiny('cpu', model, { signal: AbortSignal.abort(new Error('never mind')) })).rejects.toThrow('never mind');
    await expect(openTiny('cpu', model, { onProgress: () => { throw new Error('my own'); } })).rejects.toThrow('my own');
    const seen: [number, number][] = [];
    const session = await openTiny('cpu', model, { onProgress: (done, total) => seen.push([done, total]) });
    await session.close();
    expect(seen.at(-1)?.[0]).toBe(seen.at(-1)?.[1]);
  });
});

describe('numbers', () => {
  test('a gradient that is not finite leaves weights, moments and counters untouched, and names the adapter', () => withAdapter(async (session, slot) => {
    await session.accumulate(batch(slot));
    await session.applyGradients([{ slot, lr: 1e-3 }]);
    const weights = await flat(session, slot, 'weights');
    const moments = await flat(session, slot, 'optimizer');
    const state = await session.adapterState(slot);
    // Weights of 1e38 make every gradient overflow while the loss itself, a sum in f64, stays finite.
    const huge = batchOf([{ tokens: randomTokens(24, 61, 1), slot, weights: Array.from({ length: 24 }, () => 3e38) }]);
    await session.accumulate(huge);
    const error = await failure(session.applyGradients([{ slot, lr: 1e-3, clip: 1 }]), 'ERR_NOT_FINITE');
    expect(error.details).toMatchObject({ where: 'gradient', slot });
    expect(await flat(session, slot, 'weights')).toEqual(weights);
    expect(await flat(session, slot, 'optimizer')).toEqual(moments);
    expect(await session.adapterState(slot)).toEqual(state);
    await session.accumulate(batch(slot, 4));
    const [report] = await session.applyGradients([{ slot, lr: 1e-3 }]);
    expect(report?.step).toBe(2);
    expect(Number.isFinite(report?.gradNorm)).toBe(true);
  }));

  test('a loss that is not finite rejects, marks the window, and changes nothing', () => withAdapter(async (session, slot) => {
    const tensors = await session.readAdapter(slot, 'weights');
    const broken = tensors.map((t) => ({ ...t, data: t.data.map(() => 3e38) }));
    await session.writeAdapter(slot, 'weights', broken);
    const error = await failure(session.accumulate(batch(slot)), 'ERR_NOT_FINITE');
    expect(error.details).toMatchObject({ where: 'loss', slot });
    await failure(session.accumulate(batch(slot)), 'ERR_DIRTY');
    await session.dropGradients();
    await session.writeAdapter(slot, 'weights', tensors);
    await session.accumulate(batch(slot));
  }));

  test('updates name adapters once, with gradients, and nothing happens when one of them is wrong', () => withAdapter(async (session, slot) => {
    expect((await failure(session.applyGradients([{ slot, lr: 1 }]), 'ERR_INVALID_ARGUMENT')).message).toMatch(/accumulate a batch/);
    await session.accumulate(batch(slot));
    await failure(session.applyGradients([{ slot, lr: 1 }, { slot, lr: 1 }]), 'ERR_INVALID_ARGUMENT');
    await failure(session.applyGradients([{ slot, lr: NaN }]), 'ERR_INVALID_ARGUMENT');
    await failure(session.applyGradients([{ slot: slot + 1, lr: 1 }]), 'ERR_INVALID_ARGUMENT');
    await session.applyGradients([{ slot, lr: 1e-3 }]);
  }));

  test('k micro-batches are one large batch; weight 2 is a row twice', () => withAdapter(async (session, slot) => {
    const rows = Array.from({ length: 8 }, (_, i) => ({ tokens: randomTokens(5 + i, 61, 50 + i), slot }));
    const gradients = async (batches: readonly ReturnType<typeof batchOf>[]): Promise<number[]> => {
      for (const b of batches) await session.accumulate(b);
      const out = await flat(session, slot, 'gradients');
      await session.dropGradients();
      return out;
    };
    const near = (a: readonly number[], b: readonly number[]): number => Math.max(...a.map((x, i) => Math.abs(x - (b[i] as number)))) /
      Math.sqrt(b.reduce((s, x) => s + x * x, 0) / b.length);
    const whole = await gradients([batchOf(rows)]);
    for (const size of [1, 3, 4]) {
      const parts = Array.from({ length: Math.ceil(8 / size) }, (_, i) => batchOf(rows.slice(i * size, (i + 1) * size)));
      expect(near(await gradients(parts), whole)).toBeLessThan(5e-6);
    }
    const [row] = rows as [typeof rows[0]];
    const twice = await gradients([batchOf([row, row])]);
    expect(near(await gradients([batchOf([{ ...row, weights: row.tokens.map(() => 2) }])]), twice)).toBeLessThan(5e-6);
  }));
});

describe('resuming', () => {
  test('weights, moments and state continue bit for bit in another session', async () => {
    const steps = async (session: Session, slot: number, from: number, to: number): Promise<void> => {
      for (let step = from; step < to; step += 1) {
        await session.accumulate(batch(slot, 10 + step, 20));
        await session.accumulate(batch(slot, 60 + step, 9));
        await session.applyGradients([{ slot, lr: 1e-2, clip: 1, weightDecay: 0.01 }]);
      }
    };
    const open = async (seed: bigint) => {
      const session = await openTiny('cpu', model);
      return { session, slot: await session.addAdapter({ modules: allModules(model, 4, 2), dropout: 0.2, seed }) };
    };
    const straight = await open(3n);
    await steps(straight.session, straight.slot, 0, 6);
    const expected = await flat(straight.session, straight.slot, 'weights');
    await straight.session.close();

    const first = await open(3n);
    await steps(first.session, first.slot, 0, 3);
    const saved = { weights: await first.session.readAdapter(first.slot, 'weights'), optimizer: await first.session.readAdapter(first.slot, 'optimizer'),
      state: await first.session.adapterState(first.slot) };
    await first.session.close();
    expect(saved.state).toEqual({ step: 3, tick: 6, seed: 3n });

    const second = await open(99n);
    await second.session.writeAdapter(second.slot, 'weights', saved.weights);
    await second.session.writeAdapter(second.slot, 'optimizer', saved.optimizer);
    await second.session.setAdapterState(second.slot, saved.state);
    await steps(second.session, second.slot, 3, 6);
    expect(await flat(second.session, second.slot, 'weights')).toEqual(expected);
    await second.session.close();
  });

  test('a slot that was removed is free again and starts from nothing', () => withAdapter(async (session, slot) => {
    await session.accumulate(batch(slot));
    await session.applyGradients([{ slot, lr: 1e-2 }]);
    await session.removeAdapter(slot);
    await failure(session.accumulate(batch(slot)), 'ERR_INVALID_ARGUMENT');
    await failure(session.readAdapter(slot, 'weights'), 'ERR_INVALID_ARGUMENT');
    const again = await session.addAdapter({ modules: allModules(model, 2, 2), seed: 1n });
    expect(again).toBe(slot);
    expect(await session.adapterState(again)).toEqual({ step: 0, tick: 0, seed: 1n });
    expect((await flat(session, again, 'optimizer')).every((x) => x === 0)).toBe(true);
  }));
});

describe('arguments and limits', () => {
  test('the queue takes a limited number of commands and says so', async () => {
    const session = await openTiny('cpu', deep, { maxTokens: 1024 });
    const slot = await session.addAdapter({ modules: allModules(deep, 4, 2) });
    const first = session.evaluate(batch(slot, 1, 1024));
    const all = await Promise.allSettled(Array.from({ length: 300 }, () => session.adapterState(slot)));
    const refused = all.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(300 - 256 - 1);
    for (const { reason } of refused as PromiseRejectedResult[]) expect(reason.message).toMatch(/at most 256 waiting commands/);
    await first;
    await session.adapterState(slot);
    await session.close();
  });

  test('bad batches are refused in words, by row', () => withAdapter(async (session, slot) => {
    const good = batch(slot);
    const cases: readonly (readonly [Partial<typeof good>, RegExp])[] = [
      [{ tokens: good.tokens.with(3, 61) }, /tokens: expected ids from 0 to 60, got 61 at row 3/],
      [{ labels: good.labels.with(2, -2) }, /labels: .* got -2 at row 2/],
      [{ positions: good.positions.subarray(1) }, /positions: expected as many entries as tokens \(24\), got 23/],
      [{ seqBegin: Int32Array.from([0, 5, 5, 24]) }, /seqBegin: .*no empty sequence.*5 then 5/],
      [{ segments: [{ begin: 0, end: 20, slot }] }, /segments: expected segments that cover rows 0 to 24/],
      [{ segments: [{ begin: 0, end: 24, slot: 9 }] }, /segments: expected slots from -1 to 1, got slot 9/],
      [{ segments: [{ begin: 0, end: 24, slot: 1 }] }, /slot: expected the number of an adapter/],
      [{ weights: new Float32Array(24).fill(-1) }, /weights: expected finite weights of 0 or more, got -1 at row 0/],
      [{ labelSmoothing: 1 }, /labelSmoothing: expected a number in \[0, 1\)/],
      [{ tokens: new Float32Array(24) as unknown as Int32Array }, /batch\.tokens: expected an Int32Array, got a Float32Array/],
    ];
    for (const [change, message] of cases) {
      expect((await failure(session.accumulate({ ...good, ...change }), 'ERR_INVALID_ARGUMENT')).message).toMatch(message);
    }
    const long = batch(slot, 1, 129);
    expect((await failure(session.evaluate(long), 'ERR_INVALID_ARGUMENT')).message).toMatch(/maxTokens \(128\) rows, got 129/);
    await session.accumulate(good);  // and none of it marked the window
  }));

  test('weights that are missing, misshapen or cut short are named before memory is taken', async () => {
    const open = (weights: typeof model.weights) => openTiny('cpu', { ...model, weights });
    const without = model.weights.filter((source) => source.name !== 'layers.1.down');
    expect((await failure(open(without), 'ERR_CHECKPOINT')).message).toMatch(/tensor layers\.1\.down is missing/);
    const turned = model.weights.map((s) => (s.name === 'layers.0.gate' ? { ...s, shape: [...s.shape].reverse() } : s));
    expect((await failure(open(turned), 'ERR_CHECKPOINT')).message).toMatch(/layers\.0\.gate is \[32, 40\] but the model's config asks for \[40, 32\]/);
    const last = model.weights.map((s) => (s.name === 'head' ? { ...s, begin: s.begin + 4, end: s.end + 4 } : s));
    expect((await failure(open(last), 'ERR_CHECKPOINT')).message).toMatch(/damaged or cut short/);
    const gone = model.weights.map((s) => ({ ...s, file: `${s.file}.gone` }));
    expect((await failure(open(gone), 'ERR_CHECKPOINT')).message).toMatch(/cannot be opened/);
  });

  test('a session that cannot fit says what it needs, what is free, and its largest parts', async () => {
    const error = await failure(openTiny('cpu', model, { cacheTokens: 2 ** 30, cacheSequences: 4 }), 'ERR_OUT_OF_MEMORY');
    const details = error.details as Extract<EngineError['details'], { code: 'ERR_OUT_OF_MEMORY' }>;
    expect(details.needed).toBeGreaterThan(details.free);
    expect(details.plan[0]?.name).toBe('key/value cache');
    expect(error.message).toMatch(/lower maxTokens/);
  });

  test('the plan lists every part of a session', async () => {
    const session = await openTiny('cpu', model, { cacheTokens: 64, cacheSequences: 2 });
    const names = session.memory.map((line) => line.name);
    for (const part of ['weights: embed', 'weights: projections', 'adapters: weights', 'adapters: gradients', 'key/value cache']) expect(names).toContain(part);
    expect(session.memory.every((line) => line.bytes > 0)).toBe(true);
    await session.close();
  });

  test('calls after close reject with ERR_CLOSED; closing twice is fine', async () => {
    const session = await openTiny('cpu', deep, { maxTokens: 1024 });
    const pending = failure(session.evaluate(batch(-1, 1, 1024)), 'ERR_CLOSED');
    const queued = failure(session.evaluate(batch(-1)), 'ERR_CLOSED');
    await Promise.all([session.close(), session.close(), pending, queued]);
    await failure(session.evaluate(batch(-1)), 'ERR_CLOSED');
    await session.close();
  });
});
