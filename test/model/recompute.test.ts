// Every recompute policy gives the same losses and gradients: what backward makes again is what forward had.
import type { RecomputeLayers, SessionOptions } from '../../lib/engine/types.js';
import type { ModelSpec } from '../../lib/tensors.js';
import { allModules, batchOf, flat, openTiny, randomTokens, stir, type Where } from '../support/engine.js';
import { tinySpec, writeTinyModel, type TinyModel } from '../support/tiny-model.js';

const families: readonly (readonly [string, Partial<ModelSpec>])[] = [
  ['Llama', {}],
  ['Qwen3, tied, windows', { qkNorm: true, tiedHead: true, window: [0, 9, 0, 5] }],
  ['Phi-3', { fusedQkv: true, fusedGateUp: true }],
];

interface Outcome {
  readonly loss: number;
  readonly gradients: readonly number[];
  readonly bytes: number;
  readonly layers: RecomputeLayers;
}

async function run(where: Where, model: TinyModel, options: Partial<SessionOptions>): Promise<Outcome> {
  const session = await openTiny(where, model, options);
  try {
    await session.addAdapter({ modules: allModules(model, 4, 1.5, true), dropout: 0.1, seed: 5n });
    await stir(session, 0, 30);
    const [loss] = await session.accumulate(batchOf([17, 1, 40].map((length, i) => ({ tokens: randomTokens(length, model.spec.vocabulary, i + 1), slot: 0 }))));
    return {
      loss: loss!.lossSum, gradients: await flat(session, 0, 'gradients'), layers: session.recompute,
      bytes: session.memory.reduce((sum, line) => sum + line.bytes, 0),
    };
  } finally {
    await session.close();
  }
}

function expectSame(again: Outcome, kept: Outcome): void {
  expect(again.loss).toBe(kept.loss);
  expect(again.gradients).toEqual(kept.gradients);
}

test.each(families)('%s: making things again takes less memory and changes no bit', async (_, changes) => {
  const model = writeTinyModel(tinySpec({ layers: 4, ...changes }), 3);
  try {
    for (const [where, dtype] of [['cpu', 'f32'], ['cpu', 'bf16'], ['oracle', 'f32']] as const) {
      const kept = await run(where, model, { dtype });
      expect(kept.gradients.some((g) => g !== 0)).toBe(true);
      let before = kept;
      for (const recompute of ['cheap', 'layer'] as const) {
        const again = await run(where, model, { dtype, recompute });
        expectSame(again, kept);
        expect(again.bytes).toBeLessThan(before.bytes);
        before = again;
      }
      expect(before.layers).toEqual({ keep: 0, cheap: 0, again: 4 });
    }
  } finally {
    model.remove();
  }
});

test('auto fills the memory it is given with the fastest mixture, and no mixture changes a bit', async () => {
  const model = writeTinyModel(tinySpec({ layers: 6, window: [0, 0, 0, 0, 0, 0] }), 4);
  const sizeOf = async (recompute: 'none' | 'cheap' | 'layer'): Promise<number> => (await run('cpu', model, { recompute })).bytes;
  try {
    const kept = await run('cpu', model, {});
    const [none, cheap, layer] = [await sizeOf('none'), await sizeOf('cheap'), await sizeOf('layer')];
    const seen = new Set<string>();
    for (let memoryBytes = none + 1; memoryBytes > layer; memoryBytes -= (none - layer) / 9 | 0) {
      const outcome = await run('cpu', model, { recompute: 'auto', memoryBytes });
      expectSame(outcome, kept);
      expect(outcome.bytes).toBeLessThanOrEqual(memoryBytes);
      const { keep, cheap: few, again } = outcome.layers;
      expect(keep + few + again).toBe(6);
      // Nobody runs a layer again while cheap ones would do.
      if (memoryBytes >= cheap) expect(again).toBe(0);
      seen.add(`${keep} ${few} ${again}`);
    }
    expect(seen).toContain('6 0 0');
    expect(seen.size).toBeGreaterThan(4);
    await expect(run('cpu', model, { recompute: 'auto', memoryBytes: layer - 4096 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    expect((await run('cpu', model, { recompute: 'auto', memoryBytes: layer })).layers.keep).toBe(0);
  } finally {
    model.remove();
  }
});
