// The natural logarithm and the exponential with the bits of the GNU C library on a machine with fused multiply-add
// (x86-64 of the last ten years, every 64-bit ARM), because Python's math.log and math.exp are those and JavaScript
// engines have others. The method is that of Arm's Optimized Routines: a table of 128 steps and a short polynomial.

import { fma } from './fma.js';
import { EXP_TABLE, LOG_TABLE } from './libm-tables.js';

function doubles(base64: string): Float64Array {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Float64Array(bytes.buffer);
}

const L = doubles(LOG_TABLE);
const E = doubles(EXP_TABLE);
const LN2_HIGH = L[0]!;
const LN2_LOW = L[1]!;
const LOG_STEPS = 18;
const EXP_STEPS = 8;
const SHIFT = E[7]!;

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer); // low word first: all that Node.js runs on is little-endian

/** ln(x), as Python's math.log for x > 0; -Infinity for 0, NaN below. */
export function log(x: number): number {
  if (!(x > 0) || x === Infinity || x < 2.2250738585072014e-308) return Math.log(x);
  if (x >= 0.9375 && x < NEAR_ONE) return x === 1 ? 0 : logNearOne(x - 1);
  number[0] = x;
  const offset = (words[1]! - 0x3fe60000) | 0;
  const step = (offset >>> 13) & 127;
  const power = offset >> 20;
  words[1] = words[1]! - (offset & 0xfff00000);
  const z = number[0];
  const inverse = L[LOG_STEPS + 2 * step]!;
  const logOfStep = L[LOG_STEPS + 2 * step + 1]!;

  const r = fma(z, inverse, -1);
  const w = fma(power, LN2_HIGH, logOfStep);
  const high = w + r;
  const low = fma(power, LN2_LOW, (w - high) + r);
  const r2 = r * r;
  const tail = fma(fma(r, L[6]!, L[5]!), r2, fma(r, L[4]!, L[3]!));
  return fma(r * r2, tail, fma(r2, L[2]!, low)) + high;
}

const NEAR_ONE = 1.064697265625; // 1 + 0x1.09p-4

function logNearOne(r: number): number {
  const r2 = r * r;
  const r3 = r * r2;
  const first = fma(r2, L[10]!, fma(r, L[9]!, L[8]!));
  const second = fma(r2, L[13]!, fma(r, L[12]!, L[11]!));
  const third = fma(r3, L[17]!, fma(r2, L[16]!, fma(r, L[15]!, L[14]!)));
  const polynomial = fma(fma(third, r3, second), r3, first);
  const rounded = fma(r, 134217728, r);
  const rHigh = fma(-134217728, r, rounded);
  const rLow = r - rHigh;
  const square = rHigh * rHigh;
  const high = fma(square, L[7]!, r);
  const low = fma(L[7]! * rLow, r + rHigh, fma(square, L[7]!, r - high));
  return high + fma(polynomial, r3, low);
}

/** e^x, as Python's math.exp for |x| < 600; further out as Math.exp. */
export function exp(x: number): number {
  const size = Math.abs(x);
  if (!(size < 600)) return Math.exp(x);
  if (size < 5.551115123125783e-17) return 1 + x;
  number[0] = fma(x, E[0]!, SHIFT);
  const index = words[0]!;
  const k = number[0] - SHIFT;
  const r = fma(k, E[2]!, fma(k, E[1]!, x));
  const step = EXP_STEPS + 2 * (index & 127);
  const r2 = r * r;
  const odd = fma(fma(r, E[4]!, E[3]!), r2, r + E[step]!);
  const tail = fma(r2 * r2, fma(r, E[6]!, E[5]!), odd);

  number[0] = E[step + 1]!;
  words[1] = words[1]! + (index << 13);
  const scale = number[0];
  return fma(scale, tail, scale);
}
