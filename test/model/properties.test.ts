// What must hold for any model, on the CPU in f32 and against the oracle: packing, order, isolation of adapters,
// micro-batches, fresh adapters, padding past the rank, seeds.
import type { Session } from '../../lib/engine/types.js';
import type { ModelSpec } from '../../lib/tensors.js';
import { allModules, batchOf, deviation, flat, openTiny, randomTokens, stir, type Example, type Where } from '../support/engine.js';
import { BOUNDS, examplesOf, families } from '../support/families.js';
import { tinySpec, writeTinyModel, type TinyModel } from '../support/tiny-model.js';

jest.setTimeout(60_000);  // machines that are busy with other things

async function withSession<T>(model: TinyModel, where: Where, body: (session: Session) => Promise<T>, dropout = 0): Promise<T> {
  const session = await openTiny(where, model);
  try {
    for (const slot of [0, 1]) {
      await session.addAdapter({ modules: allModules(model, 3 + slot, 1.5, slot === 0), dropout, seed: BigInt(9 + slot) });
      await stir(session, slot, 30 + slot);
    }
    return await body(session);
  } finally {
    await session.close();
  }
}

const models = new Map<string, TinyModel>();
const modelOf = (name: string, changes: Partial<ModelSpec>): TinyModel => {
  const known = models.get(name) ?? writeTinyModel(tinySpec(changes), 3);
  models.set(name, known);
  return known;
};
afterAll(() => models.forEach((model) => model.remove()));

describe.each(families)('%s', (name, changes) => {
  const model = modelOf(name, changes);
  const examples = examplesOf(model.spec.vocabulary);

  test('f32 on the CPU follows the oracle: losses, logits, gradients', async () => {
    const run = (session: Session) => async () => {
      const batch = batchOf(examples);
      const losses = await session.accumulate(batch);
      return {
        loss: losses.map((l) => l.lossSum),
        gradients: [...await flat(session, 0, 'gradients'), ...await flat(session, 1, 'gradients')],
        logits: await session.logits(batch, Int32Array.from([0, 11, 12, 20, 52])),
        rows: (await session.evaluate(batch)).rowLoss,
      };
    };
    const exact = await withSession(model, 'oracle', (s) => run(s)());
    const fast = await withSession(model, 'cpu', (s) => run(s)());
    expect(deviation(fast.loss, exact.loss)).toBeLessThan(BOUNDS.loss);
    expect(deviation(fast.logits, exact.logits)).toBeLessThan(BOUNDS.logits);
    expect(deviation(fast.rows, exact.rows)).toBeLessThan(BOUNDS.rows);
    expect(deviation(fast.gradients, exact.gradients)).toBeLessThan(BOUNDS.gradients);
  });

  test('bf16 storage stays within its own rounding of the oracle', async () => {
    const batch = batchOf(examples);
    const exact = await withSession(model, 'oracle', (s) => s.evaluate(batch));
    const session = await openTiny('cpu', model, { dtype: 'bf16' });
    for (const slot of [0, 1]) {
      await session.addAdapter({ modules: allModules(model, 3 + slot, 1.5, slot === 0), seed: BigInt(9 + slot) });
      await stir(session, slot, 30 + slot);
    }
    const low = await session.evaluate(batch);
    const [loss] = await session.accumulate(batch);
    await session.applyGradients([{ slot: 0, lr: 1e-2 }, { slot: 1, lr: 1e-2 }]);
    const [after] = await session.accumulate(batch);
    await session.close();
    // bf16 keeps 8 bits: each of some twenty roundings on the way is up to 2^-9 of what it rounds.
    expect(deviation(low.rowLoss, exact.rowLoss)).toBeLessThan(0.08);
    expect(after?.lossSum).toBeLessThan(loss?.lossSum as number);
  });

  test('a packed batch is its sequences run alone, in any order', async () => {
    await withSession(model, 'cpu', async (session) => {
      const packed = await session.evaluate(batchOf(examples));
      const alone: number[] = [];
      for (const example of examples) alone.push(...(await session.evaluate(batchOf([example]))).rowLoss);
      expect(deviation(packed.rowLoss, alone)).toBeLessThan(1e-5);

      await session.accumulate(batchOf(examples));
      const gradients = await flat(session, 0, 'gradients');
      await session.dropGradients();
      await session.accumulate(batchOf([...examples].reverse()));
      expect(deviation(await flat(session, 0, 'gradients'), gradients)).toBeLessThan(1e-5);
      await session.dropGradients();
      for (const example of examples) await session.accumulate(batchOf([example]));
      expect(deviation(await flat(session, 0, 'gradients'), gradients)).toBeLessThan(1e-5);
    });
  });
});

