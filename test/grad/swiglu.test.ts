// The gradient of silu(gate) * up, against directional derivatives in double.
import { input, opCall, output } from '../support/calls.js';
import { expectGradient } from '../support/derivative.js';
import { outputsOf } from '../support/door.js';
import { Random } from '../support/random.js';

const oracle = { backend: 'oracle' };

test.each([
  [1, 1],
  [3, 17],
  [5, 172],
  [2, 1536],
])('[%i, %i]', (T, F) => {
  const random = new Random(T * F);
  const shape = [T, F];
  const inputs = { gate: random.normals(T * F, 2), up: random.normals(T * F) };
  const dh = random.normals(T * F);
  const both = (x: Readonly<Record<string, Float64Array>>) => ({
    gate: input('store', shape, x['gate']!),
    up: input('store', shape, x['up']!),
  });
  const { dgate, dup } = outputsOf(
    opCall('swigluBwd', {
      ...both(inputs),
      dh: input('store', shape, dh),
      dgate: output('store', shape),
      dup: output('store', shape),
    }),
    oracle,
    'f64',
  );
  expectGradient(
    {
      forward: (x) => outputsOf(opCall('swiglu', { ...both(x), h: output('store', shape) }), oracle, 'f64'),
      inputs,
      cotangents: { h: dh },
      gradients: { gate: dgate!, up: dup! },
    },
    random,
  );
});
