// From counts to chrF. Precision and recall are averaged over the orders that both texts are long enough for, then
// joined: F = (1 + b²) P R / (b² P + R). The second function is the first in the arithmetic that NumPy uses when counts
// were added in single precision: whatever a count took part in is rounded to single, a bare 1e-16 is not.

import type { RoundedScore } from '../corpus/metric.js';

const EPS = 1e-16;

export function fScore(counts: ArrayLike<number>, beta: number, eps: boolean): number {
  const factor = beta ** 2;
  const orders = counts.length / 3;
  let [sum, precisions, recalls, effective] = [0, 0, 0, 0];
  for (let at = 0; at < counts.length; at += 3) {
    const [mine, theirs, shared] = [counts[at]!, counts[at + 1]!, counts[at + 2]!];
    const precision = mine > 0 ? shared / mine : EPS;
    const recall = theirs > 0 ? shared / theirs : EPS;
    const below = factor * precision + recall;
    sum += below > 0 ? (1 + factor) * precision * recall / below : EPS;
    if (mine > 0 && theirs > 0) {
      precisions += precision;
      recalls += recall;
      effective++;
    }
  }
  if (eps) return 100 * sum / orders;
  if (effective === 0 || precisions / effective + recalls / effective === 0) return 0;
  const [precision, recall] = [precisions / effective, recalls / effective];
  let score = (1 + factor) * precision * recall;
  score /= factor * precision + recall;
  return 100 * score;
}

/** A number and whether it is a single-precision one. */
interface Rounded {
  readonly value: number;
  readonly single: boolean;
}

const { fround: f } = Math;
const plain = (value: number): Rounded => ({ value, single: false });

/** An operation between two numbers: in single precision as soon as one of them is. */
function join(a: Rounded, b: Rounded, operation: (x: number, y: number) => number): Rounded {
  return a.single || b.single ? { value: f(operation(f(a.value), f(b.value))), single: true } : plain(operation(a.value, b.value));
}

const add = (x: number, y: number): number => x + y;
const times = (x: number, y: number): number => x * y;
const over = (x: number, y: number): number => x / y;

export function fScoreSingle(counts: ArrayLike<number>, beta: number, eps: boolean): RoundedScore {
  const factor = plain(beta ** 2);
  const onePlus = plain(1 + beta ** 2);
  const [hundred, orders] = [plain(100), plain(counts.length / 3)];
  let [sum, precisions, recalls, effective] = [plain(0), plain(0), plain(0), 0];
  for (let at = 0; at < counts.length; at += 3) {
    const [mine, theirs, shared] = [counts[at]!, counts[at + 1]!, counts[at + 2]!];
    const precision = mine > 0 ? { value: f(shared / mine), single: true } : plain(EPS);
    const recall = theirs > 0 ? { value: f(shared / theirs), single: true } : plain(EPS);
    if (eps) {
      const below = join(join(factor, precision, times), recall, add);
      sum = join(sum, below.value > 0 ? join(join(join(onePlus, precision, times), recall, times), below, over) : plain(EPS), add);
    } else if (mine > 0 && theirs > 0) {
      precisions = join(precisions, precision, add);
      recalls = join(recalls, recall, add);
      effective++;
    }
  }
  const end = ({ value, single }: Rounded): RoundedScore => ({ score: value, single });
  if (eps) return end(join(join(hundred, sum, times), orders, over));
  if (effective === 0) return end(plain(0));
  const precision = join(precisions, plain(effective), over);
  const recall = join(recalls, plain(effective), over);
  if (join(precision, recall, add).value === 0) return end(plain(0));
  const above = join(join(onePlus, precision, times), recall, times);
  return end(join(hundred, join(above, join(join(factor, precision, times), recall, add), over), times));
}
