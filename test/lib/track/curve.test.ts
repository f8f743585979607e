// The loss curve: well-formed on its own, points where they belong, thousands of updates stay small, odd runs do not break it.
import { drawCurve, smooth, thin, ticks } from '../../../lib/track/curve.js';
import type { Metric } from '../../../lib/track/metrics.js';

const step = (n: number, loss: number): Metric => ({
  type: 'step', step: n, steps: 9, epoch: 0, loss, lr: 0, gradNorm: 0, tokens: 1, scored: 1, tokensPerSecond: 1, scoredPerSecond: 1, seconds: 1, eta: 1,
});
const valid = (n: number, loss: number): Metric => ({ type: 'validation', step: n, loss, perplexity: 1, accuracy: 0, tokens: 1, seconds: 1, best: false });

/** Every tag closed in order; no bare ampersands. */
function wellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, close, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/gi)) {
    if (close) { if (open.pop() !== name) return false; } else if (!self) open.push(name!);
  }
  return open.length === 0 && !/&(?!amp;|lt;|gt;|quot;)/.test(svg);
}

test('a run with both losses has two lines, a legend, axes and its best point', () => {
  const svg = drawCurve([valid(0, 4), ...[3, 2.5, 2.2, 2.1].map((loss, i) => step(i + 1, loss)), valid(2, 2.6), valid(4, 2.9)], { title: 'a < b & c' });
  expect(wellFormed(svg)).toBe(true);
  expect(svg).toContain('a &lt; b &amp; c');
  for (const word of ['training', 'validation', 'updates', 'loss (nats a token)', 'best 2.6000']) expect(svg).toContain(word);
  expect(svg.match(/<path/g)).toHaveLength(3);
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

test('points go right with updates and down with the loss', () => {
  const svg = drawCurve([valid(0, 4), valid(10, 2), valid(20, 1)], { title: 't' });
  const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="3"/g)].map((m) => [Number(m[1]), Number(m[2])]);
  expect(circles).toHaveLength(3);
  expect(circles[1]![0]).toBeCloseTo((circles[0]![0]! + circles[2]![0]!) / 2, 0);
  expect(circles[0]![1]!).toBeLessThan(circles[1]![1]!);
  expect(circles[1]![1]!).toBeLessThan(circles[2]![1]!);
});

test('100,000 updates make a picture under 100 KB that nothing leaves', () => {
  const svg = drawCurve(Array.from({ length: 100_000 }, (_, i) => step(i + 1, i === 500 ? 1e6 : 3 + Math.sin(i))), { title: 't' });
  expect(svg.length).toBeLessThan(100_000);
  const ys = [...svg.matchAll(/[ML][\d.]+ ([\d.-]+)/g)].map((m) => Number(m[1]));
  expect(Math.min(...ys)).toBeGreaterThanOrEqual(70);
  expect(Math.max(...ys)).toBeLessThanOrEqual(405);
});

test('no updates, one update, equal losses and losses that are not numbers draw too', () => {
  for (const metrics of [[], [step(1, 2)], [step(1, 2), step(2, 2)], [step(1, NaN), step(2, 1)], [valid(3, 0)]]) {
    const svg = drawCurve(metrics, { title: 't' });
    expect(wellFormed(svg)).toBe(true);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  }
});

test('ticks are round and cover the range', () => {
  expect(ticks(0, 1000, 8)).toEqual([0, 200, 400, 600, 800, 1000]);
  expect(ticks(0.93, 1.41, 5)).toEqual([1, 1.1, 1.2, 1.3, 1.4]);
  expect(ticks(2, 2, 5)).toContain(2);
});

test('smoothing does not lag, and thinning keeps the mean', () => {
  const line = Array.from({ length: 100 }, (_, i): [number, number] => [i, 3 * i]);
  smooth(line, 7).forEach(([, y], i) => expect(y).toBeCloseTo(3 * i, 9));
  const points = Array.from({ length: 100 }, (_, i): [number, number] => [i, i % 2]);
  expect(smooth(points, 20)[50]![1]).toBeCloseTo(0.5, 1);
  expect(thin(points, 10).map(([, y]) => y)).toEqual(Array(10).fill(0.5));
});
