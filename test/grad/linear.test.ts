// The gradients of the linear with adapters (x, A and B; several segments, siblings, dropout with a fixed seed), against
// directional derivatives in double.
import { type LinearShape, linearBwdCall, linearCall, linearShapes } from '../support/cases/linear.js';
import { expectGradient } from '../support/derivative.js';
import { outputsOf } from '../support/door.js';
import { Random } from '../support/random.js';

const oracle = { backend: 'oracle' };
const small = linearShapes.filter((s) => s.without === undefined && s.rank > 0 && s.K * s.N.length < 500);

test.each(small.map((s) => [s.name, s] as const))('%s', (_name, given) => {
  const s: LinearShape = { ...given, packed: false, logits: false, add: false };
  const random = new Random(s.K);
  const call = linearCall(s, 2);
  const fixed = Object.fromEntries(Object.entries(call.buffers).flatMap(([name, b]) => (b.values === undefined ? [] : [[name, b.values]])));
  const moving = Object.keys(fixed).filter((name) => name === 'x' || name.startsWith('slabs'));
  const inputs = Object.fromEntries(moving.map((name) => [name, Float64Array.from(fixed[name]!)]));
  const forward = (x: Readonly<Record<string, Float64Array>>) => outputsOf(linearCall(s, 2, { ...fixed, ...x }), oracle, 'f64');
  const kept = forward(inputs);
  const dy = Object.fromEntries(s.N.map((_, i) => [`y${i}`, random.normals(kept[`y${i}`]!.length)]));
  const none = Object.fromEntries(s.N.map((_, i) => [`gradients${i}`, new Float64Array(fixed[`slabs${i}`]!.length)]));
  const backward = outputsOf(linearBwdCall(s, 2, {
    ...fixed, ...none, ...Object.fromEntries(s.N.flatMap((_, i) => [[`dy${i}`, dy[`y${i}`]!], [`u${i}`, kept[`u${i}`]!]])),
  }), oracle, 'f64');
  expectGradient({
    forward, inputs, cotangents: dy,
    gradients: { x: backward['dx']!, ...Object.fromEntries(s.N.map((_, i) => [`slabs${i}`, backward[`gradients${i}`]!])) },
  }, random);
});
