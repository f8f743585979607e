// The loss curve as a standalone SVG: training loss (each update faint, a centred mean bold), validation loss with
// its best point marked, axes with round numbers, a legend. Pure: metrics in, text out.

import { count } from './format.js';
import type { Metric } from './metrics.js';

const WIDTH = 860;
const HEIGHT = 460;
const PLOT = { left: 72, right: 28, top: 76, bottom: 58 } as const;
const INK = { text: '#1f2933', quiet: '#6b7785', grid: '#e6eaef', train: '#2f6fb5', valid: '#d1582b', paper: '#ffffff' } as const;

type Point = readonly [x: number, y: number];

export interface CurveOptions {
  readonly title: string;
  readonly subtitle?: string;
}

/** Round numbers that cover [low, high], about `wanted` of them. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const span = high - low || 1;
  const raw = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? 10 * power;
  const out: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) out.push(Number((i * step).toPrecision(12)));
  return out;
}

/** Centred running mean over `half` points to each side, fewer near the ends: it neither lags nor leads. */
export function smooth(points: readonly Point[], half: number): Point[] {
  const sums = [0];
  for (const [, y] of points) sums.push(sums.at(-1)! + y);
  return points.map(([x], i) => {
    const reach = Math.min(half, i, points.length - 1 - i);
    return [x, (sums[i + reach + 1]! - sums[i - reach]!) / (2 * reach + 1)];
  });
}

/** At most `limit` points, each the mean of its neighbours: a long run does not make a heavy picture. */
export function thin(points: readonly Point[], limit: number): Point[] {
  if (points.length <= limit) return [...points];
  const size = points.length / limit;
  return Array.from({ length: limit }, (_, i) => {
    const bin = points.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    const mean = (axis: 0 | 1): number => bin.reduce((sum, point) => sum + point[axis], 0) / bin.length;
    return [mean(0), mean(1)];
  });
}

export function drawCurve(metrics: readonly Metric[], options: CurveOptions): string {
  const finite = (point: Point): boolean => Number.isFinite(point[1]);
  const train = metrics.filter((m) => m.type === 'step').map((m): Point => [m.step, m.loss]).filter(finite);
  const valid = metrics.filter((m) => m.type === 'validation').map((m): Point => [m.step, m.loss]).filter(finite);
  const mean = smooth(train, Math.ceil(train.length / 50));
  const all = [...train, ...valid];
  if (all.length === 0) return frame(options, `<text x="${WIDTH / 2}" y="${HEIGHT / 2}" class="label" text-anchor="middle">no updates yet</text>`);

  const xHigh = Math.max(1, ends(all, 0)[1]);
  const [yLow, yHigh] = range(all.map((point) => point[1]));
  const x = (step: number): number => PLOT.left + (step / xHigh) * (WIDTH - PLOT.left - PLOT.right);
  const y = (value: number): number =>
    Math.max(PLOT.top, HEIGHT - PLOT.bottom - ((value - yLow) / (yHigh - yLow)) * (HEIGHT - PLOT.top - PLOT.bottom));
  const path = (points: readonly Point[]): string =>
    points.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join('');

  const parts = [grid(yLow, yHigh, xHigh, x, y)];
  if (train.length > 0) {
    parts.push(`<path d="${path(thin(train, 800))}" fill="none" stroke="${INK.train}" stroke-opacity="0.28" stroke-width="1"/>`);
    parts.push(`<path d="${path(thin(mean, 400))}" fill="none" stroke="${INK.train}" stroke-width="2.2" stroke-linejoin="round"/>`);
  }
  if (valid.length > 0) {
    parts.push(`<path d="${path(valid)}" fill="none" stroke="${INK.valid}" stroke-width="2.2" stroke-linejoin="round"/>`);
    for (const point of thin(valid, 120)) parts.push(`<circle cx="${x(point[0]).toFixed(1)}" cy="${y(point[1]).toFixed(1)}" r="3" fill="${INK.valid}"/>`);
    parts.push(best(valid, x, y));
  }
  parts.push(legend(train.length > 0, valid.length > 0));
  return frame(options, parts.join('\n'));
}

