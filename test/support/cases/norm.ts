// RMSNorm, forward and backward: rows and widths around every vector and share, and those of real models.
import { type OpCase, inPlaceOf, input, opCall, output, updated } from '../calls.js';
import { Random } from '../random.js';

export interface NormShape {
  readonly T: number;
  readonly D: number;
  readonly delta: boolean;
  /** The sum lies where r does. */
  readonly inPlace?: boolean;
  readonly seed: number;
}

export const shapes: readonly NormShape[] = [
  { T: 0, D: 64, delta: true, seed: 1 }, // nothing
  { T: 1, D: 1, delta: false, seed: 2 },
  { T: 1, D: 7, delta: true, seed: 3 },
  { T: 5, D: 8, delta: false, seed: 4 },
  { T: 5, D: 9, delta: true, seed: 5 },
  { T: 3, D: 31, delta: true, seed: 6 },
  { T: 97, D: 64, delta: true, seed: 7 }, // stories260K
  { T: 33, D: 172, delta: false, seed: 8 },
  { T: 29, D: 576, delta: true, seed: 9 }, // smollm2-135m: just past one thread's share
  { T: 28, D: 576, delta: true, inPlace: true, seed: 10 },
  { T: 260, D: 128, delta: false, seed: 11 }, // norms of q and k: rows of heads
  { T: 2, D: 2049, delta: true, seed: 12 },
];

const name = (s: NormShape): string =>
  `[${s.T}, ${s.D}]${s.delta ? ' + delta' : ''}${s.inPlace === true ? ' in place' : ''}, seed ${s.seed}`;

export const norm: readonly OpCase[] = shapes.map((s) => ({
  name: name(s),
  make() {
    const random = new Random(s.seed);
    const shape = [s.T, s.D];
    const values = random.normals(s.T * s.D, 2);
    const r = s.inPlace === true ? updated('store', shape, values) : input('store', shape, values);
    const delta = s.delta ? { delta: input('store', shape, random.normals(s.T * s.D)) } : {};
    const sum = !s.delta ? {} : { sum: s.inPlace === true ? inPlaceOf('r', 'store', shape) : output('store', shape) };
    return opCall(
      'norm',
      {
        r,
        ...delta,
        ...sum,
        w: input('store', [s.D], random.normals(s.D)),
        y: output('store', shape),
        rstd: output('real', [s.T]),
      },
      { eps: 1e-5 },
    );
  },
}));

export const normBwd: readonly OpCase[] = shapes.map((s) => ({
  name: name(s),
  make() {
    const random = new Random(s.seed + 100);
    const shape = [s.T, s.D];
    const dsumValues = random.normals(s.T * s.D);
    const tensors = {
      dy: input('store', shape, random.normals(s.T * s.D)),
      sum: input('store', shape, random.normals(s.T * s.D, 2)),
      w: input('store', [s.D], random.normals(s.D)),
      rstd: input(
        'real',
        [s.T],
        Float64Array.from(random.normals(s.T), (x) => 0.5 + 0.1 * x),
      ),
    };
    if (!s.delta) return opCall('normBwd', { ...tensors, dx: output('store', shape) });
    if (s.inPlace !== true) {
      return opCall('normBwd', { ...tensors, dsum: input('store', shape, dsumValues), dx: output('store', shape) });
    }
    return opCall('normBwd', {
      ...tensors,
      dsum: updated('store', shape, dsumValues),
      dx: inPlaceOf('dsum', 'store', shape),
    });
  },
}));
