// a·b + c rounded once, which JavaScript lacks: the product and the sums are taken apart without error and put together
// with one rounding to odd before the last (Boldo and Melquiond, 2008). For finite numbers far from the ends of the range.

const SPLIT = 134217729; // 2^27 + 1
const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

/** x + y with the last bit set where the sum is not exact. */
function addToOdd(x: number, y: number): number {
  const sum = x + y;
  const shift = sum - x;
  const error = (x - (sum - shift)) + (y - shift);
  if (error === 0) return sum;
  number[0] = sum;
  if (words[0]! & 1) return sum;
  // Towards the exact value: away from zero when the error has the sign of the sum.
  if ((error > 0) === (sum > 0)) words[0] = words[0]! | 1; // an even last bit: no carry
  else {
    if (words[0] === 0) words[1] = words[1]! - 1;
    words[0] = words[0]! - 1;
  }
  return number[0];
}

export function fma(a: number, b: number, c: number): number {
  const product = a * b;
  const aBig = a * SPLIT;
  const aHigh = aBig - (aBig - a);
  const aLow = a - aHigh;
  const bBig = b * SPLIT;
  const bHigh = bBig - (bBig - b);
  const bLow = b - bHigh;
  const productError = aLow * bLow - (((product - aHigh * bHigh) - aLow * bHigh) - aHigh * bLow);

  const low = c + productError;
  const lowShift = low - c;
  const lowError = (c - (low - lowShift)) + (productError - lowShift);
  const high = product + low;
  const highShift = high - product;
  const highError = (product - (high - highShift)) + (low - highShift);
  return high + addToOdd(highError, lowError);
}
