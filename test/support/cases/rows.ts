// Moving rows: gather and scatter with and without adding, split and join, and the embedding with NEFTune's noise.
import { type OpCase, input, opCall, output, route, updated } from '../calls.js';
import { Random } from '../random.js';

const rowShapes = [
  { n: 0, all: 5, D: 8 },
  { n: 1, all: 1, D: 1 },
  { n: 7, all: 19, D: 33 },
  { n: 64, all: 64, D: 64 },
  { n: 31, all: 200, D: 576 },
];

export const rows: readonly OpCase[] = rowShapes.flatMap(({ n, all, D }, i) =>
  [0, 1].flatMap((scatter) =>
    [0, 1].map((write) => ({
      name: `${scatter === 1 ? 'scatter' : 'gather'} ${n} of ${all} rows of ${D}${write === 1 ? ', adding' : ''}`,
      make() {
        const random = new Random(i);
        const from = [scatter === 1 ? n : all, D];
        const to = [scatter === 1 ? all : n, D];
        // A gather may read a row twice; a scatter writes each row once, and leaves the others as they were.
        const index = scatter === 1 ? random.permutation(all).slice(0, n) : random.integers(n, 0, all);
        const dst =
          write === 1 || scatter === 1 ? updated('store', to, random.normals(to[0]! * D)) : output('store', to);
        return opCall(
          'rows',
          { src: input('store', from, random.normals(from[0]! * D)), dst, index: input('i32', [n], index) },
          { scatter, write },
        );
      },
    })),
  ),
);

const columnShapes = [
  { T: 0, widths: [4, 2] },
  { T: 1, widths: [1] },
  { T: 9, widths: [64, 32, 32] },
  { T: 37, widths: [576, 192, 192] },
  { T: 5, widths: [13, 7] },
];

export const split: readonly OpCase[] = columnShapes.map(({ T, widths }, i) => ({
  name: `[${T}, ${widths.join(' + ')}]`,
  make() {
    const N = widths.reduce((a, b) => a + b, 0);
    const call = opCall('split', {
      whole: input('store', [T, N], new Random(i).normals(T * N)),
      ...Object.fromEntries(widths.map((n, j) => [`part${j}`, output('store', [T, n])])),
    });
    return withParts(call, widths);
  },
}));

export const join: readonly OpCase[] = columnShapes.map(({ T, widths }, i) => ({
  name: `[${T}, ${widths.join(' + ')}]`,
  make() {
    const random = new Random(i);
    const N = widths.reduce((a, b) => a + b, 0);
    const call = opCall('join', {
      whole: output('store', [T, N]),
      ...Object.fromEntries(widths.map((n, j) => [`part${j}`, input('store', [T, n], random.normals(T * n))])),
    });
    return withParts(call, widths);
  },
}));

/** The contract's `part` is an array: part0, part1, … become its entries. */
function withParts(call: ReturnType<typeof opCall>, widths: readonly number[]): ReturnType<typeof opCall> {
  const { whole, ...parts } = call.args[0]!;
  return { ...call, args: [{ whole, parts: widths.map((_, j) => parts[`part${j}`]), count: widths.length }] };
}

export const embed: readonly OpCase[] = [
  { V: 5, D: 3, segments: [[1, 0]], noise: false },
  {
    V: 512,
    D: 64,
    segments: [
      [40, 0],
      [0, 1],
      [33, -1],
    ],
    noise: false,
  },
  {
    V: 512,
    D: 64,
    segments: [
      [17, 1],
      [0, 0],
      [1, -1],
      [22, 0],
      [5, 1],
    ],
    noise: true,
  },
  { V: 300, D: 577, segments: [[13, 0]], noise: true }, // a width that philox's four lanes do not divide
].map(({ V, D, segments, noise }, i) => ({
  name: `[${V}, ${D}], segments ${JSON.stringify(segments)}${noise ? ', noise' : ''}`,
  make() {
    const random = new Random(i);
    const packed = route(segments as [number, number][]);
    const T = packed.begin.at(-1)!;
    const amounts = Float64Array.from({ length: T }, (_, t) => (t % 5 === 0 ? 0 : 5 / Math.sqrt(T * D)));
    return opCall(
      'embed',
      {
        ids: input('i32', [T], random.integers(T, 0, V)),
        table: input('store', [V, D], random.normals(V * D)),
        out: output('store', [T, D]),
        ...(noise ? { noise: input('f32', [T], amounts) } : {}),
      },
      noise
        ? {
            route: packed,
            streams: { seed: BigUint64Array.of(7n, 2n ** 63n + 5n), tick: Uint32Array.of(3, 4000000000) },
          }
        : {},
    );
  },
}));
