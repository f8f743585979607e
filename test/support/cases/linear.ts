// The linear with adapters, forward and backward: shapes around every tile, routes of every kind, dropout, ranks,
// siblings, packed and plain weights.
import { type OpCase, route, sizeOf } from '../calls.js';
import type { Args, Buffer, OpCall, Role } from '../door.js';
import { Random } from '../random.js';

export interface LinearShape {
  readonly name: string;
  readonly K: number;
  /** One projection for each: its N. */
  readonly N: readonly number[];
  /** 0: no adapter. */
  readonly rank: number;
  /** [rows, slot] */
  readonly segments: readonly (readonly [number, number])[];
  readonly bias?: boolean;
  /** One for each of the three slots. */
  readonly drop?: readonly [number, number, number];
  /** Weights in the backend's own layout, without their codes. */
  readonly packed?: boolean;
  /** Forward: y is Real. Backward: dx holds something that is added to. */
  readonly logits?: boolean;
  readonly add?: boolean;
  /** Backward: only the adapter's gradients, or only dx. */
  readonly without?: 'dx' | 'da';
}

export const SLOTS = 3;
const SCALES = [2, 0.7, 1.3];
const whole = (rows: number) => [[rows, 0]] as const;

export const linearShapes: readonly LinearShape[] = [
  { name: 'one row', K: 64, N: [64], rank: 0, segments: [[1, -1]], packed: true },
  { name: 'one row, three siblings', K: 64, N: [64, 32, 32], rank: 16, segments: whole(1), packed: true },
  { name: 'one by one', K: 1, N: [1], rank: 16, segments: whole(1) },
  { name: 'a tile less one', K: 17, N: [15], rank: 16, segments: whole(5), packed: true },
  { name: 'a tile', K: 16, N: [16], rank: 16, segments: whole(6), add: true },
  { name: 'a tile and one', K: 15, N: [17], rank: 16, segments: whole(7), bias: true, packed: true },
  { name: 'tiles of 14 x 32 and one', K: 33, N: [33], rank: 16, segments: whole(15), add: true },
  { name: 'tiles of 14 x 32 less one', K: 31, N: [31], rank: 16, segments: whole(13), packed: true },
  { name: 'two rows, plain weight', K: 172, N: [64], rank: 16, segments: whole(2), bias: true },
  { name: 'primes', K: 131, N: [67, 3, 101], rank: 32, segments: [[37, 1]], packed: true },
  { name: 'rank 64', K: 100, N: [70], rank: 64, segments: whole(20), add: true },
  { name: 'an empty segment and one of one row', K: 64, N: [48, 172], rank: 16, segments: [[3, 1], [0, 0], [1, 0], [9, 2]], packed: true },
  { name: 'all rows without adapter', K: 48, N: [40], rank: 16, segments: [[11, -1], [4, -1]], packed: true },
  { name: 'a slot with two segments', K: 80, N: [50], rank: 16, segments: [[8, 0], [5, -1], [9, 1], [7, 0]], add: true },
  { name: 'many short segments', K: 40, N: [36], rank: 16, packed: true,
    segments: Array.from({ length: 23 }, (_, i) => [1 + (i % 2), (i * 2) % 4 - 1] as const) },
  { name: 'dropout', K: 77, N: [45], rank: 16, segments: [[20, 0], [1, 2], [15, 1]], drop: [0.3, 0, 0.05], packed: true },
  { name: 'dropout, siblings, depth of several blocks', K: 401, N: [33, 30], rank: 32, segments: [[13, 2], [12, -1], [9, 0]], drop: [0.5, 0.1, 0.2] },
  { name: 'depth of several blocks', K: 900, N: [34], rank: 16, segments: whole(31), packed: true, bias: true },
  { name: 'wide, to Real', K: 60, N: [1000], rank: 16, segments: [[25, 1]], packed: true, logits: true },
  { name: 'real widths', K: 576, N: [576, 192, 192], rank: 16, segments: [[20, 0], [30, 2]], packed: true },
  { name: 'only the adapter', K: 96, N: [80], rank: 16, segments: whole(40), drop: [0.2, 0, 0], without: 'dx' },
  { name: 'only dx', K: 96, N: [80], rank: 16, segments: whole(40), without: 'da', packed: true },
];

