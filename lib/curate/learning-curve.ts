// How much more data would help: the curve L(n) = a + b n^-c through losses at several sizes, with intervals by the
// bootstrap, and the advice that follows. Pure.
import { mix } from '../data/shuffle.js';

export interface CurvePoint {
  /** Training rows. */
  readonly rows: number;
  /** Validation loss after training on them. */
  readonly loss: number;
  /** Standard error of that loss; absent: taken from the spread of runs of one size, or of the fit. */
  readonly error?: number;
  /** Loss on training rows at the end. */
  readonly trainLoss?: number;
}

export interface Curve {
  /** Loss with endless data. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export interface Interval {
  readonly value: number;
  /** 95 %: 2.5th and 97.5th percentile of the bootstrap. */
  readonly low: number;
  readonly high: number;
}

export interface Advice {
  readonly curve: Curve;
  /** Root of the mean squared distance of points and curve. */
  readonly residual: number;
  readonly floor: Interval;
  /** Loss saved by twice as much data, in nats. */
  readonly gain: Interval;
  /** The same for ten times. */
  readonly gainTenfold: Interval;
  readonly say: 'more data' | 'more capacity' | 'stop' | 'unclear';
  readonly why: string;
  readonly resamples: number;
}

export interface AdviceOptions {
  readonly seed?: number;
  readonly resamples?: number;
  /** Smallest gain of doubling that is worth it, in nats. @default 1 % of the loss at full size */
  readonly worth?: number;
}

export function valueAt({ a, b, c }: Curve, rows: number): number {
  return a + b * rows ** -c;
}

const LOWEST_POWER = 0.02;
const HIGHEST_POWER = 3;

/**
 * Least squares with a ≥ 0, b ≥ 0 and c in [0.02, 3]. For a given c, a and b are linear; c is found by a fine grid on its
 * logarithm and golden-section search around the best place, so that there is no start to choose and nothing to diverge.
 */
export function fitCurve(points: readonly { readonly rows: number; readonly loss: number }[]): Curve {
  if (new Set(points.map(({ rows }) => rows)).size < 3) {
    throw new RangeError(`expected losses at 3 or more sizes to fit a curve with three numbers, came ${new Set(points.map(({ rows }) => rows)).size}`);
  }
  const scale = Math.max(...points.map(({ rows }) => rows));
  const at = (logPower: number): { readonly curve: Curve; readonly sum: number } => {
    const c = Math.exp(logPower);
    const xs = points.map(({ rows }) => (rows / scale) ** -c);
    const { a, b } = line(xs, points.map(({ loss }) => loss));
    const sum = points.reduce((total, { loss }, i) => total + (loss - a - b * xs[i]!) ** 2, 0);
    return { curve: { a, b: b * scale ** c, c }, sum };
  };
  const [low, high] = [Math.log(LOWEST_POWER), Math.log(HIGHEST_POWER)];
  const steps = 48;
  const place = (i: number): number => low + ((high - low) * i) / steps;
  const sums = Array.from({ length: steps + 1 }, (_, i) => at(place(i)).sum);
  const best = sums.reduce((lowest, sum, i) => (sum < sums[lowest]! ? i : lowest), 0);
  let [left, right] = [place(Math.max(0, best - 1)), place(Math.min(steps, best + 1))];
  const golden = (Math.sqrt(5) - 1) / 2;
  let [x, y] = [right - golden * (right - left), left + golden * (right - left)];
  let [fx, fy] = [at(x).sum, at(y).sum];
  for (let round = 0; round < 32; round++) {
    if (fx <= fy) {
      [right, y, fy] = [y, x, fx];
      x = right - golden * (right - left);
      fx = at(x).sum;
    } else {
      [left, x, fx] = [x, y, fy];
      y = left + golden * (right - left);
      fy = at(y).sum;
    }
  }
  return at((left + right) / 2).curve;
}