function ends(points: readonly Point[], axis: 0 | 1): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const point of points) {
    low = Math.min(low, point[axis]);
    high = Math.max(high, point[axis]);
  }
  return [low, high];
}

/** From the smallest value to the 99.5th percentile or the last value, with air: one spike does not flatten the rest. */
function range(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const high = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.995))]!;
  const air = (high - sorted[0]!) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [Math.max(0, sorted[0]! - air), high + air];
}

function grid(yLow: number, yHigh: number, xHigh: number, x: (v: number) => number, y: (v: number) => number): string {
  const right = WIDTH - PLOT.right;
  const bottom = HEIGHT - PLOT.bottom;
  const rows = ticks(yLow, yHigh, 6).map((value) =>
    `<line x1="${PLOT.left}" x2="${right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="${INK.grid}"/>` +
    `<text x="${PLOT.left - 10}" y="${(y(value) + 4).toFixed(1)}" class="tick" text-anchor="end">${value}</text>`);
  const columns = ticks(0, xHigh, 8).filter(Number.isInteger).map((value) =>
    `<line x1="${x(value).toFixed(1)}" x2="${x(value).toFixed(1)}" y1="${bottom}" y2="${bottom + 5}" stroke="${INK.quiet}"/>` +
    `<text x="${x(value).toFixed(1)}" y="${bottom + 20}" class="tick" text-anchor="middle">${count(value)}</text>`);
  return [
    ...rows, ...columns,
    `<line x1="${PLOT.left}" x2="${right}" y1="${bottom}" y2="${bottom}" stroke="${INK.quiet}"/>`,
    `<text x="${(PLOT.left + right) / 2}" y="${HEIGHT - 14}" class="label" text-anchor="middle">updates</text>`,
    `<text transform="translate(20 ${(PLOT.top + bottom) / 2}) rotate(-90)" class="label" text-anchor="middle">loss (nats a token)</text>`,
  ].join('\n');
}

function best(valid: readonly Point[], x: (v: number) => number, y: (v: number) => number): string {
  const lowest = valid.reduce((a, b) => (b[1] < a[1] ? b : a));
  const [px, py] = [x(lowest[0]), y(lowest[1])];
  const left = px > WIDTH - PLOT.right - 90;
  return `<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="6" fill="none" stroke="${INK.valid}" stroke-width="1.6"/>` +
    `<text x="${(px + (left ? -11 : 11)).toFixed(1)}" y="${(py - 9).toFixed(1)}" class="tick" text-anchor="${left ? 'end' : 'start'}">best ${lowest[1].toFixed(4)}</text>`;
}

function legend(train: boolean, valid: boolean): string {
  const entries = [...(train ? [['training', INK.train] as const] : []), ...(valid ? [['validation', INK.valid] as const] : [])];
  return entries.map(([name, color], i) => {
    const left = WIDTH - PLOT.right - (entries.length - i) * 104;
    return `<line x1="${left}" x2="${left + 22}" y1="58" y2="58" stroke="${color}" stroke-width="2.6"/>` +
      `<text x="${left + 29}" y="62" class="label">${name}</text>`;
  }).join('\n');
}

function frame(options: CurveOptions, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>${escape(options.title)}</title>
<style>text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:${INK.text}}.tick{font-size:12px;fill:${INK.quiet}}.label{font-size:13px;fill:${INK.quiet}}</style>
<rect width="${WIDTH}" height="${HEIGHT}" fill="${INK.paper}"/>
<text x="${PLOT.left - 44}" y="34" font-size="18" font-weight="600">${escape(options.title)}</text>
${options.subtitle ? `<text x="${PLOT.left - 44}" y="58" class="label">${escape(options.subtitle)}</text>` : ''}
${body}
</svg>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]!);
}
