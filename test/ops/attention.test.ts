// Attention, forward and backward, on every backend, against the oracle.
import { attention, attentionBwd, attentionCase, cached } from '../support/cases/attention.js';
import { differing, testAsOracle, testThreadIndependence } from '../support/compare.js';
import { outputsOf } from '../support/door.js';

describe('attention', () => {
  testAsOracle(attention);
});
describe('attention backward', () => {
  testAsOracle(attentionBwd);
});
describe('attention, threads', () => {
  testThreadIndependence([...attention.slice(0, 6), ...attentionBwd.slice(0, 6)]);
});

test('without lse the output is the same', () => {
  const call = attentionCase(cached[0]!).make();
  const args = { ...call.args[0]!, lse: undefined };
  const target = { backend: 'cpu' };
  const without = outputsOf({ ...call, args: [args] }, target, 'f32')['o']!;
  expect(differing({ o: without }, { o: outputsOf(call, target, 'f32')['o']! })).toEqual([]);
});
