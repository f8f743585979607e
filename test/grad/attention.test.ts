// The gradient of attention, against directional derivatives in double.
import { attentionBwdCall, attentionCase, shapes } from '../support/cases/attention.js';
import { expectGradient } from '../support/derivative.js';
import { outputsOf } from '../support/door.js';
import { Random } from '../support/random.js';

const oracle = { backend: 'oracle' };

test.each(shapes.map((s) => [attentionCase(s).name, s] as const))('%s', (_name, s) => {
  const call = attentionCase(s).make();
  const values = (name: string) => Float64Array.from(call.buffers[name]!.values!);
  const forward = (x: Readonly<Record<string, Float64Array>>) =>
    outputsOf(
      {
        ...call,
        buffers: {
          ...call.buffers,
          ...Object.fromEntries(['q', 'k', 'v'].map((name) => [name, { ...call.buffers[name]!, values: x[name]! }])),
        },
      },
      oracle,
      'f64',
    );
  const inputs = { q: values('q'), k: values('k'), v: values('v') };
  const { o, lse } = forward(inputs);
  const backward = attentionBwdCall(s, { o: o!, lse: lse! });
  const { dq, dk, dv } = outputsOf(backward, oracle, 'f64');
  expectGradient(
    {
      forward,
      inputs,
      cotangents: { o: Float64Array.from(backward.buffers['dout']!.values!) },
      gradients: { q: dq!, k: dk!, v: dv! },
    },
    new Random(s.seed),
    1,
  );
});
