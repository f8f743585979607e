// Cross-entropy of the head: scored and unscored rows, weights, smoothing, adapters with dropout, vocabularies around
// every block, logits of all sizes.
import { type OpCase, input, opCall, output, route, updated } from '../calls.js';
import type { OpCall } from '../door.js';
import { Random } from '../random.js';

export interface HeadShape {
  readonly name: string;
  readonly D: number;
  readonly V: number;
  readonly rank: number; // 0: no adapter
  /** [rows, slot] */
  readonly segments: readonly (readonly [number, number])[];
  /** How many of 10 rows are scored; 10 by default. */
  readonly scored?: number;
  readonly weights?: boolean;
  readonly smoothing?: number;
  readonly drop?: readonly [number, number];
  readonly packed?: boolean;
  readonly evaluate?: boolean; // no dx
  /** Size of x: logits grow with it. */
  readonly scale?: number;
}

export const HEAD_SLOTS = 2;

export const headShapes: readonly HeadShape[] = [
  { name: 'one row', D: 64, V: 512, rank: 0, segments: [[1, -1]], packed: true },
  { name: 'one word', D: 5, V: 1, rank: 16, segments: [[3, 0]] },
  { name: 'a block less one', D: 17, V: 255, rank: 0, segments: [[13, -1]], packed: true, weights: true },
  { name: 'a block', D: 16, V: 256, rank: 16, segments: [[14, 1]], smoothing: 0.1 },
  { name: 'a block and one', D: 15, V: 257, rank: 16, segments: [[7, 0]], packed: true },
  { name: 'primes', D: 67, V: 1009, rank: 16, segments: [[29, 1]], weights: true, smoothing: 0.1, packed: true },
  { name: 'segments', D: 48, V: 600, rank: 32, segments: [[9, 0], [0, 1], [1, 1], [6, -1], [12, 0]], scored: 7, weights: true, packed: true },
  { name: 'nothing scored', D: 32, V: 100, rank: 16, segments: [[8, 0]], scored: 0 },
  { name: 'few scored', D: 32, V: 300, rank: 16, segments: [[30, 0], [30, 1]], scored: 1, smoothing: 0.05, packed: true },
  { name: 'all rows without adapter', D: 40, V: 333, rank: 16, segments: [[20, -1]], weights: true },
  { name: 'dropout', D: 37, V: 201, rank: 16, segments: [[10, 1], [8, 0]], scored: 8, drop: [0.4, 0.1], weights: true, packed: true },
  { name: 'only the loss', D: 50, V: 700, rank: 16, segments: [[22, 1]], scored: 8, weights: true, smoothing: 0.1, packed: true, evaluate: true },
  { name: 'large logits', D: 64, V: 400, rank: 0, segments: [[16, -1]], scale: 30, packed: true },
  { name: 'real widths', D: 576, V: 4099, rank: 16, segments: [[25, 0], [15, 1]], scored: 9, packed: true },
];

type Given = Readonly<Record<string, ArrayLike<number>>>;

/** Inputs x, w, slabs, labels and weight may be given; outputs are dx, rowLoss, rowTop1, lossSum, weightSum, scored, gradients. */
export function headCall(s: HeadShape, seed: number, given: Given = {}): OpCall {
  const random = new Random(seed + 500);
  const T = s.segments.reduce((sum, [n]) => sum + n, 0);
  const slab = s.rank * (s.V + s.D) + 16;
  const x = given['x'] ?? random.normals(T * s.D, s.scale ?? 1);
  const w = given['w'] ?? random.normals(s.V * s.D, 0.3);
  const labels = given['labels'] ?? Int32Array.from({ length: T }, () => (random.integer(0, 10) < (s.scored ?? 10) ? random.integer(0, s.V) : -1));
  const weights = given['weight'] ?? Float64Array.from({ length: T }, () => random.integer(0, 8) / 4);
  const streams = { seed: BigUint64Array.of(3n, 0xfedcba987654321n), tick: Uint32Array.of(9, 1) };
  const call = opCall('headLoss', {
    x: input('store', [T, s.D], x), labels: input('i32', [T], labels), w: input('store', [s.V, s.D], w),
    weight: s.weights === true ? input('real', [T], weights) : undefined,
    dx: s.evaluate === true ? undefined : output('store', [T, s.D]),
    rowLoss: output('real', [T]), rowTop1: output('i32', [T]),
    lossSum: updated('f64', [HEAD_SLOTS + 1], [0.5, 0, 1]), weightSum: updated('f64', [HEAD_SLOTS + 1], [1, 0, 2]),
    scored: updated('i32', [HEAD_SLOTS + 1], [3, 0, 1]),
  }, { route: route(s.segments), smoothing: s.smoothing ?? 0 });
  const args = { ...call.args[0]!, w: { ...(call.args[0]!['w'] as object), ...(s.packed === true ? { uses: 3 } : {}) } };
  if (s.rank === 0) return { ...call, args: [args] };
  const slabs = given['slabs'] ?? random.normals(HEAD_SLOTS * slab, 0.2);
  const gradients = given['gradients'] ?? random.normals(HEAD_SLOTS * slab);
  const b = s.rank * s.D;
  const pair = {
    kind: 'store', a: { buffer: 'slabs' }, b: { buffer: 'slabs', offset: b }, slotStride: slab, rank: s.rank, scale: Float64Array.of(2, 0.6), site: 99,
    ...(s.evaluate === true ? {} : { da: { buffer: 'gradients' }, db: { buffer: 'gradients', offset: b } }),
    ...(s.drop === undefined ? {} : { drop: Float32Array.from(s.drop), streams }),
  };
  return {
    ...call, args: [{ ...args, pair }],
    buffers: {
      ...call.buffers, slabs: { kind: 'store', role: 'in', length: HEAD_SLOTS * slab, values: slabs },
      ...(s.evaluate === true ? {} : { gradients: { kind: 'real', role: 'inout', length: HEAD_SLOTS * slab, values: gradients } }),
    },
  };
}

export const headLoss: readonly OpCase[] = headShapes.map((s, i) => ({ name: `${s.name}, seed ${i}`, make: () => headCall(s, i) }));