/** y = a + b x by least squares with a ≥ 0 and b ≥ 0. */
function line(xs: readonly number[], ys: readonly number[]): { readonly a: number; readonly b: number } {
  const n = xs.length;
  const [mx, my] = [xs.reduce((s, x) => s + x, 0) / n, ys.reduce((s, y) => s + y, 0) / n];
  const sxx = xs.reduce((s, x) => s + (x - mx) ** 2, 0);
  const sxy = xs.reduce((s, x, i) => s + (x - mx) * (ys[i]! - my), 0);
  const b = sxx > 0 ? Math.max(0, sxy / sxx) : 0;
  const a = my - b * mx;
  if (a >= 0) return { a, b };
  return { a: 0, b: Math.max(0, xs.reduce((s, x, i) => s + x * ys[i]!, 0) / xs.reduce((s, x) => s + x * x, 0)) };
}

/** Fits, resamples, and says what to do. `points` may hold several runs of one size. */
export function advise(points: readonly CurvePoint[], options: AdviceOptions = {}): Advice {
  const { seed = 42, resamples = 1000 } = options;
  const curve = fitCurve(points);
  const full = Math.max(...points.map(({ rows }) => rows));
  const residual = Math.sqrt(points.reduce((sum, { rows, loss }) => sum + (loss - valueAt(curve, rows)) ** 2, 0) / points.length);
  const noise = noiseOf(points, curve);
  const draws = Array.from({ length: resamples }, (_, i) => {
    const normal = normals(mix(seed, i));
    return fitCurve(points.map(({ rows }, p) => ({ rows, loss: valueAt(curve, rows) + noise[p]! * normal() })));
  });
  const interval = (of: (one: Curve) => number): Interval => {
    const sorted = draws.map(of).sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))]!;
    return { value: of(curve), low: at(0.025), high: at(0.975) };
  };
  const saved = (factor: number) => (one: Curve): number => valueAt(one, full) - valueAt(one, full * factor);
  const gain = interval(saved(2));
  const now = valueAt(curve, full);
  const worth = options.worth ?? 0.01 * now;
  return {
    curve, residual, floor: interval(({ a }) => a), gain, gainTenfold: interval(saved(10)), resamples,
    ...decide(points, { gain, now, worth, full }),
  };
}

/** Standard deviation of each point: what is given, or the spread of runs of one size, or what the fit leaves over. */
function noiseOf(points: readonly CurvePoint[], curve: Curve): number[] {
  const bySize = new Map<number, number[]>();
  for (const { rows, loss } of points) bySize.set(rows, [...(bySize.get(rows) ?? []), loss]);
  let [squares, freedom] = [0, 0];
  for (const losses of bySize.values()) {
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    squares += losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0);
    freedom += losses.length - 1;
  }
  const left = points.reduce((sum, { rows, loss }) => sum + (loss - valueAt(curve, rows)) ** 2, 0) / Math.max(1, points.length - 3);
  const spread = freedom > 0 ? squares / freedom : left;
  return points.map(({ error }) => Math.sqrt(Math.max(spread, (error ?? 0) ** 2)));
}

function decide(points: readonly CurvePoint[], { gain, now, worth, full }: { gain: Interval; now: number; worth: number; full: number }): Pick<Advice, 'say' | 'why'> {
  const nats = (value: number): string => value.toFixed(4);
  const said = `Twice as many rows would save ${nats(gain.value)} nats (95 % interval ${nats(gain.low)} to ${nats(gain.high)}); worth it from ${nats(worth)}.`;
  if (gain.low >= worth) return { say: 'more data', why: said };
  if (gain.high >= worth) return { say: 'unclear', why: `${said} The interval holds both: measure more seeds, or more sizes.` };
  const trained = points.filter(({ rows, trainLoss }) => rows === full && trainLoss !== undefined);
  const gap = trained.length === 0 ? NaN : trained.reduce((sum, { loss, trainLoss }) => sum + loss - trainLoss!, 0) / trained.length;
  if (Math.abs(gap) <= 0.05 * now || gap < 0) {
    return { say: 'more capacity', why: `${said} Training rows are learned no better than validation rows (${nats(gap)} nats apart): a higher rank, more modules or more updates can use what is there.` };
  }
  if (Number.isNaN(gap)) return { say: 'stop', why: said };
  return { say: 'stop', why: `${said} Training rows are already learned better by ${nats(gap)} nats: neither more rows like these nor a larger adapter will help.` };
}

/** Normal numbers from a seed. */
function normals(seed: number): () => number {
  let n = 0;
  const uniform = (): number => (mix(seed, n++) + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
