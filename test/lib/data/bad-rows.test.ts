// Rows that cannot be used: counted, named by file and line, kept aside, and everything around them still read. Fuzzed
// readers end, in bounded time, with rows and with ERR_DATA only.
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { existsSync, readFileSync, unlinkSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { BadRowKeeper, type BadRow } from '../../../lib/data/bad-rows.js';
import { openSource } from '../../../lib/data/source.js';
import type { ReadRowsOptions } from '../../../lib/data/row.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
let number = 0;

async function read(content: string | Uint8Array, ending: string, options: ReadRowsOptions = {}) {
  const file = folder.write(`b${number++}.${ending}`, content);
  const bad: BadRow[] = [];
  const rows: unknown[] = [];
  for await (const { value, row } of await openSource(file, { onBad: (one) => bad.push(one), ...options })) rows.push([row, value.text]);
  return { file, rows, bad: bad.map(({ row, reason }) => [row, reason] as const), raw: bad.map(({ raw }) => raw?.toString()) };
}

test.each<[string, string, string | Uint8Array, readonly unknown[], readonly (readonly [number, RegExp])[]]>([
  ['invalid UTF-8', 'jsonl', Buffer.concat([Buffer.from('{"text":"a"}\n{"text":"'), Buffer.from([0xff, 0xc0]), Buffer.from('"}\n{"text":"b"}\n')]),
    [[1, 'a'], [3, 'b']], [[2, /UTF-8/]]],
  ['a truncated line', 'jsonl', '{"text":"a"}\n{"text":"b\n{"text":"c"}', [[1, 'a'], [3, 'c']], [[2, /one JSON object/]]],
  ['a truncated last line', 'jsonl', '{"text":"a"}\n{"text":"b', [[1, 'a']], [[2, /one JSON object/]]],
  ['other types', 'jsonl', '[1]\n7\n"x"\nnull\n{"text":"a"}', [[5, 'a']], [[1, /list/], [2, /number 7/], [3, /"x"/], [4, /null/]]],
  ['NaN', 'jsonl', '{"text":"a","x":NaN}\n{"text":"b"}', [[2, 'b']], [[1, /no NaN/]]],
  ['CRLF and a byte order mark', 'jsonl', '\ufeff{"text":"a"}\r\nnope\r\n{"text":"b"}\r\n', [[1, 'a'], [3, 'b']], [[2, /nope/]]],
  ['nesting without end', 'jsonl', `{"text":"a","x":${'['.repeat(5000)}${']'.repeat(5000)}}\n{"text":"b"}`, [[2, 'b']], [[1, /nested at most 100/]]],
  ['a bad element', 'json', '[{"text":"a"}, 7, {"text":"b"}, {"text" "c"}, {"text":"d"}]', [[1, 'a'], [3, 'b'], [5, 'd']], [[2, /number 7/], [4, /JSON object/]]],
  ['an array that is cut off', 'json', '[{"text":"a"},{"text":"b', [[1, 'a']], [[2, /cut off/]]],
  ['columns', 'csv', 'text,x\na,1\nb\nc,1,2\nd,4\n', [[2, 'a'], [5, 'd']], [[3, /expected 2 columns/], [4, /came 3/]]],
  ['a stray quote', 'csv', 'text,x\na,1\nb"c,2\nd,4\n', [[2, 'a'], [4, 'd']], [[3, /quote/]]],
  ['a quote that is never closed', 'csv', 'text,x\na,1\n"b,2\nd,4\ne,5\n', [[2, 'a'], [4, 'd'], [5, 'e']], [[3, /never closed/]]],
  ['invalid UTF-8 in CSV', 'csv', Buffer.concat([Buffer.from('text,x\na,1\n'), Buffer.from([0xe9]), Buffer.from(',2\nd,4\n')]),
    [[2, 'a'], [4, 'd']], [[3, /UTF-8/]]],
  ['a compressed file that is cut off', 'jsonl.gz', gzipSync(Array.from({ length: 9000 }, (_, i) => `{"text":"a","n":${i * 7919 % 9973}}\n`).join('')).subarray(0, 15000),
    expect.arrayContaining([[1, 'a'], [2, 'a']]) as unknown as unknown[], [[undefined as unknown as number, /complete gzip/]]],
])('%s (%s): the rest is read', async (_, ending, content, rows, bad) => {
  const result = await read(content, ending);
  expect(result.rows).toEqual(rows);
  expect(result.bad.map(([row]) => row)).toEqual(bad.map(([row]) => row));
  bad.forEach(([, reason], i) => expect(result.bad[i]?.[1]).toMatch(reason));
});

test.each(['jsonl', 'json', 'csv'])('a row of 50 MB in a %s file is refused without being held', async (ending) => {
  const big = Buffer.alloc(50 * 2 ** 20, 'x');
  const wrap: Record<string, readonly [string, string]> = {
    jsonl: ['{"text":"a"}\n{"text":"', '"}\n{"text":"b"}\n'], json: ['[{"text":"a"},{"text":"', '"},{"text":"b"}]'], csv: ['text\na\n"', '"\nb\n'],
  };
  const [before, after] = wrap[ending] as readonly [string, string];
  const begin = performance.now();
  const { rows, bad, raw } = await read(Buffer.concat([Buffer.from(before), big, Buffer.from(after)]), ending);
  expect(rows.map((row) => (row as unknown[])[1])).toEqual(['a', 'b']);
  expect(bad.length).toBe(1);
  expect(bad[0]?.[1]).toMatch(/at most (32 MB|33554432 bytes)/);
  expect(raw[0]?.length).toBe(64 * 1024);
  expect(performance.now() - begin).toBeLessThan(10_000);
}, 20_000);

test('a zip bomb ends after a bounded part of it', async () => {
  const { createGzip } = await import('node:zlib');
  const { createWriteStream } = await import('node:fs');
  const { pipeline } = await import('node:stream/promises');
  const file = `${folder.path}/bomb.jsonl.gz`;
  const zeros = Buffer.alloc(1 << 20, 32);
  await pipeline(async function* () { for (let i = 0; i < 90; i++) yield zeros; }, createGzip({ level: 6 }), createWriteStream(file));
  const bad: BadRow[] = [];
  const rows: unknown[] = [];
  for await (const row of await openSource(file, { onBad: (one) => bad.push(one) })) rows.push(row);
  expect(rows).toEqual([]);
  expect(bad.at(-1)?.reason).toMatch(/grows to more than 400 times/);
  expect((await rejection((async () => { for await (const _ of await openSource(file)); })())).code).toBe('ERR_DATA');
}, 30_000);

test('what is missing altogether is an error all the same', async () => {
  const file = folder.write('gone.jsonl', '{}');
  const source = await openSource(file, { onBad: () => undefined });
  unlinkSync(file);
  expect((await rejection((async () => { for await (const _ of source); })())).message).toMatch(/does not exist/);
});

test('bad rows are kept aside as they were, bytes that are no text too, and an old file goes when there are none', async () => {
  const file = folder.write('keep.jsonl', Buffer.concat([Buffer.from('nope\n'), Buffer.from([0x7b, 0xff, 0x7d, 0x0a]), Buffer.from('{"text":"a"}')]));
  const aside = `${folder.path}/aside/bad-rows.jsonl`;
  const keeper = new BadRowKeeper(aside);
  for await (const _ of await openSource(file, { onBad: keeper.add }));
  const summary = await keeper.close();
  expect([summary.count, summary.keptIn]).toEqual([2, aside]);
  const kept = readFileSync(aside, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(kept.map(({ file: name, row, text, base64 }) => [name, row, text, base64])).toEqual([[file, 1, 'nope', undefined], [file, 2, undefined, 'e/99']]);
  expect((await new BadRowKeeper(aside).close()).count).toBe(0);
  expect(existsSync(aside)).toBe(false);
});

const piece = fc.constantFrom(
  '{"text":"a"}', '[', ']', '{', '}', ',', '"', '\\', '\n', '\r\n', '\r', '\t', 'a', 'é', '😀', '1e999', 'NaN', '""', '\ufeff', 'text', ' ', '\u0000', '{"text":',
);

test('random text in any format ends with rows and bad rows, never with anything else', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 60 }), fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom('jsonl', 'json', 'csv', 'tsv', 'txt', 'parquet', 'arrow', 'jsonl.gz', 'jsonl.zst'),
      fc.boolean(),
      async (pieces, bytes, ending, pack) => {
        const plain = Buffer.concat([Buffer.from(pieces.join('')), bytes]);
        const content = pack && ending.endsWith('.gz') ? gzipSync(plain) : plain;
        await read(content, ending, { maxRowBytes: 40 });
        await read(content, ending);
        await openSource(folder.write(`f.${ending}`, content)).then(async (source) => { for await (const _ of source); })
          .catch((error: { code: string }) => expect(error.code).toBe('ERR_DATA'));
      },
    ),
    { numRuns: 150, interruptAfterTimeLimit: 20_000 },
  );
}, 40_000);

