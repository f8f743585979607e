// Sums of squares and AdamW on every backend, against the oracle; and that a bad gradient changes nothing.
import { adamw, adamwApart, adamwCall, adamwInOne, adamwShapes, sqnorm } from '../support/cases/update.js';
import { testAsOracle, testThreadIndependence, targets } from '../support/compare.js';
import { outputsOf } from '../support/door.js';

describe('sqnorm', () => {
  testAsOracle(sqnorm, ['f32']);
});
describe('adamw', () => {
  testAsOracle(adamwApart);
});
describe('adamw in one copy', () => {
  testAsOracle(adamwInOne, ['f32']);
});
describe('updates, threads', () => {
  testThreadIndependence([...sqnorm, ...adamw]);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'a gradient of %p makes its sum not finite',
  (bad) => {
    const call = sqnorm[4]!.make();
    const values = Float64Array.from(call.buffers['x']!.values!);
    values[3 * 100003 + 99999] = bad; // slot 3 comes first
    for (const target of targets()) {
      const out = outputsOf(
        { ...call, buffers: { ...call.buffers, x: { ...call.buffers['x']!, values } } },
        target,
        'f32',
      )['out']!;
      expect(Array.from(out, Number.isFinite)).toEqual([false, true, true, true]);
    }
  },
);

describe.each([
  ['a sum of squares that is NaN', { sqnorms: [900, Number.NaN] }],
  ['a sum of squares that is infinite', { sqnorms: [Number.POSITIVE_INFINITY, 1] }],
  ['a weight sum of zero', { weights: [3, 0, 0, 0] }],
  ['a weight sum that is NaN', { weights: [Number.NaN, 0, 5, 0] }],
])('with %s', (_name, change) => {
  test.each([...targets(), { backend: 'oracle' }])(
    'nothing changes and the report says so ($backend $isa $threads)',
    (target) => {
      const call = adamwCall({ ...adamwShapes[1]!, ...change }, 5);
      const store = target.backend === 'oracle' ? 'f64' : 'f32';
      const after = outputsOf(call, target, store);
      for (const name of ['master', 'work', 'grad', 'm', 'v']) {
        const before = call.buffers[name]!.values!;
        expect(after[name]).toEqual(
          store === 'f64' ? Float64Array.from(before) : Float64Array.from(Float32Array.from(before)),
        );
      }
      expect([after['report']![2], after['report']![5]]).toEqual([0, 0]);
    },
  );
});

test('slots without a rule keep their values, and named ones lose their gradient', () => {
  const call = adamwCall(adamwShapes[1]!, 6);
  const after = outputsOf(call, { backend: 'cpu' }, 'f32');
  const rows = (name: string, slot: number) => Array.from(after[name]!.slice(slot * 37, (slot + 1) * 37));
  const before = (name: string, slot: number) =>
    Array.from(Float32Array.from(call.buffers[name]!.values!).slice(slot * 37, (slot + 1) * 37));
  for (const name of ['master', 'grad', 'm', 'v']) expect(rows(name, 1)).toEqual(before(name, 1));
  for (const slot of [0, 2]) expect(rows('grad', slot)).toEqual(Array.from({ length: 37 }, () => 0));
  expect(rows('master', 0)).not.toEqual(before('master', 0));
});
