// A line chart: one or more series over a common axis, with bands for intervals, points for measurements, vertical
// marks for events, linear or logarithmic axes.

import { thin } from '../curve.js';
import { figure, widthOf } from './figure.js';
import type { ChartText } from './figure.js';
import { html } from './html.js';
import type { Html } from './html.js';
import { axisOf, short } from './numbers.js';
import type { Axis } from './numbers.js';
import { seriesColor } from './style.js';

export type Point = readonly [x: number, y: number];

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** 'line' (usual), 'faint' (raw values behind a mean), 'points', or 'both'. */
  readonly draw?: 'line' | 'faint' | 'points' | 'both';
  /** An interval around it: x, low, high. */
  readonly band?: readonly (readonly [x: number, low: number, high: number])[];
  /** Number of the colour; absent: its place in the list. */
  readonly color?: number;
}

export interface LineOptions extends ChartText {
  readonly x: string;
  readonly y: string;
  readonly logX?: boolean;
  readonly logY?: boolean;
  /** Vertical marks: a checkpoint, the best step, "now". */
  readonly marks?: readonly { readonly x: number; readonly name: string }[];
  readonly formatX?: (value: number) => string;
  readonly formatY?: (value: number) => string;
  /** The vertical axis starts at 0. */
  readonly fromZero?: boolean;
  readonly height?: number;
}

const PAD = { left: 62, right: 18, top: 14, bottom: 44 } as const;
const DASHES = [undefined, '7 4', '2 3', '10 3 2 3'] as const;

export function lineChart(given: readonly Series[], options: LineOptions): Html {
  const width = widthOf(options);
  const { height = options.half === true ? 240 : 320, formatX = short, formatY = short, marks = [] } = options;
  const series = given.map((one, i) => ({ ...one, points: one.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)), color: one.color ?? i }));
  const xs = [...series.flatMap(({ points, band = [] }) => [...points.map(([x]) => x), ...band.map(([x]) => x)]), ...marks.map(({ x }) => x)];
  const ys = series.flatMap(({ points, band = [] }) => [...points.map(([, y]) => y), ...band.flatMap(([, low, high]) => [low, high])]);
  const [yLow, yHigh] = room(ys, options);
  const xAxis = axisOf(least(xs), most(xs), { wanted: options.half === true ? 5 : 9, log: options.logX ?? false });
  const yAxis = axisOf(yLow, yHigh, { wanted: 5, log: options.logY ?? false });
  const place = placer(xAxis, yAxis, width, height);
  return figure({
    ...options, width, height,
    marks: [grid(xAxis, yAxis, width, height, options, { formatX, formatY }), marks.map(({ x, name }) => event(place(x, yLow)[0], name, width, height)),
      series.map(({ points, draw = 'line', band, color }) => html`${band && band.length > 1 ? bandPath(band, color, place) : ''}${
        draw === 'points' ? '' : stroke(points, color, draw === 'faint', DASHES[Math.floor(color / 4) % DASHES.length], place)}${
        draw === 'points' || draw === 'both' ? dots(points, color, place, { formatX, formatY }) : ''}`)],
    summary: series.map(({ name, points }) => sentence(name, points, formatX, formatY)).join(' '),
    legend: series.length > 1 ? series.map(({ name, color }) => {
      const dash = DASHES[Math.floor(color / 4) % DASHES.length];
      return { name, color: seriesColor(color), ...(dash === undefined ? {} : { dash }) };
    }) : [],
    numbers: {
      columns: [{ name: 'series' }, { name: options.x, numeric: true }, { name: options.y, numeric: true }],
      rows: series.flatMap(({ name, points }) => thin(points, 60).map(([x, y]) => [name, formatX(x), formatY(y)])),
    },
  });
}

type Place = (x: number, y: number) => readonly [number, number];
type Formats = { readonly formatX: (value: number) => string; readonly formatY: (value: number) => string };

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);
const fixed = (value: number): string => value.toFixed(1);

