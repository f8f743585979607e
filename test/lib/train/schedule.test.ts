// Every schedule against transformers' numbers, closed forms at the ends, and continuity where its parts meet.
import { SCHEDULES, scheduleFactor, warmupLength } from '../../../lib/train/schedule.js';
import { REFERENCE } from './schedule-rates.js';

test.each(REFERENCE)('$options.schedule gives the rates of transformers', ({ options, rates }) => {
  const factor = scheduleFactor(options);
  rates.forEach((rate, step) => expect(factor(step) * options.learningRate).toBeCloseTo(rate, 15));
});

test('the reference covers every schedule', () => {
  expect(new Set(REFERENCE.map(({ options }) => options.schedule))).toEqual(new Set(SCHEDULES));
});

test.each(SCHEDULES)('%s climbs to 1, never leaves [minimum, 1] after the warm-up, and has no jumps', (schedule) => {
  const steps = 2000;
  const factor = scheduleFactor({ schedule, learningRate: 1, steps, warmupRatio: 0.1, minLearningRate: 0.05 });
  expect(factor(200)).toBeCloseTo(1, 12);
  const values = Array.from({ length: steps + 1 }, (_, step) => factor(step));
  const jumps = values.slice(1).map((value, i) => Math.abs(value - values[i]!));
  expect(Math.max(...values)).toBeLessThanOrEqual(1);
  expect(Math.min(...values.slice(200))).toBeGreaterThanOrEqual(0.05);
  expect(Math.max(...jumps)).toBeLessThan(0.01);
});

test('schedules that end, end at the minimum', () => {
  for (const schedule of ['linear', 'cosine', 'polynomial', 'wsd'] as const) {
    const factor = scheduleFactor({ schedule, learningRate: 4e-4, steps: 100, warmupSteps: 7, minLearningRate: 1e-4 });
    expect(factor(100)).toBeCloseTo(0.25, 12);
    expect(factor(150)).toBeCloseTo(0.25, 12);
  }
});

test('warm-up steps win over a ratio, which is rounded up', () => {
  expect(warmupLength({ steps: 30, warmupRatio: 0.05 })).toBe(2);
  expect(warmupLength({ steps: 30, warmupRatio: 0.5, warmupSteps: 3 })).toBe(3);
  expect(warmupLength({ steps: 30 })).toBe(0);
});
