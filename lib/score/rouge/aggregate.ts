// Means of ROUGE over many pairs with bootstrap intervals, as rouge_score's BootstrapAggregator gives them after
// numpy.random.seed(seed): pairs are drawn with replacement, and low, mid and high are percentiles of the means.

import { invalid } from '../invalid.js';
import { Mt19937 } from '../numeric/mt19937.js';
import { percentile } from '../numeric/percentile.js';
import type { RougeScore, RougeScores, RougeType } from './rouge.js';

export interface AggregateOptions {
  /** @default 0.95 */
  readonly confidence?: number;
  /** @default 1000 */
  readonly resamples?: number;
  /** @default 12345 */
  readonly seed?: number;
}

export interface AggregateScore {
  readonly low: RougeScore;
  readonly mid: RougeScore;
  readonly high: RougeScore;
}

const MEASURES = ['precision', 'recall', 'fmeasure'] as const;

export function aggregateRouge<T extends RougeType>(
  scores: readonly RougeScores<T>[], options: AggregateOptions = {},
): Readonly<Record<T, AggregateScore>> {
  const { confidence = 0.95, resamples = 1000, seed = 12345 } = options;
  if (!(confidence >= 0 && confidence <= 1)) throw invalid('confidence', 'a number from 0 to 1', confidence);
  if (!Number.isInteger(resamples) || resamples < 1) throw invalid('resamples', 'a whole number of at least 1', resamples);
  if (scores.length === 0) throw invalid('scores', 'at least one pair', scores);
  const generator = new Mt19937(seed);
  const delta = (1 - confidence) / 2;
  const levels = [100 * delta / 100, 100 * 0.5 / 100, 100 * (1 - delta) / 100];
  const types = Object.keys(scores[0]!) as T[];
  return Object.fromEntries(types.map((type): [T, AggregateScore] => {
    const table = new Float64Array(3 * scores.length);
    scores.forEach((row, i) => MEASURES.forEach((measure, j) => { table[3 * i + j] = row[type][measure]; }));
    const means = MEASURES.map(() => new Float64Array(resamples));
    for (let r = 0; r < resamples; r++) {
      let [precision, recall, fmeasure] = [0, 0, 0];
      for (const row of generator.choice(scores.length, scores.length)) {
        precision += table[3 * row]!;
        recall += table[3 * row + 1]!;
        fmeasure += table[3 * row + 2]!;
      }
      [precision, recall, fmeasure].forEach((sum, j) => { means[j]![r] = sum / scores.length; });
    }
    const [low, mid, high] = levels.map((level): RougeScore => {
      const [precision, recall, fmeasure] = means.map((values) => percentile(values, level));
      return { precision: precision!, recall: recall!, fmeasure: fmeasure! };
    });
    return [type, { low: low!, mid: mid!, high: high! }];
  })) as Record<T, AggregateScore>;
}
