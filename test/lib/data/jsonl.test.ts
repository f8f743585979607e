// JSON Lines and JSON arrays: splitting, offsets, resuming, and what broken files say.
import * as fc from 'fast-check';
import { createWriteStream } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { openSource, type RawRow, type SourcePosition } from '../../../lib/data/source.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
let number = 0;

async function rowsOf(file: string, from?: SourcePosition): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  for await (const row of (await openSource(file)).rows(from)) rows.push(row);
  return rows;
}

const texts = async (content: string | Uint8Array, ending = 'jsonl') =>
  (await rowsOf(folder.write(`t${number++}.${ending}`, content))).map(({ value }) => value.text);

const text = fc.string({
  unit: fc.constantFrom(
    'a',
    '"',
    '\\',
    '\n',
    '\r',
    '\u2028',
    ' ',
    'é',
    'e\u0301',
    '日',
    '😀',
    '👩‍👩‍👧',
    '\u0000',
    ',',
    '[',
    '}',
  ),
  maxLength: 40,
});

test('every row comes back, whatever the line ends, blank lines and missing last line end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { maxLength: 30 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      async (rows, end, mark, last, blank) => {
        const lines = rows
          .map((row) => JSON.stringify({ text: row }))
          .flatMap((line) => (blank ? [line, '', '  '] : [line]));
        const content = (mark ? '\ufeff' : '') + lines.join(end) + (last ? end : '');
        expect(await texts(content)).toEqual(rows);
      },
    ),
    { numRuns: 60 },
  );
});

test('JSON arrays give the same rows, with any white space between elements', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 20 }), fc.constantFrom(undefined, 2, '\t'), async (rows, indent) => {
      expect(
        await texts(
          JSON.stringify(
            rows.map((row) => ({ text: row, deep: { list: [1, [2, '],['], {}] } })),
            null,
            indent,
          ),
          'json',
        ),
      ).toEqual(rows);
    }),
    { numRuns: 60 },
  );
});

test.each(['jsonl', 'json'])('a %s file can be taken up after any row, across chunk borders', async (ending) => {
  const rows = Array.from({ length: 3000 }, (_, i) => ({ text: `${'日😀'.repeat(i % 97)} ${i}` }));
  const content = ending === 'json' ? JSON.stringify(rows) : rows.map((row) => JSON.stringify(row)).join('\r\n');
  expect(Buffer.byteLength(content)).toBeGreaterThan(600_000);
  const file = folder.write(`resume.${ending}`, content);
  const all = await rowsOf(file);
  expect(all.map(({ value }) => value)).toEqual(rows);
  for (const at of [0, 1, 777, 1500, 2998, 2999]) {
    const rest = await rowsOf(file, all[at]?.after);
    expect(rest).toEqual(all.slice(at + 1));
  }
});

test('rows are numbered by line in their file and by index over all files', async () => {
  folder.write('many/b.jsonl', '{"text":"3"}\n');
  folder.write('many/a.jsonl', '\n{"text":"1"}\n\n{"text":"2"}');
  const rows = await rowsOf(`${folder.path}/many`);
  expect(rows.map(({ value, row, index }) => [value.text, row, index])).toEqual([
    ['1', 2, 0],
    ['2', 4, 1],
    ['3', 1, 2],
  ]);
});

test('a compressed file reads as the plain one, also from the middle', async () => {
  const lines = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ text: `row ${i} ${'x'.repeat(i % 200)}` }));
  const file = folder.write('z.jsonl.gz', gzipSync(lines.join('\n')));
  const all = await rowsOf(file);
  expect(all.length).toBe(5000);
  expect(await rowsOf(file, all[3210]?.after)).toEqual(all.slice(3211));
  const cut = folder.write('cut.jsonl.gz', gzipSync(lines.join('\n')).subarray(0, 4000));
  const error = await rejection(rowsOf(cut));
  expect(error.code).toBe('ERR_DATA');
  expect(error.message).toMatch(/cut\.jsonl\.gz.*complete gzip/);
});

test.each([
  ['broken JSON', 'jsonl', '{"text":"a"}\n{"text": nope}\n', 2, /row 2.*one JSON object.*nope/],
  ['a list in a line', 'jsonl', '{"text":"a"}\n[1]\n', 2, /row 2.*a list of 1/],
  ['an array file with the wrong ending', 'jsonl', '[{"text":"a"}]', 1, /name it \.json/],
  ['indented JSON', 'jsonl', '{\n "text": "a"\n}', 1, /indented/],
  [
    'bytes that are not UTF-8',
    'jsonl',
    Buffer.from([0x7b, 0x22, 0x74, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]),
    1,
    /UTF-8/,
  ],
  ['UTF-16', 'jsonl', Buffer.from('\ufeff{"text":"a"}', 'utf16le'), undefined, /UTF-16.*iconv/],
  ['an array that is cut off', 'json', '[{"text":"a"},{"text":"b', 2, /cut off/],
  ['a number among the elements', 'json', '[{"text":"a"}, 7]', 2, /row 2.*number 7/],
  ['a missing comma', 'json', '[{"text":"a"} {"text":"b"}]', 1, /one JSON object/],
  ['two commas', 'json', '[{"text":"a"},,{"text":"b"}]', 2, /second comma/],
  ['a comma at the end', 'json', '[{"text":"a"},]', 2, /Remove the comma/],
  ['an object instead of an array', 'json', '{"text":"a"}', 1, /\.jsonl/],
  ['something after the array', 'json', '[{"text":"a"}] x', 1, /after the array/],
  ['an empty .json file', 'json', '', 1, /empty/],
])('%s is refused with file and row', async (_, ending, content, row, message) => {
  const file = folder.write(`bad${number++}.${ending}`, content);
  const error = await rejection(rowsOf(file));
  expect(error.code).toBe('ERR_DATA');
  expect(error.details.file).toBe(file);
  expect(error.details.row).toBe(row);
  expect(error.message).toMatch(message);
});

test('a 48 MB file streams with little memory', async () => {
  const line = `${JSON.stringify({ text: 'word 日本 '.repeat(100) })}\n`;
  const block = line.repeat(Math.ceil((1 << 20) / Buffer.byteLength(line)));
  const file = `${folder.path}/large.jsonl`;
  const out = createWriteStream(file);
  for (let i = 0; i < 48; i++) out.write(block);
  await new Promise((resolve) => out.end(resolve));
  const perBlock = block.split('\n').length - 1;
  let rows = 0,
    most = 0;
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  for await (const batch of (await openSource(file)).batches()) {
    rows += batch.length;
    if (rows % (perBlock * 4) < batch.length) {
      const { arrayBuffers, heapUsed } = process.memoryUsage();
      most = Math.max(most, arrayBuffers + heapUsed - before);
    }
  }
  expect(rows).toBe(48 * perBlock);
  // Garbage that nobody has collected yet included; the file as text would be over 60 MB.
  expect(most).toBeLessThan(45e6);
});

test('reading stops when it is aborted', async () => {
  const file = folder.write('abort.jsonl', `${JSON.stringify({ text: 'x'.repeat(1000) })}\n`.repeat(2000));
  const control = new AbortController();
  const source = await openSource(file, { signal: control.signal });
  const reading = (async () => {
    for await (const _ of source.batches()) control.abort(new Error('enough'));
  })();
  await expect(reading).rejects.toThrow('enough');
});
