// The container: what a healthy header says, and that every kind of lie is refused with a sentence.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { isEngineError } from '../../../lib/errors.js';
import { parseSafetensorsHeader, planSafetensors, readSafetensorsHeader } from '../../../lib/model/safetensors.js';
import { parseStrictJson } from '../../../lib/model/strict-json.js';
import { safetensorsBytes, scratch } from './folder.js';

let folder: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => void (folder = await scratch('safetensors')));
afterAll(() => folder.remove());

function problem(header: string | Uint8Array, dataBytes: number): string {
  const bytes = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  try {
    parseSafetensorsHeader(bytes, 8 + bytes.length + dataBytes, 'x.safetensors');
  } catch (error) {
    if (isEngineError(error, 'ERR_CHECKPOINT') && error.details.file === 'x.safetensors') return error.details.problem;
    throw error;
  }
  return 'accepted';
}

const tensor = (begin: unknown, end: unknown, shape: unknown = [2], dtype: unknown = 'F32') => ({ dtype, shape, data_offsets: [begin, end] });
const header = (tensors: object) => JSON.stringify(tensors);

test('a healthy header gives absolute offsets in the order of the bytes', () => {
  const text = header({ __metadata__: { format: 'pt' }, b: tensor(8, 16), a: tensor(0, 8), empty: tensor(8, 8, [0, 3]), one: tensor(16, 18, [], 'BF16') });
  const bytes = new TextEncoder().encode(`${text}   `);
  const read = parseSafetensorsHeader(bytes, 8 + bytes.length + 18, 'x');
  expect(read.entries.map(({ name, begin, end }) => [name, begin - 8 - bytes.length, end - 8 - bytes.length]))
    .toEqual([['a', 0, 8], ['empty', 8, 8], ['b', 8, 16], ['one', 16, 18]]);
  expect(read.metadata.get('format')).toBe('pt');
});

test.each<[string, string | Uint8Array, number, RegExp]>([
  ['overlap', header({ a: tensor(0, 8), b: tensor(4, 12) }), 12, /tensor "b" overlaps tensor "a" by 4 bytes/],
  ['a hole', header({ a: tensor(0, 8), b: tensor(12, 20) }), 20, /tensor "b" begins 4 bytes after the end of tensor "a"/],
  ['a hole in front', header({ a: tensor(4, 12) }), 12, /hole/],
  ['bytes that belong to none', header({ a: tensor(0, 8) }), 12, /4 bytes after the last tensor/],
  ['data past the end', header({ a: tensor(0, 8) }), 7, /ends at 8, but the file holds 7/],
  ['offsets past 2^53', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551616]}}', 8, /data_offsets must be two/],
  ['extents whose product overflows', header({ a: tensor(0, 8, [4294967296, 4294967296]) }), 8, /needs .* bytes/],
  ['extents that multiply to 0 by overflow', header({ a: tensor(0, 0, [9007199254740991, 9007199254740991, 1024]) }), 0, /needs/],
  ['begin after end', header({ a: tensor(8, 0) }), 8, /begin at 8, after their end 0/],
  ['a shape that does not fit', header({ a: tensor(0, 8, [3]) }), 8, /\[3\] needs 12 bytes, data_offsets span 8/],
  ['an unknown dtype', header({ a: tensor(0, 8, [2], 'F31') }), 8, /unknown dtype "F31"/],
  ['a dtype that is no string', header({ a: tensor(0, 8, [2], 5) }), 8, /unknown dtype 5/],
  ['a negative extent', header({ a: tensor(0, 8, [-2]) }), 8, /shape must be a list of non-negative integers, not \[-2\]/],
  ['a fraction as extent', '{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', 8, /not \[2\.0\]/],
  ['an exponent as extent', '{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}', 8, /not \[2e0\]/],
  ['no shape', '{"a":{"dtype":"F32","data_offsets":[0,8]}}', 8, /shape must be .* not nothing/],
  ['three offsets', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}', 8, /two non-negative integers/],
  ['an unknown key', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}}', 8, /unknown key "strides"/],
  ['a tensor that is no object', '{"a":[]}', 0, /expected an object/],
  ['a tensor twice', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8, /"a" appears twice/],
  ['a tensor twice, one escaped', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8, /"a" appears twice/],
  ['no JSON', '{"a":', 0, /not JSON/],
  ['text behind the JSON', '{} x', 0, /expected the end/],
  ['no object', '[]', 0, /must begin with "\{"/],
  ['a space in front', ' {}', 0, /must begin with "\{"/],
  ['an empty header', '', 0, /must begin with "\{"/],
  ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 0, /not UTF-8/],
  ['metadata that is no object', '{"__metadata__":3}', 0, /__metadata__ must be an object/],
  ['metadata with a number', '{"__metadata__":{"format":3}}', 0, /__metadata__\.format must be a string/],
  ['a deep nest', `{"a":${'['.repeat(5000)}`, 0, /nested deeper/],
])('refused: %s', (_, text, dataBytes, expected) => {
  expect(problem(text, dataBytes)).toMatch(expected);
});

