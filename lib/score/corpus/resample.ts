// Confidence intervals of corpus scores: segments are drawn with replacement, the score is taken of each draw, and the
// middle 95 % are the interval. Seeds, draws and roundings are sacreBLEU's, so intervals have its bits.

import { exactMean, pairwiseSum, pairwiseSumSingle } from '../numeric/sums.js';
import { Pcg64 } from '../numeric/pcg64.js';
import type { CorpusMetric } from './metric.js';

/** sacreBLEU's seed. */
export const SEED = 12345;

export interface ResampledScores {
  readonly scores: Float64Array;
  /** All are single-precision numbers. */
  readonly single: boolean;
}

/** Scores of the resamples that `indices` names, one after the other. */
export function scoresOfResamples(
  metric: CorpusMetric, statistics: Float64Array, indices: Uint32Array, resamples: number,
): ResampledScores {
  const { width } = metric;
  const count = statistics.length / width;
  const singles = Float32Array.from(statistics);
  const sums = new Float32Array(width);
  const scores = new Float64Array(resamples);
  let single = true;
  for (let r = 0; r < resamples; r++) {
    sums.fill(0);
    for (let i = r * count; i < (r + 1) * count; i++) {
      const at = indices[i]! * width;
      for (let j = 0; j < width; j++) sums[j] = sums[j]! + singles[at + j]!;
    }
    const result = metric.score(sums, 'single');
    scores[r] = result.score;
    single &&= result.single;
  }
  return { scores, single };
}

export interface Interval {
  /** Mean over the resamples. */
  readonly mean: number;
  /** Half the width of the 95 % interval: what stands behind the ± of sacreBLEU. */
  readonly halfWidth: number;
  readonly low: number;
  readonly high: number;
  readonly resamples: number;
  readonly seed: number;
}

/** The interval that sacreBLEU gives a single system (`--confidence`). */
export function confidence(metric: CorpusMetric, statistics: Float64Array, resamples: number, seed = SEED): Interval {
  const indices = new Pcg64(seed).choice(statistics.length / metric.width, resamples * (statistics.length / metric.width));
  const { scores, single } = scoresOfResamples(metric, statistics, indices, resamples);
  const round = single ? Math.fround : (value: number): number => value;
  const { low, high, halfWidth } = middle(scores, round);
  return { mean: round(exactMean(scores)), halfWidth, low, high, resamples, seed };
}

/** The interval of a system in a paired test, where sacreBLEU takes NumPy's mean. */
export function pairedConfidence({ scores, single }: ResampledScores): Pick<Interval, 'mean' | 'halfWidth' | 'low' | 'high'> {
  if (single) return { mean: meanSingle(scores), ...middle(scores, Math.fround) };
  return { mean: meanSorted(scores), ...middle(scores, (value) => value) };
}

function middle(scores: Float64Array, round: (value: number) => number): Pick<Interval, 'halfWidth' | 'low' | 'high'> {
  const sorted = scores.slice().sort();
  const skip = Math.floor(sorted.length / 40);
  const [low, high] = [sorted[skip]!, sorted[sorted.length - skip - 1]!];
  return { low, high, halfWidth: 0.5 * round(high - low) };
}

const meanSorted = (scores: Float64Array): number => pairwiseSum(scores.slice().sort()) / scores.length;

function meanSingle(scores: Float64Array): number {
  return Math.fround(pairwiseSumSingle(Float32Array.from(scores).sort()) / scores.length);
}
