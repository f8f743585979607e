// Embedding, gather, scatter, split and join on every backend, against the oracle.
import { embed, join, rows, split } from '../support/cases/rows.js';
import { testAsOracle, testThreadIndependence } from '../support/compare.js';
import { isas, outputsOf } from '../support/door.js';

describe('rows', () => {
  testAsOracle(rows);
});
describe('split', () => {
  testAsOracle(split);
});
describe('join', () => {
  testAsOracle(join);
});
describe('embed', () => {
  testAsOracle(embed);
});
describe('embed, threads', () => {
  testThreadIndependence(embed);
});

test('noise stays within its amount, differs from row to row and leaves rows of slot -1 alone', () => {
  const call = embed[2]!.make();
  const plain = { ...call, args: call.args.map((args) => ({ ...args, noise: undefined })) };
  const target = { backend: 'cpu', isa: isas().at(-1)! };
  const noisy = outputsOf(call, target, 'f32')['out']!;
  const still = outputsOf(plain, target, 'f32')['out']!;
  const amounts = call.buffers['noise']!.values!;
  const deviations = noisy.map((x, i) => x - still[i]!);
  const row = (t: number) => Array.from(deviations.slice(t * 64, (t + 1) * 64));
  for (let t = 0; t < amounts.length; ++t) {
    const largest = Math.max(...row(t).map(Math.abs));
    expect(largest).toBeLessThanOrEqual(amounts[t]! * (1 + 1e-5) + 1e-6);
    if (t !== 17 && amounts[t] !== 0) expect(largest).toBeGreaterThan(amounts[t]! * 0.8);
  }
  expect(row(17)).toEqual(Array.from({ length: 64 }, () => 0)); // its slot is -1
  expect(row(1)).not.toEqual(row(2));
});
