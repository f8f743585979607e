// Tokens per second of whole LoRA steps at large shapes on a GPU: r16 on all seven linears, bf16, packed full, random
// weights. --shape llama3-8b | llama3-1b | qwen3-0.6b, --sequence, --tokens, --rank, --runs, --recompute, --memory GiB (for auto),
// --adapters (as many in one batch, each with its share of the rows), --documents N (their mean length, spread like Alpaca's).
// Bundled for machines without packages: npx esbuild bench/step/gpu-step.ts --bundle --platform=node --format=esm
// --outfile=step.mjs, with WHETSTONE_ENGINE and WHETSTONE_CUDA_PLUGIN naming the two binaries.
import { openSession } from '../../lib/engine/session.js';
import { devices } from '../../lib/engine/devices.js';
import type { AdapterModule, Recompute } from '../../lib/engine/types.js';
import type { ModelSpec, Projection } from '../../lib/tensors.js';
import { sharedWeights } from './shared-weights.js';

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at >= 0 ? process.argv[at + 1] ?? fallback : fallback;
}

const base = { family: 'llama', normEps: 1e-5, tiedHead: true, qkvBias: false, oBias: false, mlpBias: false, qkNorm: false, fusedQkv: false,
  fusedGateUp: false };
const rope = (theta: number, rotaryWidth: number): ModelSpec['rope'] => ({ kind: 'default', theta, rotaryWidth, maxPositions: 131072 });
const even = (layers: number): number[] => Array.from({ length: layers }, () => 0);

const SHAPES: Readonly<Record<string, ModelSpec>> = {
  'llama3-8b': { ...base, tiedHead: false, vocabulary: 128256, width: 4096, layers: 32, heads: 32, kvHeads: 8, headWidth: 128,
    feedForward: 14336, window: even(32), rope: rope(5e5, 128) },
  'llama3-1b': { ...base, vocabulary: 128256, width: 2048, layers: 16, heads: 32, kvHeads: 8, headWidth: 64, feedForward: 8192,
    window: even(16), rope: rope(5e5, 64) },
  'qwen3-0.6b': { ...base, family: 'qwen3', qkNorm: true, vocabulary: 151936, width: 1024, layers: 28, heads: 16, kvHeads: 8,
    headWidth: 128, feedForward: 3072, window: even(28), rope: rope(1e6, 128) },
};

const name = option('shape', 'llama3-8b'), spec = SHAPES[name];
if (spec === undefined) throw new Error(`--shape: expected one of ${Object.keys(SHAPES).join(', ')}, got ${name}`);
const sequence = Number(option('sequence', '4096')), tokens = Number(option('tokens', '8192')), rank = Number(option('rank', '16'));
const runs = Number(option('runs', '20')), recompute = option('recompute', 'none') as Recompute, dropout = Number(option('dropout', '0'));
const adapters = Number(option('adapters', '1')), documents = Number(option('documents', '0'));
const targets: Projection[] = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];
const modules: AdapterModule[] = even(spec.layers).flatMap((_, layer) => targets.map((projection) => ({ layer, projection, rank, scale: 2 })));

const model = sharedWeights(spec);
try {
  const started = performance.now();
  const session = await openSession({
    device: 'cuda', dtype: 'bf16', spec, weights: model.weights, targets, slots: adapters, rank, maxTokens: tokens,
    maxSequences: documents === 0 ? Math.max(16, Math.ceil(tokens / sequence)) : Math.ceil(tokens / 8), recompute, memoryBytes: Number(option('memory', '0')) * 2 ** 30,
  });
  const loadSeconds = (performance.now() - started) / 1e3;
  const slots = [];
  for (let i = 0; i < adapters; i++) slots.push(await session.addAdapter({ modules, seed: BigInt(i + 1), dropout }));
  let x = 12345;
  const ids = Int32Array.from({ length: tokens }, () => (x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff) % spec.vocabulary);
  // Documents: whole sequences, or lengths spread log-normally around the mean, as instruction sets have them.
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const uniform = (): number => ((x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff) + 1) / 0x80000001;
  const begins = [0];
  while (begins.at(-1)! < tokens) {
    const length = documents === 0 ? sequence : Math.min(sequence, Math.max(8, Math.round(documents * Math.exp(0.7 * normal() - 0.245))));
    begins.push(Math.min(tokens, begins.at(-1)! + length));
  }
  const seqBegin = Int32Array.from(begins), positions = new Int32Array(tokens), labels = new Int32Array(tokens);
  for (let i = 0; i + 1 < begins.length; i++) {
    for (let t = begins[i]!; t < begins[i + 1]!; t++) {
      positions[t] = t - begins[i]!;
      labels[t] = t + 1 < begins[i + 1]! ? ids[t + 1]! : -1;
    }
  }
  // Segments of whole documents, as equal as they come.
  const cuts = slots.map((_, i) => begins.reduce((best, at) => (Math.abs(at - i / adapters * tokens) < Math.abs(best - i / adapters * tokens) ? at : best), 0));
  const segments = slots.map((slot, i) => ({ begin: cuts[i]!, end: cuts[i + 1] ?? tokens, slot }));
  const batch = { tokens: ids, labels, positions, seqBegin, segments };
  const losses: number[] = [], times: number[] = [];
  for (let i = 0; i < runs + 3; i++) {
    const begin = performance.now();
    const [loss] = await session.accumulate(batch);
    await session.applyGradients(slots.map((slot) => ({ slot, lr: 2e-4, clip: 1 })));
    times.push(performance.now() - begin);
    losses.push(loss!.lossSum / loss!.weightSum);
  }
  const counted = times.slice(3).sort((a, b) => a - b), median = counted[counted.length >> 1]!;
  const gpu = (await devices()).find(({ kind }) => kind === 'cuda');
  const planned = session.memory.reduce((sum, { bytes }) => sum + bytes, 0), used = gpu === undefined ? NaN : gpu.memoryBytes - gpu.freeBytes;
  const plan = new Map<string, number>();
  for (const line of session.memory) plan.set(line.name, (plan.get(line.name) ?? 0) + line.bytes);
  console.log(JSON.stringify({
    case: 'step/gpu-step', shape: name, sequence, tokens, rank, recompute, dropout, adapters, documents, runs, loadSeconds: Math.round(loadSeconds * 10) / 10,
    stepMs: Math.round(median * 10) / 10, spreadMs: Math.round((counted.at(-1)! - counted[0]!) * 10) / 10,
    tokensPerSecond: Math.round(tokens / median * 1e3), firstLoss: losses[0], lastLoss: losses.at(-1),
    planGiB: Math.round(planned / 2 ** 30 * 100) / 100, usedGiB: Math.round(used / 2 ** 30 * 100) / 100,
    usedOverPlan: Math.round(used / planned * 1e4) / 1e4, layers: session.recompute,
    plan: Object.fromEntries([...plan].map(([key, bytes]) => [key, `${(bytes / 2 ** 30).toFixed(2)} GiB`])),
  }));
  await session.close();
} finally {
  model.remove();
}
