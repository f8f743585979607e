// How the losses of single rows are spread: a histogram of their logarithms, in constant memory, and the two groups
// that explain it best. Rows whose answer contradicts what the others teach keep a high loss while the rest falls: they
// show as a second group.

import type { RowSpread } from '../track/events.js';

const LOW = Math.log(1e-4);
const WIDTH = 0.05;
const BINS = 240; // up to e^2.8 = 16 nats a token
const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95];

export class Spread {
  readonly #bins = new Float64Array(BINS);
  #count = 0;

  /** Notes a row by its mean loss. */
  add(loss: number): void {
    if (!Number.isFinite(loss)) return;
    const bin = Math.floor((Math.log(Math.max(loss, 1e-4)) - LOW) / WIDTH);
    this.#bins[Math.max(0, Math.min(BINS - 1, bin))]!++;
    this.#count++;
  }

  /** Undefined with fewer than 20 rows. */
  result(): RowSpread | undefined {
    if (this.#count < 20) return undefined;
    const { share, low, high, separation } = twoGroups(this.#bins, this.#count);
    return { share, low: Math.exp(low), high: Math.exp(high), separation, quantiles: QUANTILES.map((part) => Math.exp(this.#quantile(part))) };
  }

  #quantile(part: number): number {
    let seen = 0;
    for (let bin = 0; bin < BINS; bin++) {
      seen += this.#bins[bin]!;
      if (seen >= part * this.#count) return place(bin);
    }
    return place(BINS - 1);
  }
}

const place = (bin: number): number => LOW + (bin + 0.5) * WIDTH;

interface TwoGroups {
  readonly share: number;
  readonly low: number;
  readonly high: number;
  readonly separation: number;
}

/** Two normal distributions by expectation and maximisation, begun at the split that leaves least variance (Otsu's). */
function twoGroups(bins: Float64Array, count: number): TwoGroups {
  let best = { share: 0.5, low: 0, high: 0, lowVariance: 1, highVariance: 1, within: Infinity };
  let [n, sum, squares] = [0, 0, 0];
  let [allSum, allSquares] = [0, 0];
  bins.forEach((weight, bin) => {
    allSum += weight * place(bin);
    allSquares += weight * place(bin) ** 2;
  });
  bins.forEach((weight, bin) => {
    n += weight;
    sum += weight * place(bin);
    squares += weight * place(bin) ** 2;
    if (weight === 0 || n === count) return;
    const [a, b] = [squares - sum ** 2 / n, allSquares - squares - (allSum - sum) ** 2 / (count - n)];
    if (a + b >= best.within) return;
    best = {
      share: 1 - n / count, low: sum / n, high: (allSum - sum) / (count - n), within: a + b,
      lowVariance: a / n + WIDTH ** 2, highVariance: b / (count - n) + WIDTH ** 2,
    };
  });
  let { share, low, high, lowVariance, highVariance } = best;
  for (let round = 0; round < 60; round++) {
    let [w, wx, wxx, v, vx, vxx] = [0, 0, 0, 0, 0, 0];
    bins.forEach((weight, bin) => {
      if (weight === 0) return;
      const x = place(bin);
      const a = ((1 - share) / Math.sqrt(lowVariance)) * Math.exp(-((x - low) ** 2) / (2 * lowVariance));
      const b = (share / Math.sqrt(highVariance)) * Math.exp(-((x - high) ** 2) / (2 * highVariance));
      const part = a + b > 0 ? b / (a + b) : x > (low + high) / 2 ? 1 : 0;
      w += weight * part;
      wx += weight * part * x;
      wxx += weight * part * x * x;
      v += weight * (1 - part);
      vx += weight * (1 - part) * x;
      vxx += weight * (1 - part) * x * x;
    });
    if (w < 1 || v < 1) break;
    [share, low, high] = [w / count, vx / v, wx / w];
    [lowVariance, highVariance] = [Math.max(WIDTH ** 2, vxx / v - low ** 2), Math.max(WIDTH ** 2, wxx / w - high ** 2)];
  }
  return { share, low, high, separation: Math.abs(high - low) / Math.sqrt((lowVariance + highVariance) / 2) };
}
