// The gradient of RMSNorm with its residual add, against directional derivatives in double.
import { normBwd, shapes } from '../support/cases/norm.js';
import { input, opCall, output } from '../support/calls.js';
import { expectGradient } from '../support/derivative.js';
import { outputsOf } from '../support/door.js';
import { Random } from '../support/random.js';

const oracle = { backend: 'oracle' };
const eps = 1e-5;

test.each(shapes.filter((s) => s.T > 0).map((s, i) => [normBwd[i + 1]!.name, s] as const))(
  '%s',
  (_name, { T, D, delta, seed }) => {
    const random = new Random(seed);
    const shape = [T, D];
    const w = random.normals(D);
    const inputs = { r: random.normals(T * D, 2), delta: random.normals(T * D) };
    const forward = (x: Readonly<Record<string, Float64Array>>) =>
      outputsOf(
        opCall(
          'norm',
          {
            r: input('store', shape, x['r']!),
            ...(delta ? { delta: input('store', shape, x['delta']!), sum: output('store', shape) } : {}),
            w: input('store', [D], w),
            y: output('store', shape),
            rstd: output('real', [T]),
          },
          { eps },
        ),
        oracle,
        'f64',
      );
    const kept = forward(inputs);
    const dy = random.normals(T * D);
    const dsum = random.normals(T * D);
    const { dx } = outputsOf(
      opCall('normBwd', {
        dy: input('store', shape, dy),
        sum: input('store', shape, kept['sum'] ?? inputs.r),
        w: input('store', [D], w),
        rstd: input('real', [T], kept['rstd']!),
        ...(delta ? { dsum: input('store', shape, dsum) } : {}),
        dx: output('store', shape),
      }),
      oracle,
      'f64',
    );
    expectGradient(
      {
        forward,
        inputs,
        cotangents: delta ? { y: dy, sum: dsum } : { y: dy },
        gradients: delta ? { r: dx!, delta: dx! } : { r: dx! },
      },
      random,
    );
  },
);
