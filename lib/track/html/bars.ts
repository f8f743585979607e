// Horizontal bars with a name on each, for counts and shares of categories; and values with intervals, drawn as dots
// with whiskers around a line of reference.

import { figure, widthOf } from './figure.js';
import type { ChartText } from './figure.js';
import { html } from './html.js';
import type { Child, Html } from './html.js';
import { axisOf, short } from './numbers.js';
import { seriesColor } from './style.js';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Interval of the value: draws a whisker. */
  readonly low?: number;
  readonly high?: number;
  /** Number of the colour; absent: 0. */
  readonly color?: number;
  /** More about it, beside the value. */
  readonly note?: string;
}

export interface BarOptions extends ChartText {
  /** What a value is: "rows". */
  readonly value: string;
  readonly format?: (value: number) => string;
  /** Most bars; what is left is summed into "others" (never for dots). */
  readonly most?: number;
}

export interface DotOptions extends BarOptions {
  /** Where "no difference" lies. */
  readonly reference?: number;
}

const STEP = 26;

/** Room for names on the left and for values on the right. */
function layout(options: ChartText): { readonly width: number; readonly left: number; readonly right: number; readonly chars: number } {
  const width = widthOf(options);
  return { width, left: options.half === true ? 140 : 200, right: options.half === true ? 118 : 130, chars: options.half === true ? 19 : 28 };
}

export function barChart(given: readonly Bar[], options: BarOptions): Html {
  const { width, left, right, chars } = layout(options);
  const { format = short, most = 24 } = options;
  const bars = given.length > most ? [...given.slice(0, most - 1), rest(given.slice(most - 1))] : given;
  const high = bars.reduce((top, { value, high: end = value }) => Math.max(top, value, end), 0) || 1;
  const length = (value: number): number => (Math.max(0, value) / high) * (width - left - right);
  return figure({
    ...options, width, height: bars.length * STEP + 10,
    marks: bars.map(({ label, value, low, high: end, color = 0, note }, i) => {
      const y = i * STEP + 5;
      return html`${name(label, left, y, chars)}<rect x="${left}" y="${y}" width="${Math.max(1, length(value)).toFixed(1)}" height="${STEP - 8}" rx="3" style="fill:${seriesColor(color)}"><title>${label}: ${format(value)}</title></rect>${
        low === undefined || end === undefined ? '' : whisker(left + length(low), left + length(end), y + (STEP - 8) / 2)}<text class="mark" x="${
        (left + length(Math.max(value, end ?? value)) + 8).toFixed(1)}" y="${y + 13}">${format(value)}${note === undefined ? '' : ` ${note}`}</text>`;
    }),
    summary: summary(bars, format), numbers: numbers(given, options, format),
  });
}

/** Values with their intervals, on one axis: coefficients, log-odds, losses of several runs. */
export function dotChart(dots: readonly Bar[], options: DotOptions): Html {
  const { width, left, right, chars } = layout(options);
  const { format = short, reference } = options;
  const all = [...dots.flatMap(({ value, low = value, high = value }) => [low, high]), ...(reference === undefined ? [] : [reference])];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const air = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  const axis = axisOf(low - air, high + air, { wanted: options.half === true ? 4 : 7 });
  const x = (value: number): number => left + axis.place(value) * (width - left - right);
  const bottom = dots.length * STEP + 6;
  return figure({
    ...options, width, height: bottom + 42,
    marks: [
      axis.ticks.map((tick) => html`<line class="grid" x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="4" y2="${bottom}"/><text class="tick" x="${x(tick).toFixed(1)}" y="${bottom + 15}" text-anchor="middle">${format(tick)}</text>`),
      reference === undefined ? '' : html`<line class="base" stroke-dasharray="3 4" x1="${x(reference).toFixed(1)}" x2="${x(reference).toFixed(1)}" y1="2" y2="${bottom}"/>`,
      dots.map(({ label, value, low: from, high: to, color = 0, note }, i) => {
        const y = i * STEP + STEP / 2 + 4;
        return html`${name(label, left, y - 9, chars)}${from === undefined || to === undefined ? '' : whisker(x(from), x(to), y)}<circle cx="${x(value).toFixed(1)}" cy="${y}" r="4.6" style="fill:${
          seriesColor(color)}"><title>${label}: ${format(value)}</title></circle><text class="mark" x="${width - right + 12}" y="${y + 4}">${format(value)}${note === undefined ? '' : ` ${note}`}</text>`;
      }),
      html`<text class="axis" x="${(left + width - right) / 2}" y="${bottom + 34}" text-anchor="middle">${options.value}</text>`,
    ],
    summary: summary(dots, format), numbers: numbers(dots, options, format),
  });
}

function rest(bars: readonly Bar[]): Bar {
  return { label: `${bars.length} others`, value: bars.reduce((sum, { value }) => sum + value, 0), color: 6 };
}

function name(label: string, left: number, y: number, most: number): Html {
  const chars = [...label];
  const text = chars.length > most ? `${chars.slice(0, most - 1).join('')}…` : label;
  return html`<text class="mark" x="${left - 10}" y="${y + 13}" text-anchor="end">${text}${text === label ? '' : html`<title>${label}</title>`}</text>`;
}

function whisker(from: number, to: number, y: number): Html {
  const [a, b] = [from.toFixed(1), to.toFixed(1)];
  return html`<path class="whisker" fill="none" stroke-width="1.4" d="M${a} ${y - 4}V${y + 4}M${a} ${y}H${b}M${b} ${y - 4}V${y + 4}"/>`;
}

function summary(bars: readonly Bar[], format: (value: number) => string): string {
  const said = bars.slice(0, 5).map(({ label, value }) => `${label}: ${format(value)}`).join('; ');
  return bars.length === 0 ? 'Nothing to show.' : `${said}${bars.length > 5 ? `; and ${bars.length - 5} more` : ''}.`;
}

function numbers(bars: readonly Bar[], options: BarOptions, format: (value: number) => string): { columns: { name: string; numeric?: boolean }[]; rows: Child[][] } {
  const ranged = bars.some(({ low }) => low !== undefined);
  return {
    columns: [{ name: 'name' }, { name: options.value, numeric: true }, ...(ranged ? [{ name: 'interval', numeric: true }] : [])],
    rows: bars.map(({ label, value, low, high, note }) => [
      label, `${format(value)}${note === undefined ? '' : ` ${note}`}`,
      ...(ranged ? [low === undefined || high === undefined ? '' : `${format(low)} to ${format(high)}`] : []),
    ]),
  };
}
