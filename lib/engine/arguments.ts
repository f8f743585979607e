// Public options to the plain objects of binding.ts: defaults filled in, numbers checked in words. What is inside
// large arrays is checked by native code, which has to look at every element anyway.
import type { Batch } from '../batch.js';
import type {
  NativeAdapterConfig, NativeBatch, NativeGenerateSequence, NativeSessionOptions, NativeUpdateRule,
} from './binding.js';
import { finite, integer, ints, refuse, seed64 } from './failure.js';
import type { AdapterOptions, GenerateSequence, Recompute, SessionOptions, UpdateRule } from './types.js';

export const RECOMPUTE: readonly Recompute[] = ['none', 'cheap', 'layer', 'auto'];

function toDevice(device: string): Pick<NativeSessionOptions, 'device' | 'ordinal'> {
  if (device === 'cpu') return { device: 'cpu', ordinal: 0 };
  const match = /^cuda(?::(\d{1,3}))?$/.exec(device);
  if (match === null) refuse('device', '"cpu", "cuda" or "cuda:<number>"', device);
  return { device: 'cuda', ordinal: Number(match[1] ?? 0) };
}

export function toNativeOptions(options: SessionOptions): NativeSessionOptions {
  const targets = options.targets ?? [];
  const slots = integer('slots', options.slots ?? (targets.length > 0 ? 1 : 0), 0, 4096);
  const cacheTokens = integer('cacheTokens', options.cacheTokens ?? 0, 0, 2 ** 30);
  const cacheSequences = options.cacheSequences ?? Math.min(16, cacheTokens);
  const dtype = options.dtype ?? 'f32';
  if (dtype !== 'f32' && dtype !== 'bf16') refuse('dtype', '"f32" or "bf16"', dtype);
  const recompute = options.recompute ?? 'none';
  if (!RECOMPUTE.includes(recompute)) refuse('recompute', '"none", "cheap", "layer" or "auto"', recompute);
  if (slots > 0 && targets.length === 0) refuse('targets', 'the projections that adapters attach to', 'none');
  return {
    ...toDevice(options.device ?? 'cpu'),
    dtype,
    threads: integer('threads', options.threads ?? 0, 0, 1024),
    spec: options.spec,
    weights: options.weights,
    targets,
    slots,
    rank: slots === 0 ? 0 : integer('rank', options.rank ?? 16, 1, 4096),
    maxTokens: integer('maxTokens', options.maxTokens ?? 2048, 1, 2 ** 24),
    maxSequences: integer('maxSequences', options.maxSequences ?? 256, 1, 2 ** 24),
    training: options.training ?? slots > 0,
    recompute,
    cacheTokens,
    cacheSequences: integer('cacheSequences', cacheSequences, 0, 2 ** 20),
    memoryBytes: integer('memoryBytes', options.memoryBytes ?? 0, 0, Number.MAX_SAFE_INTEGER),
  };
}

export function toNativeAdapter(options: AdapterOptions): NativeAdapterConfig {
  const dropout = finite('dropout', options.dropout ?? 0, 0);
  if (dropout >= 1) refuse('dropout', 'a probability in [0, 1)', dropout);
  return { modules: options.modules, dropout, seed: seed64('seed', options.seed ?? 0n) };
}

export function toNativeBatch(batch: Batch): NativeBatch {
  const count = batch.segments.length;
  if (count === 0) refuse('batch.segments', 'at least one segment', 'none');
  const segmentBegin = new Int32Array(count + 1);
  const segmentSlot = new Int32Array(count);
  batch.segments.forEach((segment, i) => {
    const expected = segmentBegin[i] ?? 0;
    if (segment.begin !== expected) {
      refuse(`batch.segments[${i}].begin`, `${expected}, where the one before ends`, segment.begin);
    }
    segmentBegin[i + 1] = integer(`batch.segments[${i}].end`, segment.end, segment.begin);
    segmentSlot[i] = integer(`batch.segments[${i}].slot`, segment.slot, -1);
  });
  return {
    tokens: ints('batch.tokens', batch.tokens),
    labels: ints('batch.labels', batch.labels),
    positions: ints('batch.positions', batch.positions),
    seqBegin: ints('batch.seqBegin', batch.seqBegin),
    ...(batch.weights === undefined ? {} : { weights: batch.weights }),
    segmentBegin,
    segmentSlot,
    neftuneAlpha: finite('batch.neftuneAlpha', batch.neftuneAlpha ?? 0, 0),
    labelSmoothing: finite('batch.labelSmoothing', batch.labelSmoothing ?? 0, 0),
  };
}

export function toNativeRule(rule: UpdateRule): NativeUpdateRule {
  const [beta1, beta2] = rule.betas ?? [0.9, 0.999];
  return {
    slot: rule.slot,
    lr: finite('lr', rule.lr, 0),
    beta1: finite('betas[0]', beta1, 0),
    beta2: finite('betas[1]', beta2, 0),
    eps: finite('eps', rule.eps ?? 1e-8, 0),
    weightDecay: finite('weightDecay', rule.weightDecay ?? 0, 0),
    clip: finite('clip', rule.clip ?? 0, 0),
  };
}

export function toNativeSequence(sequence: GenerateSequence): NativeGenerateSequence {
  return {
    prompt: ints('prompt', sequence.prompt),
    slot: integer('slot', sequence.slot ?? -1, -1),
    maxNewTokens: integer('maxNewTokens', sequence.maxNewTokens ?? 0, 0),
    temperature: finite('temperature', sequence.temperature ?? 0, 0),
    topK: integer('topK', sequence.topK ?? 0, 0),
    topP: finite('topP', sequence.topP ?? 1, 0),
    repetitionPenalty: finite('repetitionPenalty', sequence.repetitionPenalty ?? 1, 0),
    seed: seed64('seed', sequence.seed ?? 0n),
  };
}
