// silu(gate) * up and its gradient: lengths around every vector and share, large gates of both signs, in place.
import { type OpCase, inPlaceOf, input, opCall, output, updated } from '../calls.js';
import { Random } from '../random.js';

const shapes = [
  { T: 0, F: 8, seed: 1 },
  { T: 1, F: 1, seed: 2 },
  { T: 1, F: 15, seed: 3 },
  { T: 3, F: 17, seed: 4 },
  { T: 5, F: 172, seed: 5 },
  { T: 61, F: 67, seed: 6 },
  { T: 11, F: 1536, seed: 7 },
  { T: 1, F: 8192, seed: 8 },
  { T: 1, F: 8193, seed: 9 },
] as const;

/** Normal numbers, and among them gates whose sigmoid is 0, 1 and everything between. */
function gates(random: Random, count: number): Float64Array {
  const extremes = [-200, -100, -88.5, -87, -30, -1e-30, 0, 1e-6, 30, 87.5, 100, 200];
  return random.normals(count, 3).map((x, i) => (i % 7 === 3 ? extremes[((i / 7) % extremes.length) | 0]! : x));
}

export const swiglu: readonly OpCase[] = shapes.map(({ T, F, seed }) => ({
  name: `[${T}, ${F}], seed ${seed}`,
  make() {
    const random = new Random(seed);
    const shape = [T, F];
    return opCall('swiglu', {
      gate: input('store', shape, gates(random, T * F)),
      up: input('store', shape, random.normals(T * F)),
      h: output('store', shape),
    });
  },
}));

export const swigluBwd: readonly OpCase[] = shapes.flatMap(({ T, F, seed }) =>
  [false, true].map((inPlace) => ({
    name: `[${T}, ${F}]${inPlace ? ' in place' : ''}, seed ${seed}`,
    make() {
      const random = new Random(seed + 100);
      const shape = [T, F];
      const gate = gates(random, T * F);
      const up = random.normals(T * F);
      const dh = input('store', shape, random.normals(T * F));
      if (inPlace) {
        return opCall('swigluBwd', {
          gate: updated('store', shape, gate),
          up: updated('store', shape, up),
          dh,
          dgate: inPlaceOf('gate', 'store', shape),
          dup: inPlaceOf('up', 'store', shape),
        });
      }
      return opCall('swigluBwd', {
        gate: input('store', shape, gate),
        up: input('store', shape, up),
        dh,
        dgate: output('store', shape),
        dup: output('store', shape),
      });
    },
  })),
);
