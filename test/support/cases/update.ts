// Sums of squares and AdamW: slots in any order, lengths around every vector and chunk, several steps.
import { type OpCase, inPlaceOf, input, opCall, output, updated } from '../calls.js';
import { Random } from '../random.js';

export const sqnorm: readonly OpCase[] = [
  { slots: 1, P: 1, named: [0] },
  { slots: 3, P: 7, named: [2, 0] },
  { slots: 2, P: 32768, named: [1] },
  { slots: 2, P: 32769, named: [0, 1] },
  { slots: 4, P: 100003, named: [3, 1, 0, 2] },
  { slots: 2, P: 16, named: [] },
].map(({ slots, P, named }, i) => ({
  name: `slots ${named.join(' ')} of [${slots}, ${P}], seed ${i}`,
  make: () =>
    opCall('sqnorm', {
      x: input('real', [slots, P], new Random(i).normals(slots * P)),
      slot: input('i32', [named.length], named),
      out: output('f64', [named.length]),
    }),
}));

export interface AdamwShape {
  readonly slots: number;
  readonly P: number;
  /** One rule for each. */
  readonly rules: readonly {
    readonly slot: number;
    readonly step: number;
    readonly clip: number;
    readonly weightDecay: number;
    readonly lr: number;
  }[];
  readonly sqnorms: readonly number[];
  /** [slots + 1] */
  readonly weights: readonly number[];
  readonly workIsMaster?: boolean;
}

export const adamwShapes: readonly AdamwShape[] = [
  { slots: 1, P: 1, rules: [{ slot: 0, step: 1, clip: 0, weightDecay: 0, lr: 1e-3 }], sqnorms: [4], weights: [2, 1] },
  {
    slots: 3,
    P: 37,
    rules: [
      { slot: 2, step: 1, clip: 1, weightDecay: 0.01, lr: 1e-3 },
      { slot: 0, step: 1000, clip: 0.1, weightDecay: 0, lr: 2e-4 },
    ],
    sqnorms: [900, 1e-4],
    weights: [3, 0, 17.5, 0],
  },
  {
    slots: 2,
    P: 8193,
    rules: [{ slot: 1, step: 12345, clip: 1e9, weightDecay: 0.1, lr: 1e-2 }],
    sqnorms: [8000],
    weights: [0, 1, 5],
  },
  {
    slots: 1,
    P: 20011,
    workIsMaster: true,
    rules: [{ slot: 0, step: 7, clip: 2, weightDecay: 0.05, lr: 3e-4 }],
    sqnorms: [20000],
    weights: [40, 1],
  },
  { slots: 2, P: 16, rules: [], sqnorms: [], weights: [1, 1, 1] },
];

export function adamwCall(s: AdamwShape, seed: number) {
  const random = new Random(seed);
  const shape = [s.slots, s.P];
  const n = s.slots * s.P;
  const master = random.normals(n);
  return opCall(
    'adamw',
    {
      master: updated('real', shape, master),
      work: s.workIsMaster === true ? inPlaceOf('master', 'store', shape) : updated('store', shape, master),
      grad: updated('real', shape, random.normals(n)),
      m: updated('real', shape, random.normals(n, 0.1)),
      v: updated(
        'real',
        shape,
        random.normals(n, 0.1).map((x) => x * x),
      ),
      sqnorm: input('f64', [s.sqnorms.length], s.sqnorms),
      weightSum: input('f64', [s.slots + 1], s.weights),
      report: output('f64', [s.rules.length, 3]),
    },
    { rules: s.rules.map((rule) => ({ beta1: 0.9, beta2: 0.999, eps: 1e-8, ...rule })), count: s.rules.length },
  );
}

export const adamw: readonly OpCase[] = adamwShapes.map((s, i) => ({
  name: `${s.rules.length} rules on [${s.slots}, ${s.P}]${s.workIsMaster ? ', work is master' : ''}, seed ${i}`,
  make: () => adamwCall(s, i),
}));

/** Working copies in the storage type; and master and work in one buffer, which is f32. */
export const adamwApart: readonly OpCase[] = adamw.filter((_, i) => adamwShapes[i]!.workIsMaster !== true);
export const adamwInOne: readonly OpCase[] = adamw.filter((_, i) => adamwShapes[i]!.workIsMaster === true);