const cell = fc.string({ unit: fc.constantFrom('a', 'b', '"', ',', '\n', '\r\n', ' ', 'é', '😀'), maxLength: 8 });

test('records are those of csv-parse, through chunk borders', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 12 }), fc.constantFrom('\n', '\r\n'), async (rows, end) => {
      const quote = (value: string) => (/[",\r\n]/.test(value) || value === '' ? `"${value.replaceAll('"', '""')}"` : value);
      const content = [['text', 'b', 'c'], ...rows].map((row) => row.map(quote).join(',')).join(end);
      const expected = (parse(content, { columns: true }) as { text: string }[]).map(({ text }) => text);
      const { rows: own, bad } = await read(content, 'csv');
      expect(bad).toEqual([]);
      expect(own.map((row) => (row as unknown[])[1])).toEqual(expected);
    }),
    { numRuns: 80 },
  );
  const long = Array.from({ length: 3000 }, (_, i) => [`${i} ${'"x", \n'.repeat(i % 60)}`, 'é'.repeat(i % 97), '']);
  const content = [['text', 'b', 'c'], ...long].map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(',')).join('\n');
  expect(content.length).toBeGreaterThan(800_000);
  expect((await read(content, 'csv')).rows.map((row) => (row as unknown[])[1])).toEqual(long.map(([text]) => text));
});