function room(values: readonly number[], { fromZero = false, logY = false }: LineOptions): [number, number] {
  const [low, high] = [least(values), most(values)];
  if (!Number.isFinite(low)) return [0, 1];
  if (logY && low > 0) return [low * 0.9, high * 1.1];
  const air = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [fromZero ? Math.min(0, low) : low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}

function placer(x: Axis, y: Axis, width: number, height: number): Place {
  return (px, py) => [PAD.left + x.place(px) * (width - PAD.left - PAD.right), height - PAD.bottom - y.place(py) * (height - PAD.top - PAD.bottom)];
}

function path(points: readonly Point[], place: Place): string {
  return points.map(([x, y], i) => {
    const [px, py] = place(x, y);
    return `${i === 0 ? 'M' : 'L'}${fixed(px)} ${fixed(py)}`;
  }).join('');
}

function stroke(points: readonly Point[], color: number, faint: boolean, dash: string | undefined, place: Place): Html {
  return html`<path d="${path(thin(points, 600), place)}" fill="none" stroke-linejoin="round" ${faint ? html`stroke-opacity=".35" stroke-width="1"` : html`stroke-width="2.2"`}${
    dash === undefined ? '' : html` stroke-dasharray="${dash}"`} style="stroke:${seriesColor(color)}"/>`;
}

function bandPath(band: NonNullable<Series['band']>, color: number, place: Place): Html {
  const around = [...band.map(([x, , high]): Point => [x, high]), ...[...band].reverse().map(([x, low]): Point => [x, low])];
  return html`<path d="${path(around, place)}Z" fill-opacity=".16" style="fill:${seriesColor(color)}"/>`;
}

function dots(points: readonly Point[], color: number, place: Place, { formatX, formatY }: Formats): Html {
  return html`${thin(points, 150).map(([x, y]) => {
    const [px, py] = place(x, y);
    return html`<circle cx="${fixed(px)}" cy="${fixed(py)}" r="3.6" style="fill:${seriesColor(color)}"><title>${formatX(x)}: ${formatY(y)}</title></circle>`;
  })}`;
}

function event(x: number, name: string, width: number, height: number): Html {
  const left = x > width - 120;
  return html`<line class="base" stroke-dasharray="3 4" x1="${fixed(x)}" x2="${fixed(x)}" y1="${PAD.top}" y2="${height - PAD.bottom}"/><text class="tick" x="${
    fixed(x + (left ? -6 : 6))}" y="${PAD.top + 10}" text-anchor="${left ? 'end' : 'start'}">${name}</text>`;
}

function grid(x: Axis, y: Axis, width: number, height: number, options: LineOptions, { formatX, formatY }: Formats): Html {
  const [right, bottom] = [width - PAD.right, height - PAD.bottom];
  return html`${y.ticks.map((value) => {
    const py = fixed(bottom - y.place(value) * (bottom - PAD.top));
    return html`<line class="grid" x1="${PAD.left}" x2="${right}" y1="${py}" y2="${py}"/><text class="tick" x="${PAD.left - 8}" y="${Number(py) + 4}" text-anchor="end">${formatY(value)}</text>`;
  })}${x.ticks.map((value) => {
    const px = fixed(PAD.left + x.place(value) * (right - PAD.left));
    return html`<line class="base" x1="${px}" x2="${px}" y1="${bottom}" y2="${bottom + 4}"/><text class="tick" x="${px}" y="${bottom + 17}" text-anchor="middle">${formatX(value)}</text>`;
  })}<line class="base" x1="${PAD.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/><text class="axis" x="${(PAD.left + right) / 2}" y="${height - 8}" text-anchor="middle">${
    options.x}</text><text class="axis" transform="translate(13 ${(PAD.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${options.y}</text>`;
}

function sentence(name: string, points: readonly Point[], formatX: (v: number) => string, formatY: (v: number) => string): string {
  if (points.length === 0) return `${name}: no points.`;
  const [first, last] = [points[0]!, points.at(-1)!];
  const low = points.reduce((a, b) => (b[1] < a[1] ? b : a));
  return `${name}: ${points.length} points, from ${formatY(first[1])} at ${formatX(first[0])} to ${formatY(last[1])} at ${formatX(last[0])}, lowest ${formatY(low[1])} at ${formatX(low[0])}.`;
}
