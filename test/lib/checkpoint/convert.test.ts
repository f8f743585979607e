// Narrow element types: every pattern there and back, rounding to nearest even, against independent arithmetic.
import * as fc from 'fast-check';
import { decode, decodeF32, encode, fromF16, toBf16, toF16 } from '../../../lib/checkpoint/convert.js';

const all16 = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer);

test.each(['BF16', 'F16'] as const)('every %s pattern survives decode and encode', (dtype) => {
  const values = decode(all16, dtype);
  const back = new Uint16Array(encode(values, dtype).buffer);
  for (let bits = 0; bits < 65536; bits += 1) {
    const value = values[bits] as number;
    if (Number.isNaN(value)) expect(decode(new Uint8Array(Uint16Array.of(back[bits] as number).buffer), dtype)[0]).toBeNaN();
    else if (back[bits] !== bits) throw new Error(`${bits} came back as ${back[bits]}`);
  }
});

test.each([['BF16', toBf16], ['F16', toF16]] as const)('%s rounds to the nearest value, ties to even', (dtype, narrow) => {
  const values = decode(all16, dtype);
  const finite = dtype === 'BF16' ? 0x7f7f : 0x7bff;
  fc.assert(fc.property(fc.nat(finite - 1), fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (bits, part, negative) => {
    const low = values[bits] as number;
    const high = values[bits + 1] as number;
    const middle = low + (high - low) / 2;
    const sign = negative ? -1 : 1;
    const mark = negative ? 0x8000 : 0;
    expect(narrow(sign * middle)).toBe(mark | (bits % 2 === 0 ? bits : bits + 1));
    const value = low + (high - low) * part;
    if (value !== middle) expect(narrow(sign * value)).toBe(mark | (value < middle ? bits : bits + 1));
    expect(narrow(sign * (middle + middle * 2 ** -52))).toBe(mark | (bits + 1)); // a double just past the tie
  }), { numRuns: 1000 });
});

test('past the range is infinity, and signs of zero stay', () => {
  expect([toF16(65519.99), toF16(65520), toF16(-1e9), toF16(-0), toF16(2 ** -25), toF16(2 ** -25 * 1.001)]).toEqual([0x7bff, 0x7c00, 0xfc00, 0x8000, 0, 1]);
  expect([toBf16(3.39e38), toBf16(3.4e38), toBf16(-1e300), toBf16(-0), toBf16(1e-320)]).toEqual([0x7f7f, 0x7f80, 0xff80, 0x8000, 0]);
  expect(fromF16(0xfc00)).toBe(-Infinity);
});

test('doubles that do not fit into f32 are an error', () => {
  const bytes = new Uint8Array(Float64Array.of(1, 1e300).buffer);
  expect(() => decodeF32(bytes, 'F64', 'f', 'w')).toThrow(/element 1 \(1e\+300\) does not fit into f32/);
  expect(decodeF32(new Uint8Array(Float64Array.of(0.5).buffer), 'F64', 'f', 'w')).toEqual(Float32Array.of(0.5));
});
