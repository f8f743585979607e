// Rotary positions: tables with several variants, partial rotations, odd head widths, either of q and k.
import { type OpCase, input, opCall, output, updated } from '../calls.js';
import { Random } from '../random.js';

export const ropeTable: readonly OpCase[] = [
  { T: 0, I: 4, variants: 1 },
  { T: 1, I: 1, variants: 1 },
  { T: 7, I: 4, variants: 1 },
  { T: 33, I: 32, variants: 1 },
  { T: 130, I: 17, variants: 3 },
].map(({ T, I, variants }, i) => ({
  name: `[${T}, ${I}] of ${variants} variants, seed ${i}`,
  make() {
    const random = new Random(i);
    const invFreq = Float64Array.from(
      { length: variants * I },
      (_, j) => 10000 ** (-(j % I) / I) / (1 + Math.floor(j / I)),
    );
    const variant = variants > 1 ? { variant: input('i32', [T], random.integers(T, 0, variants)) } : {};
    return opCall(
      'ropeTable',
      {
        position: input('i32', [T], random.integers(T, 0, 100000)),
        ...variant,
        invFreq: input('f64', [variants, I], invFreq),
        cos: output('real', [T, I]),
        sin: output('real', [T, I]),
      },
      { amplitude: variants > 1 ? 1.3 : 1 },
    );
  },
}));

export interface RopeShape {
  readonly T: number;
  readonly H: number;
  readonly G: number; // 0: no k
  readonly E: number;
  readonly I: number;
  readonly sign: 1 | -1;
}

export const ropeShapes: readonly RopeShape[] = [
  { T: 0, H: 2, G: 1, E: 8, I: 4, sign: 1 },
  { T: 1, H: 1, G: 1, E: 2, I: 1, sign: 1 },
  { T: 5, H: 8, G: 4, E: 8, I: 4, sign: 1 }, // stories260K
  { T: 41, H: 9, G: 3, E: 64, I: 32, sign: -1 }, // smollm2-135m
  { T: 13, H: 3, G: 1, E: 80, I: 16, sign: 1 }, // only part of a head turns
  { T: 6, H: 2, G: 0, E: 96, I: 48, sign: -1 },
  { T: 3, H: 0, G: 2, E: 7, I: 3, sign: 1 }, // k alone, an odd width
];

export const rope: readonly OpCase[] = ropeShapes.map((s, i) => ({
  name: `T ${s.T}, ${s.H} and ${s.G} heads of ${s.E}, ${2 * s.I} turn, sign ${s.sign}, seed ${i}`,
  make() {
    const random = new Random(i);
    const angle = random.normals(s.T * s.I, 2);
    const heads = (n: number) => updated('store', [s.T, n, s.E], random.normals(s.T * n * s.E));
    return opCall(
      'rope',
      {
        ...(s.H > 0 ? { q: heads(s.H) } : {}),
        ...(s.G > 0 ? { k: heads(s.G) } : {}),
        cos: input('real', [s.T, s.I], angle.map(Math.cos)),
        sin: input('real', [s.T, s.I], angle.map(Math.sin)),
      },
      { sign: s.sign },
    );
  },
}));
