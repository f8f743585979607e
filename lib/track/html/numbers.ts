// Numbers and axes of the reports: short texts, round ticks (also on a logarithmic axis), and a scale to pixels.

import { ticks } from '../curve.js';

/** 12345 → "12,345"; 0.04321 → "0.0432"; 1.2e7 → "12.0M". At most four digits that count. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toPrecision(3)}G`;
  if (size >= 1e7) return `${(value / 1e6).toPrecision(3)}M`;
  if (Number.isInteger(value) || size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (size !== 0 && size < 1e-3) return value.toExponential(1);
  return String(Number(value.toPrecision(size >= 100 ? 4 : 3)));
}

/** 0.1234 → "12.3 %". */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const value = share * 100;
  return `${value !== 0 && Math.abs(value) < 0.1 ? Number(value.toPrecision(2)) : Number(value.toFixed(1))} %`;
}

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly log: boolean;
  readonly ticks: readonly number[];
  /** Share of the axis, 0 at its low end and 1 at its high end; values outside are held at the ends. */
  place(value: number): number;
}

/** An axis over [low, high]; `log` falls back to linear where a value is not positive. */
export function axisOf(low: number, high: number, options: { readonly wanted?: number; readonly log?: boolean } = {}): Axis {
  const { wanted = 6 } = options;
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [0, 1];
  if (low === high) [low, high] = low === 0 ? [0, 1] : [Math.min(low, low * 0.9), Math.max(low, low * 1.1)];
  const log = (options.log ?? false) && low > 0;
  const to = log ? Math.log10 : (value: number): number => value;
  const [from, span] = [to(low), to(high) - to(low)];
  return {
    low, high, log,
    ticks: log ? logTicks(low, high) : ticks(low, high, wanted),
    place: (value) => Math.min(1, Math.max(0, (to(Math.max(value, log ? Number.MIN_VALUE : -Infinity)) - from) / span)),
  };
}

/** Powers of ten in [low, high], with 2 and 5 between them where there are few. */
function logTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const steps = decades <= 2.5 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / 7));
  const out: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every !== 0) continue;
    for (const step of steps) {
      const value = Number(`${step}e${power}`);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) out.push(value);
    }
  }
  return out.length >= 2 ? out : ticks(low, high, 4);
}
