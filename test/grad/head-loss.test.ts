// The gradients of the head's loss (x, A and B), against directional derivatives in double.
import { headCall, headShapes } from '../support/cases/head-loss.js';
import { expectGradient } from '../support/derivative.js';
import { outputsOf } from '../support/door.js';
import { Random } from '../support/random.js';

const oracle = { backend: 'oracle' };
const small = headShapes.filter((s) => s.evaluate !== true && s.D * s.V < 70000 && s.scored !== 0 && s.scale === undefined && s.V > 1);

test.each(small.map((s) => [s.name, s] as const))('%s', (_name, given) => {
  const s = { ...given, packed: false };
  const call = headCall(s, 3);
  const values = (name: string) => Float64Array.from(call.buffers[name]!.values!);
  type Values = Readonly<Record<string, Float64Array>>;
  const fixed: Values = { w: values('w'), labels: values('labels'), ...(s.weights === true ? { weight: values('weight') } : {}) };
  const inputs: Values = s.rank === 0 ? { x: values('x') } : { x: values('x'), slabs: values('slabs') };
  const forward = (x: Values) => ({ lossSum: outputsOf(headCall(s, 3, { ...fixed, ...x }), oracle, 'f64')['lossSum']! });
  const none: Values = s.rank === 0 ? {} : { gradients: new Float64Array(call.buffers['slabs']!.length) };
  const { dx, gradients } = outputsOf(headCall(s, 3, { ...fixed, ...inputs, ...none }), oracle, 'f64');
  expectGradient({
    forward, inputs, cotangents: { lossSum: Float64Array.of(1, 1, 1) }, gradients: s.rank === 0 ? { x: dx! } : { x: dx!, slabs: gradients! },
  }, new Random(s.V));
});
