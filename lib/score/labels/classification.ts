// Scores of predicted labels: accuracy; precision TP/(TP+FP), recall TP/(TP+FN) and F by class and as micro, macro and
// weighted averages; Matthews' correlation; the confusion matrix. Equal to scikit-learn 1.9.

import { invalid, sameLength } from '../invalid.js';
import { byCodePoint } from '../text/order.js';
import { addCounts, average, divide } from './rates.js';
import type { Counts, Rates } from './rates.js';

export type Label = string | number | boolean;

export interface ClassificationOptions {
  /** Classes to report, in this order. @default all that occur, sorted */
  readonly labels?: readonly Label[];
  /** What a share of nothing is; NaN is left out of averages. @default 0 */
  readonly zeroDivision?: 0 | 1 | typeof NaN;
  /** How many times recall counts as much as precision in F. @default 1 */
  readonly beta?: number;
}

export interface ClassificationReport {
  readonly accuracy: number;
  readonly labels: readonly Label[];
  /** In the order of `labels`. */
  readonly perClass: readonly Rates[];
  readonly micro: Rates;
  readonly macro: Rates;
  readonly weighted: Rates;
  /** Matthews' correlation over all labels that occur; 0 when one side has a single class. */
  readonly mcc: number;
  /** confusion[i][j]: how often labels[i] was called labels[j]. */
  readonly confusion: readonly (readonly number[])[];
}

function sortLabels(values: Iterable<Label>): Label[] {
  const kinds = new Set([...values].map((value) => typeof value));
  if (kinds.size > 1) throw invalid('labels', 'labels of one type', [...kinds]);
  return [...new Set(values)].sort((a, b) => typeof a === 'string' ? byCodePoint(a, b as string) : Number(a) - Number(b));
}

function countPairs(truth: readonly Label[], predicted: readonly Label[], labels: readonly Label[]): number[][] {
  const index = new Map(labels.map((label, i) => [label, i]));
  const table = labels.map(() => labels.map(() => 0));
  truth.forEach((label, row) => {
    const [i, j] = [index.get(label), index.get(predicted[row]!)];
    if (i !== undefined && j !== undefined) table[i]![j] = table[i]![j]! + 1;
  });
  return table;
}

/** Matthews' correlation coefficient of a square table of counts (Gorodkin, 2004). */
export function matthews(table: readonly (readonly number[])[]): number {
  const actual = table.map((row) => row.reduce((sum, n) => sum + n, 0));
  const predicted = table.map((_, j) => table.reduce((sum, row) => sum + row[j]!, 0));
  const right = table.reduce((sum, row, i) => sum + row[i]!, 0);
  const all = predicted.reduce((sum, n) => sum + n, 0);
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, n, i) => sum + n * b[i]!, 0);
  const spread = (all ** 2 - dot(predicted, predicted)) * (all ** 2 - dot(actual, actual));
  return spread === 0 ? 0 : (right * all - dot(actual, predicted)) / Math.sqrt(spread);
}

/** How well `predicted` labels fit the `truth`. */
export function classification(
  truth: readonly Label[], predicted: readonly Label[], options: ClassificationOptions = {},
): ClassificationReport {
  sameLength('predicted', predicted.length, 'truth', truth.length);
  if (truth.length === 0) throw invalid('truth', 'at least one label', truth);
  const { zeroDivision = 0, beta = 1 } = options;
  if (!(beta >= 0 && beta < Infinity)) throw invalid('beta', 'a number of at least 0', beta);
  const present = sortLabels([...truth, ...predicted]);
  const labels = options.labels ?? present;
  const counts = new Map<Label, { hits: number; predicted: number; actual: number }>(
    [...labels, ...present].map((label) => [label, { hits: 0, predicted: 0, actual: 0 }]));
  let right = 0;
  truth.forEach((label, row) => {
    const guess = predicted[row]!;
    counts.get(label)!.actual++;
    counts.get(guess)!.predicted++;
    if (guess !== label) return;
    counts.get(label)!.hits++;
    right++;
  });
  const square = beta ** 2;
  const rates = ({ hits, predicted: called, actual }: Counts): Rates => {
    const precision = divide(hits, called, zeroDivision);
    const recall = divide(hits, actual, zeroDivision);
    return { precision, recall, f1: beta === 0 ? precision : divide((1 + square) * hits, square * actual + called, zeroDivision), support: actual };
  };
  const chosen = labels.map((label) => counts.get(label)!);
  const perClass = chosen.map(rates);
  const micro = rates(addCounts(chosen));
  const over = (weights?: readonly number[]): Rates => ({
    precision: average(perClass.map((r) => r.precision), weights), recall: average(perClass.map((r) => r.recall), weights),
    f1: average(perClass.map((r) => r.f1), weights), support: micro.support,
  });
  return {
    accuracy: right / truth.length, labels, perClass, micro, macro: over(), weighted: over(perClass.map((r) => r.support)),
    mcc: matthews(countPairs(truth, predicted, present)), confusion: countPairs(truth, predicted, labels),
  };
}
