// Tokens per second of one training step (accumulate and update) on a model folder or a shape with random weights.
// --model DIR | --shape smollm2-135m | tiny, --tokens, --rank, --threads, --dtype, --runs, --device.
import { openSession } from '../../lib/engine/session.js';
import { loadModel } from '../../lib/model/load.js';
import type { ModelSpec } from '../../lib/tensors.js';
import { allModules, batchOf, randomTokens } from '../../test/support/engine.js';
import { projections, tinySpec, writeTinyModel } from '../../test/support/tiny-model.js';
import { cpuName, option, report, summarize, time } from '../harness.js';

const rope = (theta: number, rotaryWidth: number): ModelSpec['rope'] => ({ kind: 'default', theta, rotaryWidth, maxPositions: 131072 });

const SHAPES: Readonly<Record<string, () => ModelSpec>> = {
  'smollm2-135m': () => tinySpec({ layers: 30, width: 576, feedForward: 1536, heads: 9, kvHeads: 3, headWidth: 64, vocabulary: 49152,
    tiedHead: true, window: Array.from({ length: 30 }, () => 0), rope: rope(1e5, 64) }),
  tiny: () => tinySpec(),
};

const folder = option('model', '');
const name = folder === '' ? option('shape', 'smollm2-135m') : folder;
const shape = SHAPES[name];
if (folder === '' && shape === undefined) throw new Error(`--shape: expected one of ${Object.keys(SHAPES).join(', ')}, got ${name}`);
const tokens = Number(option('tokens', '512'));
const rank = Number(option('rank', '16'));
const threads = Number(option('threads', '2'));
const dtype = option('dtype', 'f32') as 'f32' | 'bf16';
const device = option('device', 'cpu');
const runs = Number(option('runs', '20'));

const model = shape === undefined ? { ...await loadModel(folder), remove: () => undefined } : writeTinyModel(shape());
const { spec } = model;
try {
  const session = await openSession({
    device, dtype, threads, spec, weights: model.weights, targets: projections(spec), slots: 1, rank, maxTokens: tokens, maxSequences: 16,
  });
  const slot = await session.addAdapter({ modules: allModules(model, rank, 2), seed: 1n });
  const batch = batchOf([{ tokens: randomTokens(tokens, spec.vocabulary, 5), slot }]);
  // A first step must lower the loss of its own batch, or the time of further ones means nothing.
  const [before] = await session.accumulate(batch);
  await session.applyGradients([{ slot, lr: 1e-3, clip: 1 }]);
  const [after] = await session.accumulate(batch);
  await session.dropGradients();
  if (!(after!.lossSum < before!.lossSum)) throw new Error(`the loss did not fall: ${before!.lossSum} then ${after!.lossSum}`);

  const step = async (): Promise<void> => {
    await session.accumulate(batch);
    await session.applyGradients([{ slot, lr: 1e-4, clip: 1 }]);
  };
  const used = process.cpuUsage();
  const { median, spread, runs: counted } = summarize(await time(step, { warmup: 0, runs }));
  const spent = process.cpuUsage(used);  // on a machine that others use too, this says what a quiet one would do
  report({
    case: 'step/train-step', model: name, dtype, threads, tokens, rank, device: device === 'cpu' ? cpuName() : device,
    stepMs: Math.round(median * 10) / 10, spread, runs: counted, tokensPerSecond: Math.round(tokens / (median / 1e3)),
    cpuSecondsPerStep: Math.round((spent.user + spent.system) / runs / 1e3) / 1e3,
    memoryMiB: Math.round(session.memory.reduce((sum, line) => sum + line.bytes, 0) / 2 ** 20),
  });
  await session.close();
} finally {
  model.remove();
}