describe('adapters', () => {
  const model = modelOf('Llama', {});
  const vocabulary = model.spec.vocabulary;
  const mine: Example = { tokens: randomTokens(23, vocabulary, 1), slot: 0 };

  test('tokens of one adapter never change the gradient of another, not by one bit, dropout included', async () => {
    await withSession(model, 'cpu', async (session) => {
      const run = async (others: readonly Example[], before: boolean): Promise<number[]> => {
        await session.accumulate(batchOf(before ? [...others, mine] : [mine, ...others]));
        const gradients = await flat(session, 0, 'gradients');
        await session.dropGradients();
        return gradients;
      };
      const first = await run([{ tokens: randomTokens(31, vocabulary, 2), slot: 1 }], false);
      expect(first.some((g) => g !== 0)).toBe(true);
      expect(await run([{ tokens: randomTokens(31, vocabulary, 77), slot: 1 }], false)).toEqual(first);
      const behind = await run([{ tokens: randomTokens(31, vocabulary, 2), slot: 1 }], true);
      expect(deviation(behind, first)).toBeLessThan(1e-5);
    }, 0.25);
  });

  test('a fresh adapter leaves the output of the base model unchanged, and its A lies within 1 / sqrt(K)', async () => {
    const session = await openTiny('cpu', model);
    const slot = await session.addAdapter({ modules: allModules(model, 4, 2, true), seed: 5n });
    const tokens = randomTokens(20, vocabulary, 4);
    const base = await session.logits(batchOf([{ tokens, slot: -1 }]), Int32Array.from([0, 10, 19]));
    const fresh = await session.logits(batchOf([{ tokens, slot }]), Int32Array.from([0, 10, 19]));
    expect(Array.from(fresh)).toEqual(Array.from(base));
    for (const { name, shape, data } of await session.readAdapter(slot, 'weights')) {
      const most = data.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      if (name.endsWith('.b')) expect(most).toBe(0);
      else {
        const bound = 1 / Math.sqrt(shape[1] as number);
        expect(most).toBeLessThanOrEqual(bound);
        expect(most).toBeGreaterThan(0.8 * bound);
      }
    }
    await session.close();
  });

  test('the same seed gives the same adapter and the same training, another seed another', async () => {
    const run = async (seed: bigint): Promise<number[]> => {
      const session = await openTiny('cpu', model);
      const slot = await session.addAdapter({ modules: allModules(model, 4, 2), dropout: 0.3, seed });
      for (let step = 0; step < 3; step += 1) {
        await session.accumulate(batchOf([{ ...mine, slot }], { neftuneAlpha: 3 }));
        await session.applyGradients([{ slot, lr: 1e-2 }]);
      }
      const out = await flat(session, slot, 'weights');
      await session.close();
      return out;
    };
    const first = await run(1n);
    expect(await run(1n)).toEqual(first);
    expect(await run(2n)).not.toEqual(first);
  });

  test('an adapter of low rank trains as in a session of its own rank: padding stays zero', async () => {
    const run = async (rank: number): Promise<number[]> => {
      const session = await openTiny('oracle', model, { rank });
      const slot = await session.addAdapter({ modules: allModules(model, 2, 2), seed: 5n });
      for (let step = 0; step < 20; step += 1) {
        await session.accumulate(batchOf([{ ...mine, slot }]));
        await session.applyGradients([{ slot, lr: 1e-2, weightDecay: 0.1, clip: 1 }]);
      }
      const out = await flat(session, slot, 'weights');
      await session.close();
      return out;
    };
    // Anything that leaked into rows or columns past rank 2 would come back through the products.
    expect(deviation(await run(40), await run(2))).toBeLessThan(1e-12);
  });

  test('adapters may differ in modules: only what one has is trained, from its lowest layer up', async () => {
    const session = await openTiny('oracle', model);
    const full = await session.addAdapter({ modules: allModules(model, 4, 2, true), seed: 1n });
    const part = await session.addAdapter({ modules: allModules(model, 4, 2, true).filter((m) => m.layer === 1 && m.projection === 'down'), seed: 2n });
    await stir(session, full, 3);
    await stir(session, part, 4);
    const names = (await session.readAdapter(part, 'weights')).map((t) => t.name);
    expect(names).toEqual(['layers.1.down.a', 'layers.1.down.b']);
    // Alone, the backward pass ends at layer 1's down; together with the other it goes through everything.
    const own: Example = { tokens: randomTokens(13, vocabulary, 8), slot: part };
    await session.accumulate(batchOf([own]));
    const alone = await flat(session, part, 'gradients');
    await session.dropGradients();
    await session.accumulate(batchOf([own, { ...mine, slot: full }]));
    expect(deviation(await flat(session, part, 'gradients'), alone)).toBeLessThan(1e-13);
    expect(alone.some((g) => g !== 0)).toBe(true);
    await session.close();
  });
});
