// Rotary positions on every backend, against the oracle.
import { rope, ropeTable } from '../support/cases/rope.js';
import { testAsOracle, testThreadIndependence } from '../support/compare.js';
import { outputsOf } from '../support/door.js';

describe('rope table', () => {
  testAsOracle(ropeTable, ['f32']);
});
describe('rope', () => {
  testAsOracle(rope);
});
describe('rope, threads', () => {
  testThreadIndependence(rope);
});

test('turning back undoes turning', () => {
  const call = rope[3]!.make();
  const there = outputsOf(call, { backend: 'oracle' }, 'f64');
  const back = { ...call, args: [{ ...call.args[0], sign: 1 }] };
  const buffers = { ...back.buffers, q: { ...back.buffers['q']!, values: there['q']! } };
  const again = outputsOf({ ...back, buffers }, { backend: 'oracle' }, 'f64')['q']!;
  const first = call.buffers['q']!.values!;
  expect(Math.max(...again.map((x, i) => Math.abs(x - first[i]!)))).toBeLessThan(1e-14);
});
