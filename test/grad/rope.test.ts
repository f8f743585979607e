// Rotation by the other sign is the gradient of rotation, also where an amplitude scales the table.
import { ropeShapes } from '../support/cases/rope.js';
import { input, opCall, updated } from '../support/calls.js';
import { expectGradient } from '../support/derivative.js';
import { outputsOf } from '../support/door.js';
import { Random } from '../support/random.js';

const oracle = { backend: 'oracle' };

test.each(ropeShapes.filter((s) => s.T > 0 && s.H > 0 && s.G > 0))(
  'T $T, $H and $G heads of $E, $I pairs',
  ({ T, H, G, E, I }) => {
    const random = new Random(T);
    const angle = random.normals(T * I, 2);
    const table = {
      cos: input(
        'real',
        [T, I],
        angle.map((x) => 1.2 * Math.cos(x)),
      ),
      sin: input(
        'real',
        [T, I],
        angle.map((x) => 1.2 * Math.sin(x)),
      ),
    };
    const turned = (x: Readonly<Record<string, Float64Array>>, sign: number) =>
      outputsOf(
        opCall(
          'rope',
          { q: updated('store', [T, H, E], x['q']!), k: updated('store', [T, G, E], x['k']!), ...table },
          { sign },
        ),
        oracle,
        'f64',
      );
    const cotangents = { q: random.normals(T * H * E), k: random.normals(T * G * E) };
    const back = turned(cotangents, -1);
    expectGradient(
      {
        forward: (x) => turned(x, 1),
        inputs: { q: random.normals(T * H * E), k: random.normals(T * G * E) },
        cotangents,
        gradients: { q: back['q']!, k: back['k']! },
      },
      random,
    );
  },
);