type Given = Readonly<Record<string, ArrayLike<number>>>;

/**
 * The call of one pass. Forward: x, w0, bias0, slabs0, w1 … to y0, u0, y1 …; backward: dy0, u0 … as well, to dx,
 * gradients0, … A slab is A, B and 16 more elements that nobody may touch. Values may be given by name.
 */
function linearPass(pass: 'linear' | 'linearBwd', s: LinearShape, seed: number, given: Given): OpCall {
  const forward = pass === 'linear';
  const rows = s.segments.reduce((sum, [n]) => sum + n, 0);
  const buffers: Record<string, Buffer> = {};
  const tensor = (name: string, role: Role, shape: readonly number[], scale = 1, kind: 'store' | 'real' = 'store') => {
    const length = sizeOf(shape);
    const values = () => given[name] ?? new Random(seed * 1000 + Object.keys(buffers).length).normals(length, scale);
    buffers[name] = role === 'out' ? { kind, role, length } : { kind, role, length, values: values() };
    return { buffer: name, kind, shape };
  };
  const streams = { seed: BigUint64Array.of(1n, 0x123456789abcdefn, 42n), tick: Uint32Array.of(0, 7, 0xffffffff) };
  const drop = s.drop === undefined ? {} : { drop: Float32Array.from(s.drop), streams };
  const at = route(s.segments);
  const x = tensor('x', 'in', [rows, s.K]);
  const dx = forward || s.without === 'dx' ? undefined : tensor('dx', s.add === true ? 'inout' : 'out', [rows, s.K]);

  const pairOf = (i: number, N: number) => {
    const slab = s.rank * (N + s.K) + 16;
    const b = s.rank * s.K;
    const slabs = tensor(`slabs${i}`, 'in', [SLOTS, slab], 0.3).buffer;
    const into = forward || s.without === 'da' ? undefined : tensor(`gradients${i}`, 'inout', [SLOTS, slab], 1, 'real').buffer;
    return {
      kind: 'store', a: { buffer: slabs }, b: { buffer: slabs, offset: b }, slotStride: slab, rank: s.rank,
      scale: Float64Array.from(SCALES), ...drop, site: 7 * i + 3,
      ...(into === undefined ? {} : { da: { buffer: into }, db: { buffer: into, offset: b } }),
    };
  };
  const args = s.N.map((N, i): Args => ({
    x, route: at, w: { ...tensor(`w${i}`, 'in', [N, s.K], 0.2), ...(s.packed === true ? { uses: 3 } : {}) },
    ...(s.rank === 0 ? {} : { pair: pairOf(i, N), u: tensor(`u${i}`, forward ? 'out' : 'in', [rows, s.rank], 3) }),
    ...(forward && s.bias === true ? { bias: tensor(`bias${i}`, 'in', [N]) } : {}),
    ...(forward ? { y: tensor(`y${i}`, 'out', [rows, N], 1, s.logits === true ? 'real' : 'store') }
      : { dy: tensor(`dy${i}`, 'in', [rows, N]), ...(dx === undefined ? {} : { dx }), dxWrite: i > 0 || s.add === true ? 1 : 0 }),
  }));
  return { op: pass, buffers, args };
}

export const linearCall = (s: LinearShape, seed: number, given: Given = {}): OpCall => linearPass('linear', s, seed, given);
export const linearBwdCall = (s: LinearShape, seed: number, given: Given = {}): OpCall => linearPass('linearBwd', s, seed, given);

export const linear: readonly OpCase[] = linearShapes.filter((s) => s.without === undefined)
  .map((s, i) => ({ name: `${s.name}, seed ${i}`, make: () => linearCall(s, i) }));
export const linearBwd: readonly OpCase[] = linearShapes.map((s, i) => ({ name: `${s.name}, seed ${i}`, make: () => linearBwdCall(s, i) }));