test('files that are too short, lie about their header or are not there are refused', async () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(0), /at least 8 bytes/],
    ['short', Uint8Array.of(1, 2, 3), /the file has 3/],
    ['lying', Buffer.concat([Buffer.from([200, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]), /claims 200 bytes, but only 2 follow/],
    ['huge', Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 0, 255]), Buffer.from('{}')]), /more than the 100000000 allowed/],
  ];
  for (const [name, bytes, expected] of cases) {
    const file = join(folder.path, name);
    await writeFile(file, bytes);
    await expect(readSafetensorsHeader(file)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', details: { file, problem: expect.stringMatching(expected) } });
  }
  await expect(readSafetensorsHeader(join(folder.path, 'absent'))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', details: { problem: /ENOENT/ } });
});

test('what is planned is read back: any names, dtypes and shapes', () => {
  const anyTensor = fc.record({
    name: fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => name !== '__metadata__'),
    dtype: fc.constantFrom('F64', 'F32', 'BF16', 'F16'),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
  });
  fc.assert(fc.property(fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 6 }), (tensors) => {
    const plan = planSafetensors(tensors);
    expect(plan.header.length % 8).toBe(0);
    const read = parseSafetensorsHeader(plan.header.subarray(8), plan.fileBytes, 'x');
    const plain = (list: readonly { name: string; dtype: string; shape: readonly number[]; begin: number; end: number }[]) =>
      new Map(list.map(({ name, dtype, shape, begin, end }) => [name, { dtype, shape, begin, end }]));
    expect(plain(read.entries)).toEqual(plain(plan.entries));
    expect(planSafetensors([...tensors].reverse()).header).toEqual(plan.header);
  }), { numRuns: 200 });
});

test('a damaged header is refused or still covers the file exactly, and never throws anything else', () => {
  const good = safetensorsBytes([
    { name: 'a.weight', dtype: 'F32', shape: [2, 3], bytes: new Uint8Array(24) },
    { name: 'b.weight', dtype: 'BF16', shape: [5], bytes: new Uint8Array(10) },
  ]);
  const headerLength = Number(good.readBigUInt64LE(0));
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(headerLength - 1), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('0123456789[]{}",:-.e')))), { minLength: 1, maxLength: 4 }),
    fc.integer({ min: -3, max: 3 }),
    (edits, grow) => {
      const bytes = Uint8Array.from(good.subarray(8, 8 + headerLength));
      for (const [at, byte] of edits) bytes[at] = byte;
      const fileBytes = good.length + grow;
      try {
        const { entries } = parseSafetensorsHeader(bytes, fileBytes, 'x');
        expect(entries.reduce((sum, { begin, end }) => sum + end - begin, 8 + headerLength)).toBe(fileBytes);
      } catch (error) {
        if (!isEngineError(error, 'ERR_CHECKPOINT')) throw error;
      }
    }), { numRuns: 1500 });
});

test('the strict reader agrees with JSON.parse wherever it accepts', () => {
  const plain = (value: unknown): unknown => {
    if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
    if (Array.isArray(value)) return value.map(plain);
    return typeof value === 'object' && value !== null ? Number((value as { text: string }).text) : value;
  };
  fc.assert(fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom('', ' ', '\n'), (text, space) => {
    expect(JSON.stringify(plain(parseStrictJson(space + text + space)))).toBe(JSON.stringify(JSON.parse(text)));
  }));
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\u12.e-tnrfals ') }), (text) => {
    let ours: unknown;
    try {
      ours = plain(parseStrictJson(text));
    } catch (error) {
      expect((error as Error).name).toBe('SyntaxError');
      return;
    }
    expect(ours).toEqual(JSON.parse(text));
  }), { numRuns: 1000 });
});
