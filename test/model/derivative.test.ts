// The whole model against its own directional derivatives, in double: loss to every adapter's slab. Two evaluations
// check all elements at once; the error falls with the square of the step until rounding takes over.
import type { Batch } from '../../lib/batch.js';
import type { Session } from '../../lib/engine/types.js';
import type { ModelSpec } from '../../lib/tensors.js';
import { allModules, batchOf, openTiny, randomTokens, stir } from '../support/engine.js';
import { generator, tinySpec, writeTinyModel } from '../support/tiny-model.js';

jest.setTimeout(60_000);  // machines that are busy with other things

interface Variant {
  readonly name: string;
  readonly spec: Partial<ModelSpec>;
  readonly dropout?: number;
  readonly batch?: Partial<Batch>;
  readonly weights?: boolean;
}

const yarn: ModelSpec['rope'] = {
  kind: 'yarn', theta: 10000, rotaryWidth: 8, maxPositions: 64, factor: 4, originalMaxPositions: 16, betaFast: 32, betaSlow: 1,
  attentionFactor: 1.1386, truncate: true,
};

const variants: readonly Variant[] = [
  { name: 'Llama: grouped queries, an untied head with an adapter', spec: {} },
  { name: 'dropout, NEFTune, smoothing and weights', spec: { tiedHead: true }, dropout: 0.2, weights: true,
    batch: { neftuneAlpha: 5, labelSmoothing: 0.1 } },
  { name: 'Qwen2: bias on q, k and v', spec: { qkvBias: true } },
  { name: 'Qwen3: norms on the heads of q and k, wide heads', spec: { qkNorm: true, headWidth: 12,
    rope: { kind: 'default', theta: 1e6, rotaryWidth: 12, maxPositions: 64 } } },
  { name: 'Phi-3: fused projections, part of each head rotated', spec: { fusedQkv: true, fusedGateUp: true,
    rope: { kind: 'default', theta: 1e4, rotaryWidth: 4, maxPositions: 64 } }, dropout: 0.1 },
  { name: 'Mistral: a window in one layer, yarn, biases everywhere', spec: { window: [4, 0], rope: yarn, oBias: true, mlpBias: true } },
];

async function lossSum(session: Session, batch: Batch): Promise<number> {
  const losses = await session.accumulate(batch);
  return losses.reduce((sum, { lossSum: loss }) => sum + loss, 0);
}

/** Moves all adapters by `step` along directions drawn from the seed. */
async function move(session: Session, start: ReadonlyMap<number, readonly { name: string; shape: readonly number[]; data: Float32Array }[]>, step: number): Promise<void> {
  for (const [slot, tensors] of start) {
    const random = generator(1000 + slot);
    const moved = tensors.map(({ name, shape, data }) => {
      const out = Float64Array.from(data);
      for (let i = 0; i < out.length; i += 1) out[i] = (out[i] as number) + step * (2 * random() - 1);
      return { name, shape, data: out as unknown as Float32Array };
    });
    await session.writeAdapter(slot, 'weights', moved);
  }
}

test.each(variants)('$name', async ({ spec: changes, dropout = 0, batch: settings = {}, weights = false }) => {
  const spec = tinySpec(changes);
  const model = writeTinyModel(spec, 11);
  const session = await openTiny('oracle', model);
  try {
    const slots = [0, 1];
    for (const slot of slots) {
      await session.addAdapter({ modules: allModules(model, 3 + slot, 1.7, true), dropout, seed: BigInt(40 + slot) });
      await stir(session, slot, 70 + slot, 0.4);
    }
    const random = generator(5);
    const examples = [[9, 0], [5, 1], [7, -1], [6, 0]].map(([length, slot], i) => ({
      tokens: randomTokens(length as number, spec.vocabulary, 20 + i), slot: slot as number,
      ...(weights ? { weights: Array.from({ length: length as number }, () => 0.5 + random()) } : {}),
    }));
    const batch = batchOf(examples, settings);
    await lossSum(session, batch);
    const start = new Map<number, Awaited<ReturnType<Session['readAdapter']>>>();
    let expected = 0;
    for (const slot of slots) {
      start.set(slot, await session.readAdapter(slot, 'weights'));
      const direction = generator(1000 + slot);
      for (const { data } of await session.readAdapter(slot, 'gradients')) {
        for (const g of data) expected += g * (2 * direction() - 1);
      }
    }
    await session.dropGradients();  // also turns the random streams back, so that every pass draws the same masks
    const error = async (h: number): Promise<number> => {
      await move(session, start, h);
      const above = await lossSum(session, batch);
      await session.dropGradients();
      await move(session, start, -h);
      const below = await lossSum(session, batch);
      await session.dropGradients();
      return Math.abs((above - below) / (2 * h) - expected) / Math.abs(expected);
    };
    const coarse = await error(1e-4);
    const fine = await error(1e-5);
    expect(coarse).toBeLessThan(1e-3);
    expect(fine).toBeLessThan(Math.max(coarse / 30, 2e-8));
  } finally {
    await session.close();
    model.remove();
  }
});
