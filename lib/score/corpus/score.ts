// A finished corpus score, with its signature, its interval and the line that sacreBLEU prints.

import { fixed } from '../text/fixed.js';
import { invalid } from '../invalid.js';
import { confidence, SEED } from './resample.js';
import type { Interval } from './resample.js';
import { signatureOf, sumStatistics } from './metric.js';
import type { CorpusMetric } from './metric.js';
import { checkSegments } from './segments.js';
import type { References } from './segments.js';

export interface ResampleOptions {
  /** Resamples of a 95 % interval; 0: none. @default 0 */
  readonly resamples?: number;
  /** Seed of the resamples. @default 12345, as sacreBLEU */
  readonly seed?: number;
}

export interface CorpusScore {
  /** BLEU, chrF2, chrF2++ or TER. */
  readonly name: string;
  /** From 0 to 100 (TER can go beyond). */
  readonly score: number;
  /** How it came about, as sacreBLEU writes it. */
  readonly signature: string;
  readonly shortSignature: string;
  readonly interval?: Interval;
}

/** Scores answers against references. */
export function corpusScore(
  metric: CorpusMetric, hypotheses: readonly string[], references: References, options: ResampleOptions = {},
): { readonly result: CorpusScore; readonly sums: Float64Array } {
  const { resamples = 0, seed = SEED } = options;
  if (!Number.isInteger(resamples) || resamples < 0 || resamples === 1) throw invalid('resamples', '0, or a whole number of at least 2', resamples);
  const segments = checkSegments(hypotheses, references);
  const statistics = metric.statistics(segments);
  const sums = sumStatistics(statistics, metric.width);
  const { score } = metric.score(sums, 'exact');
  const asked = resamples > 0;
  const interval = asked ? confidence(metric, statistics, resamples, seed) : undefined;
  const items = { references: segments.count, resamples: asked ? resamples : undefined, seed: asked ? seed : undefined };
  return {
    sums,
    result: {
      name: metric.name, score, signature: signatureOf(metric, items), shortSignature: signatureOf(metric, items, true),
      ...(interval ? { interval } : {}),
    },
  };
}

/** The line that sacreBLEU prints for a score: `BLEU|nrefs:1|… = 34.2 66.7/… (BP = 1.000 …)`. */
export function formatScore(score: CorpusScore & { readonly detail?: string }, digits = 1): string {
  const { interval } = score;
  const range = interval && interval.mean > 0 ? ` (μ = ${fixed(interval.mean, digits)} ± ${fixed(interval.halfWidth, digits)})` : '';
  return `${score.name}|${score.signature} = ${fixed(score.score, digits)}${range}${score.detail ? ` ${score.detail}` : ''}`;
}
