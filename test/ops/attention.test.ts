// Attention, forward and backward, on every backend, against the oracle.
import { attention, attentionBwdCall, attentionCase, cached, shapes } from '../support/cases/attention.js';
import { differing, testAsOracle, testThreadIndependence } from '../support/compare.js';
import { outputsOf, rounded } from '../support/door.js';

// The backward pass reads what the oracle's forward pass kept.
const backward = shapes.map((s) => {
  const forward = attentionCase(s);
  return {
    name: forward.name,
    make() {
      const { o, lse } = outputsOf(rounded(forward.make(), 'bf16'), { backend: 'oracle' }, 'f64');
      return rounded(attentionBwdCall(s, { o: o!, lse: lse! }), 'bf16');
    },
  };
});

describe('attention', () => { testAsOracle(attention); });
describe('attention backward', () => { testAsOracle(backward); });
describe('attention, threads', () => { testThreadIndependence([...attention.slice(0, 6), ...backward.slice(0, 6)]); });

test('without lse the output is the same', () => {
  const call = attentionCase(cached[0]!).make();
  const args = { ...call.args[0]!, lse: undefined };
  const target = { backend: 'cpu' };
  const without = outputsOf({ ...call, args: [args] }, target, 'f32')['o']!;
  expect(differing({ o: without }, { o: outputsOf(call, target, 'f32')['o']! })).toEqual([]);
});
