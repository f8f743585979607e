// The quality filters against datatrove's own answers on 5,200 documents, decision and reason, and MinHash against its signatures.
// golden/make.py makes both files.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { minHashOptions } from '../../../lib/curate/minhash-options.js';
import { QUALITY_FILTERS, firstReason, judgeQuality } from '../../../lib/curate/quality.js';
import { Signatures } from '../../../lib/curate/signatures.js';

const golden = join(__dirname, 'golden');
const { table, reasons, documents } = JSON.parse(brotliDecompressSync(readFileSync(join(golden, 'quality.json.br'))).toString()) as
  { table: string[]; reasons: number[]; documents: string[] };
const expected = documents.map((_, row) => QUALITY_FILTERS.map((_filter, at) => table[reasons[row * 4 + at]!]!));

test('the corpus has what it should', () => {
  expect(documents.length).toBeGreaterThanOrEqual(5000);
  expect(table.length).toBeGreaterThanOrEqual(30);
  for (let at = 0; at < 4; at++) {
    const kept = expected.filter((row) => row[at] === '').length;
    expect(kept).toBeGreaterThan(500);
    expect(documents.length - kept).toBeGreaterThan(500);
  }
});

test('every decision and reason is datatrove\'s', async () => {
  const own = await judgeQuality(documents);
  const wrong = own.flatMap((row, at) => (row.join() === expected[at]!.join() ? [] : [{ at, own: row, expected: expected[at] }]));
  expect(wrong).toEqual([]);
});

test.each(QUALITY_FILTERS.map((filter, at) => [filter, at] as const))('%s alone says the same', async (filter, at) => {
  const some = documents.slice(0, 300);
  const own = await judgeQuality(some, { filters: [filter] });
  expect(own).toEqual(some.map((_, row) => QUALITY_FILTERS.map((_name, place) => (place === at ? expected[row]![at] : ''))));
});

test('limits can be changed, and are checked', async () => {
  const text = 'The cat sat with the dog and that was all there was to it.';
  expect(firstReason((await judgeQuality([text], { filters: ['gopher-quality'] }))[0]!)).toBe('gopher-quality: gopher_short_doc');
  expect(firstReason((await judgeQuality([text], { filters: ['gopher-quality'], limits: { minWords: 5 } }))[0]!)).toBe('');
  await expect(judgeQuality([text], { limits: { minWords: 'five' as unknown as number } })).rejects.toThrow('limits.minWords');
});

test('MinHash signatures are datatrove\'s', async () => {
  const { documents: chosen, minima } = JSON.parse(readFileSync(join(golden, 'minhash.json'), 'utf8')) as { documents: string[]; minima: number[][] };
  const signatures = new Signatures(minHashOptions('datatrove', { short: 'skip' }));
  await signatures.add(chosen);
  expect(minima.filter((row) => row.length > 0).length).toBeGreaterThan(50);
  const own = chosen.map((_, row) => [...signatures.minima.subarray(row * 112, row * 112 + 112)]);
  expect(own).toEqual(minima.map((row) => (row.length > 0 ? row : Array.from({ length: 112 }, () => 0))));
});
