// Element types of files ↔ f64 and f32 in memory. Narrowing rounds to nearest, ties to even, as hardware does.

import { EngineError } from '../errors.js';
import type { FileDtype } from '../tensors.js';

export const ELEMENT_BYTES: Readonly<Record<FileDtype, number>> = { F64: 8, F32: 4, BF16: 2, F16: 2 };

export function isFileDtype(dtype: string): dtype is FileDtype {
  return dtype in ELEMENT_BYTES;
}

// One f32 and its bits. All machines that Node-API prebuilds exist for are little-endian, like the files.
const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** Bits of a bf16 value nearest to `value`; past the range they are infinity. */
export function toBf16(value: number): number {
  // Through f32 alone a double could be rounded twice; rounding to odd there keeps what the second step needs to know.
  const bits = oddFloatBits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 0x40) & 0xffff; // a quiet NaN
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The bits of `value` in f32, cut towards zero, with the last bit set when anything was cut off. */
function oddFloatBits(value: number): number {
  float[0] = value;
  const near = float[0] as number;
  let bits = floatBits[0] as number;
  if (near === value || Number.isNaN(value)) return bits;
  if (Math.abs(near) > Math.abs(value)) bits -= 1;
  return bits | 1;
}

/** Bits of a half-precision value nearest to `value`. */
export function toF16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | roundEven(size * 2 ** 24); // subnormal; 1024 is the smallest normal
  const exponent = Math.floor(Math.log2(size));
  const exact = size >= 2 ** (exponent + 1) ? exponent + 1 : size < 2 ** exponent ? exponent - 1 : exponent;
  const mantissa = roundEven(size * 2 ** (10 - exact)); // 1024 .. 2048
  return sign | (((exact + 15) << 10) + (mantissa - 1024));
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

export function fromF16(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const size = exponent === 0 ? mantissa * 2 ** -24
    : exponent === 31 ? (mantissa === 0 ? Infinity : NaN) : (1024 + mantissa) * 2 ** (exponent - 25);
  return (bits & 0x8000) !== 0 ? -size : size;
}

/** Reads all elements of little-endian `bytes` as doubles (exact for every type). */
export function decode(bytes: Uint8Array, dtype: FileDtype): Float64Array {
  const { buffer } = Uint8Array.from(bytes); // aligned, whatever the offset in the file was
  if (dtype === 'F64') return new Float64Array(buffer);
  if (dtype === 'F32') return Float64Array.from(new Float32Array(buffer));
  const words = new Uint16Array(buffer);
  const values = new Float64Array(words.length);
  if (dtype === 'F16') {
    for (let i = 0; i < words.length; i += 1) values[i] = fromF16(words[i] as number);
  } else {
    for (let i = 0; i < words.length; i += 1) {
      floatBits[0] = (words[i] as number) << 16;
      values[i] = float[0] as number;
    }
  }
  return values;
}

/** The reverse of {@link decode}, rounding once. */
export function encode(values: Float64Array, dtype: FileDtype): Uint8Array {
  if (dtype === 'F64') return new Uint8Array(Float64Array.from(values).buffer);
  if (dtype === 'F32') return new Uint8Array(Float32Array.from(values).buffer);
  const narrow = dtype === 'BF16' ? toBf16 : toF16;
  const words = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i += 1) words[i] = narrow(values[i] as number);
  return new Uint8Array(words.buffer);
}

/** Elements as f32. F64 that does not fit is ERR_CHECKPOINT. */
export function decodeF32(bytes: Uint8Array, dtype: FileDtype, file: string, name: string): Float32Array {
  if (dtype === 'F32') return new Float32Array(Uint8Array.from(bytes).buffer);
  const wide = decode(bytes, dtype);
  const narrow = Float32Array.from(wide);
  const at = narrow.findIndex((value, i) => !Number.isFinite(value) && Number.isFinite(wide[i]));
  if (at >= 0) {
    const problem = `tensor ${name}: element ${at} (${wide[at]}) does not fit into f32`;
    throw new EngineError(`${file}: ${problem}`, { code: 'ERR_CHECKPOINT', file, problem });
  }
  return narrow;
}
