// Sessions for tests: on the CPU and the f64 oracle through the testing addon, on a GPU through the shipped one, with
// batches put together from plain sequences.
import type { Batch } from '../../lib/batch.js';
import { loadAddon } from '../../lib/engine/native.js';
import { openSession, openSessionWith } from '../../lib/engine/session.js';
import type { AdapterModule, GenerateSequence, Session, SessionOptions } from '../../lib/engine/types.js';
import type { Projection } from '../../lib/tensors.js';
import { generator, projections, type TinyModel } from './tiny-model.js';

export type Where = 'cpu' | 'oracle' | 'plain' | 'cuda';

/** A session with every projection of a layer, and the head, as targets. */
export function openTiny(where: Where, model: TinyModel, options: Partial<SessionOptions> = {}): Promise<Session> {
  const targets: readonly Projection[] = [...projections(model.spec), 'head'];
  const all = {
    spec: model.spec, weights: model.weights, targets, slots: 2, rank: 4, maxTokens: 128, maxSequences: 16, threads: 1, ...options,
  };
  return where === 'cuda' ? openSession({ ...all, device: where }) : openSessionWith(loadAddon('engine_testing'), where, all);
}

/** One module for each projection of each layer, and the head when asked for. */
export function allModules(model: TinyModel, rank: number, scale: number, head = false): readonly AdapterModule[] {
  const out: AdapterModule[] = [];
  for (let layer = 0; layer < model.spec.layers; layer += 1) {
    for (const projection of projections(model.spec)) out.push({ layer, projection, rank, scale });
  }
  if (head) out.push({ layer: -1, projection: 'head', rank, scale });
  return out;
}

export interface Example {
  readonly tokens: readonly number[];
  readonly slot: number;
  readonly weights?: readonly number[];
}

/** Next-token prediction on every row but the last of each sequence. */
export function batchOf(examples: readonly Example[], changes: Partial<Batch> = {}): Batch {
  const tokens: number[] = [];
  const labels: number[] = [];
  const positions: number[] = [];
  const weights: number[] = [];
  const seqBegin = [0];
  const segments: { begin: number; end: number; slot: number }[] = [];
  for (const { tokens: ids, slot, weights: w } of examples) {
    const begin = tokens.length;
    ids.forEach((id, i) => {
      tokens.push(id);
      labels.push(ids[i + 1] ?? -1);
      positions.push(i);
      weights.push(w?.[i] ?? 1);
    });
    seqBegin.push(tokens.length);
    segments.push({ begin, end: tokens.length, slot });
  }
  return {
    tokens: Int32Array.from(tokens), labels: Int32Array.from(labels), positions: Int32Array.from(positions),
    seqBegin: Int32Array.from(seqBegin), segments,
    ...(examples.some((e) => e.weights) ? { weights: Float32Array.from(weights) } : {}), ...changes,
  };
}

export function randomTokens(count: number, vocabulary: number, seed: number): number[] {
  const random = generator(seed);
  return Array.from({ length: count }, () => Math.floor(random() * vocabulary));
}

/** Fills an adapter's B (zero at first) with random numbers, so that it changes something. */
export async function stir(session: Session, slot: number, seed: number, size = 0.3): Promise<void> {
  const random = generator(seed);
  const tensors = await session.readAdapter(slot, 'weights');
  for (const { data } of tensors) data.forEach((x, i) => { data[i] = x + size * (2 * random() - 1); });
  await session.writeAdapter(slot, 'weights', tensors);
}

/** Continues each sequence by `count` tokens. */
export async function generated(session: Session, sequences: readonly GenerateSequence[], count: number): Promise<number[][]> {
  await using generation = await session.generate(sequences);
  const out: number[][] = sequences.map(() => []);
  for (let i = 0; i < count; i += 1) {
    const { tokens } = await generation.next();
    tokens.forEach((token, q) => out[q]?.push(token));
  }
  return out;
}

/** An adapter's tensors end to end. */
export async function flat(session: Session, slot: number, what: 'weights' | 'optimizer' | 'gradients'): Promise<number[]> {
  return (await session.readAdapter(slot, what)).flatMap(({ data }) => Array.from(data));
}

/** Largest difference over the root mean square of the expected values; NaN when either side holds one. */
export function deviation(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return NaN;
  let most = 0;
  let squares = 0;
  for (let i = 0; i < expected.length; i += 1) {
    const difference = Math.abs((actual[i] as number) - (expected[i] as number));
    if (!(difference <= most)) most = difference;
    squares += (expected[i] as number) ** 2;
  }
  return most / Math.max(Math.sqrt(squares / Math.max(1, expected.length)), 1e-30);
}
