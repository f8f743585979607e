// Attention: packed sequences with empty ones among them, grouped heads, windows, caches, and head widths on both
// sides of every vector.
import { type OpCase, input, opCall, output, starts } from '../calls.js';
import { outputsOf, rounded } from '../door.js';
import { Random } from '../random.js';

export interface AttentionShape {
  readonly name: string;
  readonly H: number;
  readonly G: number;
  readonly E: number;
  /** Queries of each sequence. */
  readonly queries: readonly number[];
  /** Keys before the first query of each sequence: a cache. Absent in training. */
  readonly before?: readonly number[];
  readonly window?: number;
  readonly seed: number;
}

export const shapes: readonly AttentionShape[] = [
  { name: 'one row', H: 1, G: 1, E: 1, queries: [1], seed: 1 },
  { name: 'stories260K', H: 8, G: 4, E: 8, queries: [37, 0, 64, 1, 5], seed: 2 },
  { name: 'smollm2', H: 9, G: 3, E: 64, queries: [97, 22, 0, 130], seed: 3 },
  { name: 'around a tile of queries', H: 2, G: 2, E: 16, queries: [63, 64, 65, 128, 129], seed: 4 },
  { name: 'around a tile of keys', H: 1, G: 1, E: 24, queries: [95, 96, 97, 193], seed: 5 },
  { name: 'odd head', H: 3, G: 1, E: 13, queries: [41, 2, 17], seed: 6 },
  { name: 'head of 96', H: 4, G: 2, E: 96, queries: [50], seed: 7 },
  { name: 'head of 128', H: 2, G: 1, E: 128, queries: [71, 3], seed: 8 },
  { name: 'window of 1', H: 2, G: 1, E: 8, queries: [30, 7], window: 1, seed: 9 },
  { name: 'window', H: 3, G: 3, E: 12, queries: [150, 9, 17, 200], window: 17, seed: 10 },
  { name: 'window over several tiles', H: 1, G: 1, E: 8, queries: [400], window: 130, seed: 11 },
  { name: 'many heads share one', H: 70, G: 1, E: 8, queries: [9, 1], seed: 12 },
];

/** Queries are the last rows of longer ranges of keys, which lie apart and out of order in a cache with free rows. */
export const cached: readonly AttentionShape[] = [
  { name: 'decode', H: 9, G: 3, E: 64, queries: [1, 1, 1], before: [300, 0, 17], seed: 20 },
  { name: 'decode past a block of keys', H: 8, G: 4, E: 8, queries: [1, 1, 1], before: [255, 256, 700], seed: 21 },
  { name: 'decode, odd head', H: 3, G: 1, E: 13, queries: [1, 1], before: [5, 62], seed: 22 },
  { name: 'decode in a window', H: 4, G: 2, E: 16, queries: [1, 1], before: [90, 10], window: 31, seed: 23 },
  {
    name: 'several queries after a prefix',
    H: 6,
    G: 2,
    E: 32,
    queries: [5, 1, 70, 0],
    before: [100, 3, 40, 8],
    seed: 24,
  },
  { name: 'prefix and window', H: 2, G: 2, E: 8, queries: [20, 2], before: [120, 50], window: 40, seed: 25 },
];

const total = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

export function attentionCase(s: AttentionShape): OpCase {
  const text =
    `${s.name}: ${s.H}/${s.G} heads of ${s.E}, queries ${s.queries.join(' ')}` +
    `${s.before === undefined ? '' : ` after ${s.before.join(' ')}`}` +
    `${s.window === undefined ? '' : `, window ${s.window}`}, seed ${s.seed}`;
  return {
    name: text,
    make() {
      const random = new Random(s.seed);
      const T = total(s.queries);
      const count = Int32Array.from(s.queries, (n, i) => n + (s.before?.[i] ?? 0));
      const qBegin = starts(s.queries);
      let kBegin = qBegin.slice(0, -1);
      let S = T;
      if (s.before !== undefined) {
        // last sequence first, three free rows between
        kBegin = new Int32Array(count.length);
        S = 3;
        for (let i = count.length - 1; i >= 0; --i) {
          kBegin[i] = S;
          S += count[i]! + 3;
        }
      }
      const keys = random.normals(S * s.G * s.E);
      const values = random.normals(S * s.G * s.E);
      return opCall(
        'attention',
        {
          q: input('store', [T, s.H, s.E], random.normals(T * s.H * s.E, 1.5)),
          k: input('store', [S, s.G, s.E], keys),
          v: input('store', [S, s.G, s.E], values),
          o: output('store', [T, s.H, s.E]),
          lse: output('real', [s.H, T]),
          qBegin: input('i32', [qBegin.length], qBegin),
          kBegin: input('i32', [count.length], kBegin),
          kCount: input('i32', [count.length], count),
        },
        {
          qBeginHost: qBegin,
          kBeginHost: kBegin,
          kCountHost: count,
          longest: Math.max(0, ...count),
          window: s.window ?? 0,
          scale: 1 / Math.sqrt(s.E),
        },
      );
    },
  };
}

export const attention: readonly OpCase[] = [...shapes, ...cached].map(attentionCase);

/** `o` and `lse` as the forward pass made them (in whatever type it ran). */
export function attentionBwdCall(
  s: AttentionShape,
  forward: { readonly o: ArrayLike<number>; readonly lse: ArrayLike<number> },
) {
  const { buffers, args } = attentionCase(s).make();
  const T = total(s.queries);
  const { qBeginHost, longest, window, scale } = args[0]!;
  const random = new Random(s.seed + 1000);
  const q = [T, s.H, s.E];
  const k = [T, s.G, s.E];
  return opCall(
    'attentionBwd',
    {
      q: input('store', q, buffers['q']!.values!),
      k: input('store', k, buffers['k']!.values!),
      v: input('store', k, buffers['v']!.values!),
      o: input('store', q, forward.o),
      lse: input('real', [s.H, T], forward.lse),
      dout: input('store', q, random.normals(T * s.H * s.E)),
      dq: output('store', q),
      dk: output('store', k),
      dv: output('store', k),
      qBegin: input('i32', [s.queries.length + 1], qBeginHost as Int32Array),
    },
    { qBeginHost, longest, window, scale },
  );
}

/** The backward pass reads what the oracle's forward pass kept. */
export function attentionBwdOf(s: AttentionShape): OpCase {
  const forward = attentionCase(s);
  return {
    name: forward.name,
    make() {
      const { o, lse } = outputsOf(rounded(forward.make(), 'bf16'), { backend: 'oracle' }, 'f64');
      return rounded(attentionBwdCall(s, { o: o!, lse: lse! }), 'bf16');
    },
  };
}

export const attentionBwd: readonly OpCase[] = shapes.map(attentionBwdOf);
