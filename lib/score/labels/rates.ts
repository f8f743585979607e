// Precision, recall and F of counts, by class and averaged: what scores of labels and of entities share.

import { pairwiseSum } from '../numeric/sums.js';

export interface Counts {
  /** Right and predicted as such. */
  readonly hits: number;
  readonly predicted: number;
  /** Right ones there are. */
  readonly actual: number;
}

export interface Rates {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Right ones there are. */
  readonly support: number;
}

export const divide = (above: number, below: number, otherwise: number): number => below === 0 ? otherwise : above / below;

export function addCounts(all: readonly Counts[]): Counts {
  return all.reduce((sum, next) => ({
    hits: sum.hits + next.hits, predicted: sum.predicted + next.predicted, actual: sum.actual + next.actual,
  }), { hits: 0, predicted: 0, actual: 0 });
}

/** Mean that leaves out what is not a number, with weights if given (equal ones should they all be 0). */
export function average(values: readonly number[], weights?: readonly number[]): number {
  const kept = values.map((_, i) => i).filter((i) => !Number.isNaN(values[i]));
  if (kept.length === 0) return NaN;
  if (!weights) return pairwiseSum(values.map((value) => Number.isNaN(value) ? 0 : value)) / kept.length;
  const total = pairwiseSum(kept.map((i) => weights[i]!));
  if (total === 0) return pairwiseSum(kept.map((i) => values[i]!)) / kept.length;
  return pairwiseSum(kept.map((i) => values[i]! * weights[i]!)) / total;
}
