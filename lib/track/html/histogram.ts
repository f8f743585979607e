// A histogram: values counted in bins of round edges (or of equal ratio, for lengths that go over several powers of
// ten), several groups side by side on the same bins, marks for quantiles. Bins can be filled one value at a time.

import { ticks } from '../curve.js';
import { figure, widthOf } from './figure.js';
import type { ChartText } from './figure.js';
import { html } from './html.js';
import type { Html } from './html.js';
import { axisOf, short } from './numbers.js';
import { seriesColor } from './style.js';

/** Counts between edges: counts[i] is the number of values in [edges[i], edges[i + 1]), the last bin closed. */
export interface Bins {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** Edges for values in [low, high]: round numbers, or equal ratios with `log`. */
export function binEdges(low: number, high: number, wanted = 30, log = false): number[] {
  if (!(high > low)) return [low - 0.5, low + 0.5];
  if (log && low > 0) {
    return Array.from({ length: wanted + 1 }, (_, i) => (i === wanted ? high : low * (high / low) ** (i / wanted)));
  }
  const step = ticks(low, high, wanted);
  const width = step.length > 1 ? step[1]! - step[0]! : high - low;
  const first = Math.floor(low / width + 1e-9) * width;
  const count = Math.max(1, Math.ceil((high - first) / width - 1e-9));
  return Array.from({ length: count + 1 }, (_, i) => Number((first + i * width).toPrecision(12)));
}

export function binValues(values: Iterable<number>, edges: readonly number[]): Bins {
  const counts = Array.from({ length: edges.length - 1 }, () => 0);
  for (const value of values) {
    if (!(value >= edges[0]! && value <= edges.at(-1)!)) continue;
    let [low, high] = [0, counts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (value >= edges[middle]!) low = middle;
      else high = middle - 1;
    }
    counts[low]!++;
  }
  return { edges, counts };
}

export interface HistogramGroup {
  readonly name: string;
  readonly counts: readonly number[];
}

export interface HistogramOptions extends ChartText {
  /** What a value is: "tokens a row". */
  readonly x: string;
  /** What is counted: "rows". */
  readonly y: string;
  readonly edges: readonly number[];
  readonly log?: boolean;
  readonly marks?: readonly { readonly x: number; readonly name: string }[];
  readonly format?: (value: number) => string;
}

const HEIGHT = 230;
const PAD = { left: 58, right: 16, top: 20, bottom: 44 } as const;

export function histogram(groups: readonly HistogramGroup[], options: HistogramOptions): Html {
  const width = widthOf(options);
  const { edges, marks = [], format = short } = options;
  const x = axisOf(edges[0]!, edges.at(-1)!, { wanted: options.half === true ? 5 : 9, log: options.log ?? false });
  const high = groups.reduce((top, { counts }) => counts.reduce((a, b) => Math.max(a, b), top), 0) || 1;
  const y = axisOf(0, high * 1.05, { wanted: 4 });
  const px = (value: number): number => PAD.left + x.place(value) * (width - PAD.left - PAD.right);
  const bottom = HEIGHT - PAD.bottom;
  const py = (value: number): number => bottom - y.place(value) * (bottom - PAD.top);
  const bars = groups.map(({ counts, name }, g) => counts.map((count, i) => {
    if (count === 0) return '';
    const [from, to] = [px(edges[i]!), px(edges[i + 1]!)];
    const slice = (to - from) / groups.length;
    return html`<rect x="${(from + g * slice).toFixed(1)}" y="${py(count).toFixed(1)}" width="${Math.max(0.8, slice - (slice > 4 ? 1 : 0)).toFixed(1)}" height="${
      Math.max(1, bottom - py(count)).toFixed(1)}" style="fill:${seriesColor(g)}"><title>${name}: ${format(edges[i]!)} to ${format(edges[i + 1]!)}, ${short(count)}</title></rect>`;
  }));
  return figure({
    ...options, width, height: HEIGHT,
    marks: [
      y.ticks.map((tick) => html`<line class="grid" x1="${PAD.left}" x2="${width - PAD.right}" y1="${py(tick).toFixed(1)}" y2="${py(tick).toFixed(1)}"/><text class="tick" x="${PAD.left - 8}" y="${(py(tick) + 4).toFixed(1)}" text-anchor="end">${short(tick)}</text>`),
      bars,
      x.ticks.map((tick) => html`<text class="tick" x="${px(tick).toFixed(1)}" y="${bottom + 17}" text-anchor="middle">${format(tick)}</text>`),
      html`<line class="base" x1="${PAD.left}" x2="${width - PAD.right}" y1="${bottom}" y2="${bottom}"/>`,
      marks.filter(({ x: at }) => at >= x.low && at <= x.high).map(({ x: at, name }, i) => html`<line class="base" stroke-dasharray="3 4" x1="${px(at).toFixed(1)}" x2="${px(at).toFixed(1)}" y1="${PAD.top - 6}" y2="${bottom}"/><text class="tick" x="${
        (px(at) + (px(at) > width - 110 ? -5 : 5)).toFixed(1)}" y="${PAD.top + 1 + (i % 3) * 13}" text-anchor="${px(at) > width - 110 ? 'end' : 'start'}">${name}</text>`),
      html`<text class="axis" x="${(PAD.left + width - PAD.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${options.x}</text><text class="axis" transform="translate(12 ${
        (PAD.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${options.y}</text>`,
    ],
    summary: groups.map(({ name, counts }) => sentence(name, counts, edges, format)).join(' '),
    legend: groups.length > 1 ? groups.map(({ name }, i) => ({ name, color: seriesColor(i) })) : [],
    numbers: {
      columns: [{ name: options.x }, ...groups.map(({ name }) => ({ name: groups.length > 1 ? name : options.y, numeric: true }))],
      rows: edges.slice(0, -1).map((edge, i) => [`${format(edge)} to ${format(edges[i + 1]!)}`, ...groups.map(({ counts }) => short(counts[i]!))]),
    },
  });
}

function sentence(name: string, counts: readonly number[], edges: readonly number[], format: (value: number) => string): string {
  const total = counts.reduce((a, b) => a + b, 0);
  const top = counts.reduce((best, value, i) => (value > counts[best]! ? i : best), 0);
  return `${name}: ${short(total)} values, most between ${format(edges[top]!)} and ${format(edges[top + 1]!)}.`;
}
