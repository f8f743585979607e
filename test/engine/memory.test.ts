// The memory plan: what is planned is what is taken, to the byte, for every policy; and a session that does not fit
// takes nothing.
import type { SessionOptions } from '../../lib/engine/types.js';
import type { ModelSpec } from '../../lib/tensors.js';
import { allModules, batchOf, generated, openTiny, randomTokens } from '../support/engine.js';
import { fault, memoryOfFaulty, openFaulty } from '../support/faulty.js';
import { tinySpec, writeTinyModel } from '../support/tiny-model.js';

const shapes: readonly (readonly [string, Partial<ModelSpec>])[] = [
  ['Llama', {}], ['Qwen3, tied', { qkNorm: true, tiedHead: true }], ['Phi-3', { fusedQkv: true, fusedGateUp: true }],
  ['a wide vocabulary', { vocabulary: 5003, width: 64, feedForward: 256 }],
];
const settings: readonly Partial<SessionOptions>[] = [
  {}, { recompute: 'cheap' }, { recompute: 'layer', dtype: 'bf16' }, { cacheTokens: 300, cacheSequences: 4 }, { slots: 5, rank: 20, dtype: 'bf16' },
];

test.each(shapes)('%s: what is planned is what is taken, and nothing more while it works', async (_, changes) => {
  const model = writeTinyModel(tinySpec(changes), 8);
  try {
    for (const options of settings) {
      fault();
      const session = await openFaulty(model, options);
      const planned = session.memory.filter(({ name }) => name !== 'device: workspace').reduce((sum, { bytes }) => sum + bytes, 0);
      const workspace = session.memory.find(({ name }) => name === 'device: workspace')!.bytes;
      expect(memoryOfFaulty()).toMatchObject({ bytes: planned, peak: planned });
      await session.addAdapter({ modules: allModules(model, 4, 2, true), dropout: 0.1, seed: 1n });
      const batch = batchOf([100, 28].map((length, i) => ({ tokens: randomTokens(length, model.spec.vocabulary, i + 1), slot: 0 })));
      await session.accumulate(batch);
      await session.applyGradients([{ slot: 0, lr: 1e-3, clip: 1 }]);
      await session.evaluate(batch);
      if (options.cacheTokens) await generated(session, [{ prompt: batch.tokens.slice(0, 50), slot: 0 }, { prompt: batch.tokens.slice(0, 9) }], 5);
      expect(memoryOfFaulty().peak).toBe(planned);
      expect(memoryOfFaulty().workspace).toBeLessThanOrEqual(Math.max(workspace, 1 << 20));
      await session.close();
      expect(memoryOfFaulty().bytes).toBe(0);
    }
  } finally {
    model.remove();
  }
});

test('a session that may not take what it needs is refused before anything is taken, with its largest parts', async () => {
  const model = writeTinyModel(tinySpec(), 2);
  try {
    const session = await openTiny('cpu', model);
    const needed = session.memory.reduce((sum, { bytes }) => sum + bytes, 0);
    await session.close();
    fault();
    await expect(openFaulty(model, { memoryBytes: needed - 1 })).rejects.toMatchObject({
      code: 'ERR_OUT_OF_MEMORY', details: { needed, free: needed - 1, plan: expect.arrayContaining([{ name: 'weights: projections', bytes: expect.any(Number) }]) },
    });
    expect(memoryOfFaulty().peak).toBe(0);
    await (await openFaulty(model, { memoryBytes: needed })).close();
  } finally {
    model.remove();
  }
});
