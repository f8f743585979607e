// Patience, smallest improvement (plain and in standard errors), the best of all, direction, values that are not numbers.
import { FRESH_STOPPING, judge } from '../../../lib/train/stopping.js';
import type { StoppingOptions } from '../../../lib/train/stopping.js';

function run(values: readonly number[], options: StoppingOptions, error = 0) {
  let state = FRESH_STOPPING;
  for (const [i, value] of values.entries()) {
    const verdict = judge(state, i + 1, value, options, error);
    state = verdict.state;
    if (verdict.stop) return { stoppedAt: i + 1, state };
  }
  return { stoppedAt: null, state };
}

test('stops after `patience` validations without improvement', () => {
  const { stoppedAt, state } = run([3, 2, 2.5, 2.1, 1], { patience: 2, minDelta: 0, better: 'smaller' });
  expect(stoppedAt).toBe(4);
  expect(state).toEqual({ bestValue: 2, bestStep: 2, mark: 2, waited: 2 });
});

test('an improvement must be larger than minDelta to be waited for', () => {
  expect(run([3, 2.95, 2.9], { patience: 2, minDelta: 0.2, better: 'smaller' }).stoppedAt).toBe(3);
  expect(run([3, 2.7, 2.4], { patience: 2, minDelta: 0.2, better: 'smaller' }).stoppedAt).toBeNull();
});

test('small steps add up: they are measured from the last improvement that counted', () => {
  expect(run([3, 2.9, 2.75, 2.65, 2.5], { patience: 2, minDelta: 0.2, better: 'smaller' }).stoppedAt).toBeNull();
});

test('the best is the best of all, whatever minDelta is', () => {
  const { stoppedAt, state } = run([3, 2.95, 2.9], { patience: 2, minDelta: 0.2, better: 'smaller' });
  expect([stoppedAt, state.bestValue, state.bestStep, state.mark]).toEqual([3, 2.9, 3, 3]);
});

test('minDeltaErrors asks for an improvement beyond noise', () => {
  const options: StoppingOptions = { patience: 2, minDelta: 0, minDeltaErrors: 2, better: 'smaller' };
  expect(run([3, 2.95, 2.9], options, 0.06).stoppedAt).toBe(3);
  expect(run([3, 2.95, 2.9], options, 0.02).stoppedAt).toBeNull();
  expect(run([3, 2.95, 2.9], options, NaN).stoppedAt).toBeNull();
});

test('larger can be better', () => {
  expect(run([0.1, 0.2, 0.15], { patience: 1, minDelta: 0, better: 'larger' })).toEqual(
    { stoppedAt: 3, state: { bestValue: 0.2, bestStep: 2, mark: 0.2, waited: 1 } });
});

test('patience 0 never stops, and still finds the best', () => {
  expect(run([2, 1, 3, 4, 5], { patience: 0, minDelta: 0, better: 'smaller' })).toEqual(
    { stoppedAt: null, state: { bestValue: 1, bestStep: 2, mark: 1, waited: 3 } });
});

test('a value that is not a number is never an improvement', () => {
  expect(run([NaN, 2, NaN], { patience: 0, minDelta: 0, better: 'smaller' }).state).toEqual({ bestValue: 2, bestStep: 2, mark: 2, waited: 1 });
});
