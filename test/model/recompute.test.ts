// Every recompute policy gives the same losses and gradients: what backward makes again is what forward had.
import type { ModelSpec } from '../../lib/tensors.js';
import { allModules, batchOf, flat, openTiny, randomTokens, stir, type Where } from '../support/engine.js';
import { tinySpec, writeTinyModel, type TinyModel } from '../support/tiny-model.js';

const families: readonly (readonly [string, Partial<ModelSpec>])[] = [
  ['Llama', {}],
  ['Qwen3, tied', { qkNorm: true, tiedHead: true }],
  ['Phi-3', { fusedQkv: true, fusedGateUp: true }],
];

async function run(where: Where, model: TinyModel, recompute: 'none' | 'cheap'): Promise<{ loss: number; gradients: number[]; bytes: number }> {
  const session = await openTiny(where, model, { recompute });
  try {
    await session.addAdapter({ modules: allModules(model, 4, 1.5, true), dropout: 0.1, seed: 5n });
    await stir(session, 0, 30);
    const [loss] = await session.accumulate(batchOf([17, 1, 40].map((length, i) => ({ tokens: randomTokens(length, model.spec.vocabulary, i + 1), slot: 0 }))));
    return {
      loss: loss!.lossSum, gradients: await flat(session, 0, 'gradients'),
      bytes: session.memory.reduce((sum, line) => sum + line.bytes, 0),
    };
  } finally {
    await session.close();
  }
}

test.each(families)('%s: cheap recomputation takes less memory and changes no bit', async (_, changes) => {
  const model = writeTinyModel(tinySpec(changes), 3);
  try {
    for (const where of ['cpu', 'oracle'] as const) {
      const kept = await run(where, model, 'none'), again = await run(where, model, 'cheap');
      expect(again.loss).toBe(kept.loss);
      expect(again.gradients).toEqual(kept.gradients);
      expect(kept.gradients.some((g) => g !== 0)).toBe(true);
      expect(again.bytes).toBeLessThan(kept.bytes);
    }
  } finally {
    model.remove();
  }
});
