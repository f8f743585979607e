// Sums and means with the roundings of NumPy and of Python's statistics module, so that results have the same bits.

/** NumPy's sum of contiguous numbers: eight running sums in blocks of at most 128, halves added as a tree. */
export function pairwiseSum(values: ArrayLike<number>, begin = 0, end = values.length): number {
  return 0 + tree(values, begin, end - begin, identity);
}

/** The same in single precision. */
export function pairwiseSumSingle(values: ArrayLike<number>, begin = 0, end = values.length): number {
  return Math.fround(0 + tree(values, begin, end - begin, Math.fround));
}

const identity = (value: number): number => value;

function tree(a: ArrayLike<number>, at: number, count: number, round: (value: number) => number): number {
  if (count < 8) {
    let sum = -0;
    for (let i = 0; i < count; i++) sum = round(sum + a[at + i]!);
    return sum;
  }
  if (count <= 128) {
    let [r0, r1, r2, r3] = [a[at]!, a[at + 1]!, a[at + 2]!, a[at + 3]!];
    let [r4, r5, r6, r7] = [a[at + 4]!, a[at + 5]!, a[at + 6]!, a[at + 7]!];
    let i = 8;
    for (; i < count - (count % 8); i += 8) {
      r0 = round(r0 + a[at + i]!); r1 = round(r1 + a[at + i + 1]!);
      r2 = round(r2 + a[at + i + 2]!); r3 = round(r3 + a[at + i + 3]!);
      r4 = round(r4 + a[at + i + 4]!); r5 = round(r5 + a[at + i + 5]!);
      r6 = round(r6 + a[at + i + 6]!); r7 = round(r7 + a[at + i + 7]!);
    }
    let sum = round(round(round(r0 + r1) + round(r2 + r3)) + round(round(r4 + r5) + round(r6 + r7)));
    for (; i < count; i++) sum = round(sum + a[at + i]!);
    return sum;
  }
  let half = count >> 1;
  half -= half % 8;
  return round(tree(a, at, half, round) + tree(a, at + half, count - half, round));
}

/** numpy.mean of doubles. */
export function mean(values: ArrayLike<number>): number {
  return pairwiseSum(values) / values.length;
}

const number = new Float64Array(1);
const words = new BigUint64Array(number.buffer);

/** A double as mantissa · 2^exponent. */
function parts(value: number): readonly [bigint, number] {
  number[0] = value;
  const bits = words[0]!;
  const raw = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = raw === 0 ? fraction : fraction | 0x10000000000000n;
  return [bits >> 63n ? -mantissa : mantissa, (raw === 0 ? 1 : raw) - 1075];
}

/** numerator / denominator as the nearest double, ties to even, as Python divides whole numbers. */
export function ratio(numerator: bigint, denominator: bigint): number {
  if (numerator === 0n) return 0;
  if (numerator < 0n) return -ratio(-numerator, denominator);
  const width = (value: bigint): number => value.toString(16).length * 4;
  const shift = Math.max(66 + width(denominator) - width(numerator), 0); // a quotient of more than 60 bits
  let quotient = (numerator << BigInt(shift)) / denominator;
  if (quotient * denominator !== numerator << BigInt(shift)) quotient |= 1n; // a sticky bit: Number() then rounds right
  return scale(Number(quotient), -shift);
}

function scale(value: number, power: number): number {
  let [rest, result] = [power, value];
  while (rest < -1000) { result *= 2 ** -1000; rest += 1000; }
  return result * 2 ** rest;
}

/** The mean without any rounding but the last, as statistics.mean gives it. */
export function exactMean(values: ArrayLike<number>): number {
  let lowest = 0;
  const taken: (readonly [bigint, number])[] = [];
  for (let i = 0; i < values.length; i++) {
    const part = parts(values[i]!);
    taken.push(part);
    lowest = Math.min(lowest, part[1]);
  }
  let sum = 0n;
  for (const [mantissa, exponent] of taken) sum += mantissa << BigInt(exponent - lowest);
  return ratio(sum, BigInt(values.length) << BigInt(-lowest));
}
