// Are two systems really different? Both tests of sacreBLEU, with its draws and its roundings: the paired bootstrap
// (Koehn, 2004) and approximate randomisation (Riezler and Maxwell, 2005). The first system is the baseline.

import { Pcg64 } from '../numeric/pcg64.js';
import { pairwiseSum, pairwiseSumSingle } from '../numeric/sums.js';
import { invalid } from '../invalid.js';
import { pairedConfidence, scoresOfResamples, SEED } from './resample.js';
import type { Interval } from './resample.js';
import { signatureOf, sumStatistics } from './metric.js';
import type { CorpusMetric } from './metric.js';
import { checkSegments } from './segments.js';
import type { References } from './segments.js';

export interface NamedSystem {
  readonly name: string;
  readonly hypotheses: readonly string[];
}

export interface PairedOptions {
  /** `bs`: paired bootstrap; `ar`: approximate randomisation. @default 'ar' */
  readonly test?: 'bs' | 'ar';
  /** Resamples or trials. @default 1000 for bs, 10000 for ar */
  readonly samples?: number;
  /** With `ar`: also an interval, from so many resamples; 0: none. @default 0 */
  readonly resamples?: number;
  readonly seed?: number;
}

export interface PairedResult {
  readonly system: string;
  readonly metric: string;
  readonly score: number;
  /** Probability of a difference from the baseline at least as large if there were none; absent for the baseline. */
  readonly p?: number;
  readonly interval?: Pick<Interval, 'mean' | 'halfWidth' | 'low' | 'high'>;
  readonly signature: string;
}

interface Measured {
  readonly statistics: Float64Array;
  readonly score: number;
}

/** One result a system and a metric, systems in the order given. */
export function pairedTest(
  systems: readonly NamedSystem[], references: References, metrics: readonly CorpusMetric[], options: PairedOptions = {},
): readonly PairedResult[] {
  const { test = 'ar', seed = SEED } = options;
  if (test !== 'ar' && test !== 'bs') throw invalid('test', 'ar or bs', test);
  const samples = options.samples ?? (test === 'bs' ? 1000 : 10000);
  const resamples = test === 'bs' ? samples : options.resamples ?? 0;
  if (!Number.isInteger(samples) || samples < 1) throw invalid('samples', 'a whole number of at least 1', samples);
  if (systems.length < 2) throw invalid('systems', 'a baseline and at least one other', systems);
  const checked = systems.map(({ hypotheses }) => checkSegments(hypotheses, references));
  const rows = references.length;

  return metrics.flatMap((metric) => {
    const measured: readonly Measured[] = checked.map((segments) => {
      const statistics = metric.statistics(segments);
      return { statistics, score: metric.score(sumStatistics(statistics, metric.width), 'exact').score };
    });
    const signature = signatureOf(metric, {
      references: checked[0]!.count, seed,
      ...(test === 'bs' ? { resamples } : { trials: samples, ...(resamples > 0 ? { resamples } : {}) }),
    });
    const baseline = measured[0]!;
    const fresh = (): Uint32Array => new Pcg64(seed).choice(rows, resamples * rows);
    return systems.map(({ name }, i): PairedResult => {
      const head = { system: name, metric: metric.name, score: measured[i]!.score, signature };
      if (i === 0) {
        if (resamples === 0) return head;
        return { ...head, interval: pairedConfidence(scoresOfResamples(metric, baseline.statistics, fresh(), resamples)) };
      }
      if (test === 'bs') return { ...head, ...bootstrap(metric, baseline, measured[i]!, fresh(), samples) };
      const generator = new Pcg64(seed);
      const p = randomisation(metric, baseline, measured[i]!, generator, samples);
      if (resamples === 0) return { ...head, p };
      const indices = generator.choice(rows, resamples * rows);
      return { ...head, p, interval: pairedConfidence(scoresOfResamples(metric, measured[i]!.statistics, indices, resamples)) };
    });
  });
}

/** Share of samples that differ more, one added above and below. */
function pValue(larger: number, samples: number): number {
  return (larger + 1) / (samples + 1);
}

function bootstrap(
  metric: CorpusMetric, baseline: Measured, system: Measured, indices: Uint32Array, samples: number,
): Pick<PairedResult, 'p' | 'interval'> {
  const ofBaseline = scoresOfResamples(metric, baseline.statistics, indices, samples);
  const ofSystem = scoresOfResamples(metric, system.statistics, indices, samples);
  const single = ofBaseline.single && ofSystem.single;
  const round = single ? Math.fround : (value: number): number => value;
  const differences = ofSystem.scores.map((score, i) => Math.abs(round(score - ofBaseline.scores[i]!)));
  const mean = round((single ? pairwiseSumSingle(differences) : pairwiseSum(differences)) / samples);
  const seen = round(Math.abs(baseline.score - system.score));
  let larger = 0;
  for (const difference of differences) if (round(difference - mean) > seen) larger++;
  return { p: pValue(larger, samples), interval: pairedConfidence(ofSystem) };
}

function randomisation(metric: CorpusMetric, baseline: Measured, system: Measured, generator: Pcg64, trials: number): number {
  const { width } = metric;
  const rows = baseline.statistics.length / width;
  const coins = generator.coins(trials * rows);
  const [a, b] = [new Float64Array(width), new Float64Array(width)];
  const [fromBaseline, fromSystem] = [baseline.statistics, system.statistics];
  const seen = Math.abs(baseline.score - system.score);
  let larger = 0;
  for (let t = 0; t < trials; t++) {
    a.fill(0);
    b.fill(0);
    for (let row = 0, at = 0; row < rows; row++, at += width) {
      const [first, second] = coins[t * rows + row] ? [a, b] : [b, a];
      for (let j = 0; j < width; j++) {
        first[j] = first[j]! + fromBaseline[at + j]!;
        second[j] = second[j]! + fromSystem[at + j]!;
      }
    }
    if (Math.abs(metric.score(a, 'integer').score - metric.score(b, 'integer').score) > seen) larger++;
  }
  return pValue(larger, trials);
}
