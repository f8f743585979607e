// Tiny random models for tests: a spec, its tensors as one safetensors-like file in a temporary folder, and the
// sources that a session opens. Written here so that engine tests need no model folder and no tokenizer.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSpec, Projection, TensorSource } from '../../lib/tensors.js';

/** Uniform numbers in [0, 1): mulberry32. The same seed gives the same model everywhere. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Two layers of Llama's shape with grouped queries; fields may be overridden. */
export function tinySpec(changes: Partial<ModelSpec> = {}): ModelSpec {
  const layers = changes.layers ?? 2;
  const headWidth = changes.headWidth ?? 8;
  return {
    family: 'llama', vocabulary: 61, width: 32, layers, heads: 4, kvHeads: 2, headWidth, feedForward: 40, normEps: 1e-5,
    tiedHead: false, qkvBias: false, oBias: false, mlpBias: false, qkNorm: false, fusedQkv: false, fusedGateUp: false,
    window: Array.from({ length: layers }, () => 0),
    rope: { kind: 'default', theta: 10000, rotaryWidth: headWidth, maxPositions: 512 },
    ...changes,
  };
}

/** Projections of a layer that this model has. */
export function projections(spec: ModelSpec): readonly Projection[] {
  return [...(spec.fusedQkv ? ['qkv'] as const : ['q', 'k', 'v'] as const), 'o',
    ...(spec.fusedGateUp ? ['gate_up'] as const : ['gate', 'up'] as const), 'down'];
}

/** Rows and columns of a projection's weight. */
export function extents(spec: ModelSpec, projection: Projection): readonly [number, number] {
  const { width, heads, kvHeads, headWidth, feedForward, vocabulary } = spec;
  const q = heads * headWidth;
  const kv = kvHeads * headWidth;
  switch (projection) {
    case 'q': return [q, width];
    case 'k': case 'v': return [kv, width];
    case 'qkv': return [q + 2 * kv, width];
    case 'o': return [width, q];
    case 'gate': case 'up': return [feedForward, width];
    case 'gate_up': return [2 * feedForward, width];
    case 'down': return [width, feedForward];
    case 'head': return [vocabulary, width];
  }
}

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly around: number; // norms lie around 1, the rest around 0
}

/** Every tensor of a model, in the engine's names. */
export function modelTensors(spec: ModelSpec): readonly Entry[] {
  const out: Entry[] = [{ name: 'embed', shape: [spec.vocabulary, spec.width], around: 0 }];
  for (let layer = 0; layer < spec.layers; layer += 1) {
    const prefix = `layers.${layer}.`;
    out.push({ name: `${prefix}norm1`, shape: [spec.width], around: 1 }, { name: `${prefix}norm2`, shape: [spec.width], around: 1 });
    if (spec.qkNorm) {
      out.push({ name: `${prefix}q_norm`, shape: [spec.headWidth], around: 1 }, { name: `${prefix}k_norm`, shape: [spec.headWidth], around: 1 });
    }
    for (const projection of projections(spec)) {
      const [rows, columns] = extents(spec, projection);
      out.push({ name: prefix + projection, shape: [rows, columns], around: 0 });
      const bias = projection === 'o' ? spec.oBias : /^(gate|up|down)/.test(projection) ? spec.mlpBias : spec.qkvBias;
      if (bias) out.push({ name: `${prefix}${projection}.bias`, shape: [rows], around: 0 });
    }
  }
  out.push({ name: 'norm', shape: [spec.width], around: 1 });
  if (!spec.tiedHead) out.push({ name: 'head', shape: [spec.vocabulary, spec.width], around: 0 });
  return out;
}

export interface TinyModel {
  readonly spec: ModelSpec;
  readonly weights: readonly TensorSource[];
  readonly folder: string;
  remove(): void;
}

/** Large tensors repeat this many drawn numbers: drawing a hundred million one by one takes longer than a benchmark. */
const POOL = 65521;

function draw(count: number, around: number, size: number, random: () => number): Float32Array {
  const out = new Float32Array(count);
  const pool = Math.min(count, POOL);
  for (let i = 0; i < pool; i += 1) out[i] = around + size * (2 * random() - 1);
  for (let filled = pool; filled < count; filled *= 2) out.copyWithin(filled, 0, Math.min(filled, count - filled));
  return out;
}

/**
 * Writes a random model. Values are f32, so that an f32 and an f64 session see the same model; `scale` times
 * 1 / sqrt(columns) is the size of matrices.
 */
export function writeTinyModel(spec: ModelSpec, seed = 1, scale = 1): TinyModel {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-tiny-'));
  const file = join(folder, 'model.safetensors');
  const random = generator(seed);
  const entries = modelTensors(spec);
  const weights: TensorSource[] = [];
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const { name, shape } of entries) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] };
    weights.push({ name, dtype: 'F32', shape, file, begin: at, end: at + bytes });
    at += bytes;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((8 - (json.length % 8)) % 8);
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(json.length));
  const out = openSync(file, 'w');
  writeSync(out, Buffer.concat([start, Buffer.from(json)]));
  for (const { name, shape, around } of entries) {
    const size = around === 1 ? 0.2 : name === 'embed' ? 1 : (scale * 1.7) / Math.sqrt(shape.at(-1) ?? 1);
    const bytes = Buffer.from(draw(shape.reduce((a, b) => a * b, 1), around, size, random).buffer);
    for (let written = 0; written < bytes.length;) written += writeSync(out, bytes, written);
  }
  closeSync(out);
  const shift = 8 + json.length;
  return {
    spec, folder,
    weights: weights.map((source) => ({ ...source, begin: source.begin + shift, end: source.end + shift })),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
