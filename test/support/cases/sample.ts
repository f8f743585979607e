// Sampling: rows of one call each with its own settings, and the call they make.
import { input, opCall, output, updated } from '../calls.js';
import type { OpCall } from '../door.js';
import { Random } from '../random.js';

export interface SampleRow {
  readonly logits: ArrayLike<number>;
  readonly temperature?: number; // 1
  readonly topK?: number; // 0: all
  readonly topP?: number; // 1: all
  readonly penalty?: number; // 1: none
  readonly seed?: bigint;
  readonly counter?: number;
  readonly history?: readonly number[];
  /** Ids that may be drawn. */
  readonly allow?: readonly number[];
}

export function sampleCall(rows: readonly SampleRow[]): OpCall {
  const Q = rows.length;
  const V = rows[0]!.logits.length;
  const L = Math.max(1, ...rows.map((r) => r.history?.length ?? 0));
  const words = Math.ceil(V / 32);
  const logits = new Float64Array(Q * V);
  const history = new Int32Array(Q * L);
  const seeds = new Int32Array(Q * 2);
  const allow = new Int32Array(Q * words).fill(-1);
  rows.forEach((r, q) => {
    logits.set(r.logits, q * V);
    history.set(r.history ?? [], q * L);
    seeds.set([Number(BigInt.asIntN(32, r.seed ?? 0n)), Number(BigInt.asIntN(32, (r.seed ?? 0n) >> 32n))], q * 2);
    if (r.allow === undefined) return;
    allow.fill(0, q * words, (q + 1) * words);
    for (const id of r.allow) allow[q * words + (id >> 5)]! |= 1 << (id & 31);
  });
  const each = (kind: 'f32' | 'i32', value: (r: SampleRow) => number) => input(kind, [Q], rows.map(value));
  return opCall('sample', {
    logits: updated('f32', [Q, V], logits),
    temperature: each('f32', (r) => r.temperature ?? 1),
    topP: each('f32', (r) => r.topP ?? 1),
    penalty: each('f32', (r) => r.penalty ?? 1),
    topK: each('i32', (r) => r.topK ?? 0),
    seed: input('i32', [Q, 2], seeds),
    counter: each('i32', (r) => r.counter ?? 0),
    history: input('i32', [Q, L], history),
    historyCount: each('i32', (r) => r.history?.length ?? 0),
    allow: rows.some((r) => r.allow !== undefined) ? input('i32', [Q, words], allow) : undefined,
    token: output('i32', [Q]),
    logprob: output('f32', [Q]),
  });
}

/** Rows with every setting, alone and together, over a vocabulary of V. */
export function mixedRows(V: number, seed: number, count: number): readonly SampleRow[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => ({
    logits: Float32Array.from(random.normals(V, i % 3 === 0 ? 1 : 4)),
    temperature: [0, 0.3, 1, 1.7][i % 4]!,
    topK: [0, 1, 5, 40, V + 9][i % 5]!,
    topP: [1, 0.9, 0.5, 0, 0.999][(i >> 1) % 5]!,
    penalty: [1, 1.3, 0.8][i % 3]!,
    seed: BigInt.asUintN(64, BigInt(i) * 0x9e3779b97f4a7c15n),
    counter: i,
    history: i % 2 === 0 ? Array.from(random.integers(20, 0, V)) : [],
    ...(i % 7 === 3 ? { allow: Array.from(random.integers(Math.ceil(V / 2), 0, V)) } : {}),
  }));
}
