// Do probabilities mean what they say? Log loss -mean ln p(truth), Brier score mean (p - truth)², and the expected
// calibration error: over bins of equal width, how far the share of hits lies from the mean probability (Guo et al.,
// 2017). Log loss, Brier score and bins are equal to scikit-learn 1.9.

import { invalid, sameLength } from '../invalid.js';
import { log } from '../numeric/libm.js';
import { mean, pairwiseSum } from '../numeric/sums.js';

function checkProbability(value: number, where: string): void {
  if (!(value >= 0 && value <= 1)) throw invalid(where, 'a probability from 0 to 1', value);
}

/** Probabilities of all classes: as given, or of two from that of the second. */
function rows(probabilities: readonly (number | readonly number[])[], classes: readonly number[]): readonly (readonly number[])[] {
  sameLength('classes', classes.length, 'probabilities', probabilities.length);
  if (classes.length === 0) throw invalid('probabilities', 'at least one row', probabilities);
  return probabilities.map((entry, row) => {
    const all = typeof entry === 'number' ? [1 - entry, entry] : entry;
    all.forEach((value, i) => checkProbability(value, `probabilities[${row}]${typeof entry === 'number' ? '' : `[${i}]`}`));
    const truth = classes[row]!;
    if (!Number.isInteger(truth) || truth < 0 || truth >= all.length) throw invalid(`classes[${row}]`, `a class from 0 to ${all.length - 1}`, truth);
    return all;
  });
}

const SMALLEST = 2 ** -52;

/** Mean of -ln of the probability that the true class was given; probabilities are kept 2^-52 away from 0 and 1. */
export function logLoss(probabilities: readonly (number | readonly number[])[], classes: readonly number[]): number {
  return mean(rows(probabilities, classes).map((all, row) => -log(Math.min(Math.max(all[classes[row]!]!, SMALLEST), 1 - SMALLEST))));
}

/** Mean squared distance of the probabilities from the truth; halved for two classes, as is usual. */
export function brierScore(probabilities: readonly (number | readonly number[])[], classes: readonly number[]): number {
  const all = rows(probabilities, classes);
  const score = mean(all.map((row, i) => pairwiseSum(row.map((p, k) => ((classes[i] === k ? 1 : 0) - p) ** 2))));
  return all[0]!.length < 3 ? score * 0.5 : score;
}

export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean probability of those in the bin. */
  readonly confidence: number;
  /** Share of them that were right. */
  readonly accuracy: number;
}

export interface Calibration {
  /** Expected calibration error: mean gap between confidence and accuracy, by count. */
  readonly ece: number;
  /** Largest gap. */
  readonly mce: number;
  /** Bins with something in them; each holds its upper edge. */
  readonly bins: readonly CalibrationBin[];
}

/**
 * Calibration of single probabilities, for example of the chosen answer.
 * @param right whether what was given the probability came true
 */
export function calibration(probabilities: readonly number[], right: readonly boolean[], binCount = 10): Calibration {
  sameLength('right', right.length, 'probabilities', probabilities.length);
  if (probabilities.length === 0) throw invalid('probabilities', 'at least one', probabilities);
  if (!Number.isInteger(binCount) || binCount < 1) throw invalid('binCount', 'a whole number of at least 1', binCount);
  const edges = Array.from({ length: binCount + 1 }, (_, i) => i === binCount ? 1 : i * (1 / binCount));
  const [sums, hits, counts] = [edges.map(() => 0), edges.map(() => 0), edges.map(() => 0)];
  probabilities.forEach((value, i) => {
    checkProbability(value, `probabilities[${i}]`);
    let bin = 0;
    while (bin < binCount - 1 && value > edges[bin + 1]!) bin++;
    sums[bin] = sums[bin]! + value;
    hits[bin] = hits[bin]! + (right[i] ? 1 : 0);
    counts[bin] = counts[bin]! + 1;
  });
  const bins = counts.flatMap((count, i): CalibrationBin[] => count === 0 ? []
    : [{ from: edges[i]!, to: edges[i + 1]!, count, confidence: sums[i]! / count, accuracy: hits[i]! / count }]);
  let [ece, mce] = [0, 0];
  for (const { count, confidence, accuracy } of bins) {
    const gap = Math.abs(accuracy - confidence);
    ece += count / probabilities.length * gap;
    mce = Math.max(mce, gap);
  }
  return { ece, mce, bins };
}
