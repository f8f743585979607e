// CSV, TSV, Parquet and plain text: values, row numbers, resuming, damaged files.
import * as fc from 'fast-check';
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openSource, type RawRow, type SourcePosition } from '../../../lib/data/source.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
let number = 0;

async function rowsOf(
  file: string,
  from?: SourcePosition,
  textSplit?: 'file' | 'paragraph' | 'line',
): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  const source = await openSource(file, textSplit === undefined ? {} : { textSplit });
  for await (const row of source.rows(from)) rows.push(row);
  return rows;
}

const quote = (value: string, always: boolean) =>
  always || /[",\t\r\n]/.test(value) || value === '' ? `"${value.replace(/"/g, '""')}"` : value;
const cell = fc.string({
  unit: fc.constantFrom('a', '"', ',', '\t', '\n', '\r\n', ' ', 'é', '日', '😀', '\\', ';'),
  maxLength: 12,
});

test('CSV and TSV give back every value, whatever stands in it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('csv', 'tsv'),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      async (rows, kind, end, mark, last, always) => {
        const delimiter = kind === 'csv' ? ',' : '\t';
        const lines = [['prompt', 'completion'], ...rows].map((row) =>
          row.map((value) => quote(value, always)).join(delimiter),
        );
        const file = folder.write(`p${number++}.${kind}`, (mark ? '\ufeff' : '') + lines.join(end) + (last ? end : ''));
        expect((await rowsOf(file)).map(({ value }) => [value.prompt, value.completion])).toEqual(rows);
      },
    ),
    { numRuns: 80 },
  );
});

test('rows are numbered by the line where they start, also across quoted line ends and blank lines', async () => {
  for (const end of ['\n', '\r\n']) {
    const file = folder.write(
      `l${number++}.csv`,
      ['text,weight', 'one,2', '', '"two', '', 'lines",0.5', 'x,1', '', '', 'last,3'].join(end),
    );
    const rows = await rowsOf(file);
    expect(rows.map(({ value, row }) => [value.text, value.weight, row])).toEqual([
      ['one', 2, 2],
      [`two${end}${end}lines`, 0.5, 4],
      ['x', 1, 7],
      ['last', 3, 10],
    ]);
  }
});

test('a CSV file can be taken up after any row, across chunk borders', async () => {
  const rows = Array.from({ length: 1200 }, (_, i) => [
    `${i}`,
    `${'日本 '.repeat(i % 80)}"q", ${i % 3 === 0 ? '\nnew line' : ''}`,
  ]);
  const file = folder.write(
    'resume.csv',
    `\ufeffprompt,completion\n${rows.map((row) => row.map((value) => quote(value, false)).join(',')).join('\n')}`,
  );
  const all = await rowsOf(file);
  expect(all.map(({ value }) => [value.prompt, value.completion])).toEqual(rows);
  for (const at of [0, 845, 1198]) expect(await rowsOf(file, all[at]?.after)).toEqual(all.slice(at + 1));
});

test.each([
  ['a row with too many values', 'text,weight\na,1\nb,2,3\n', 3, /row 3.*expected 2 columns \(text, weight\), came 3/],
  ['a quote that is never closed', 'text\n"a\nb\n', 2, /never closed/],
  ['a quote in the middle', 'text\nok\na"b\n', 3, /row 3.*quote/i],
  ['two columns of one name', 'text,text\na,b\n', 1, /"text" twice/],
  ['semicolons', 'prompt;completion\na;b\n', 1, /separated by commas/],
])('%s is refused with file and row', async (_, content, row, message) => {
  const file = folder.write(`bad${number++}.csv`, content);
  const error = await rejection(rowsOf(file));
  expect([error.code, error.details.file, error.details.row]).toEqual(['ERR_DATA', file, row]);
  expect(error.message).toMatch(message);
});

test('CSV that is not UTF-8 is refused', async () => {
  const file = folder.write(
    'latin.csv',
    Buffer.concat([Buffer.from('text\n'), Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x0a])]),
  );
  expect((await rejection(rowsOf(file))).message).toMatch(/expected UTF-8 text/);
});

test('plain text is one document, or paragraphs, or lines', async () => {
  const content = '\ufeffOne.\r\nStill one.\r\n\r\n\r\nTwo é日😀.\r\n   \r\nThree.';
  const file = folder.write('t.txt', content);
  const texts = async (split?: 'file' | 'paragraph' | 'line') =>
    (await rowsOf(file, undefined, split)).map(({ value, row }) => [value.text, row]);
  expect(await texts()).toEqual([['One.\nStill one.\n\n\nTwo é日😀.\n   \nThree.', 1]]);
  expect(await texts('paragraph')).toEqual([
    ['One.\nStill one.', 1],
    ['Two é日😀.', 5],
    ['Three.', 7],
  ]);
  expect(await texts('line')).toEqual([
    ['One.', 1],
    ['Still one.', 2],
    ['Two é日😀.', 5],
    ['Three.', 7],
  ]);
  const all = await rowsOf(file, undefined, 'paragraph');
  expect(await rowsOf(file, all[0]?.after, 'paragraph')).toEqual(all.slice(1));
  expect(await rowsOf(folder.write('empty.txt', '\n \n'))).toEqual([]);
});

const parquet = (name: string) => path.join(__dirname, 'fixtures', name);

test.each(['none', 'snappy', 'gzip', 'zstd'])(
  'Parquet (%s): nested messages, 64-bit numbers, dates, nulls',
  async (codec) => {
    const rows = await rowsOf(parquet(`rows-${codec}.parquet`));
    expect(rows.length).toBe(7);
    expect(rows[2]?.row).toBe(3);
    expect(rows[2]?.value).toEqual({
      messages: [
        { role: 'user', content: 'Q2 日本 😀' },
        { role: 'assistant', content: 'A2\nline' },
      ],
      id: 2,
      big: '9007199254740995',
      when: '2024-05-03T00:00:00.000Z',
      weight: 1.5,
      empty: null,
    });
  },
);

test('a Parquet file can be taken up after any row, across row groups', async () => {
  const file = parquet('rows-snappy.parquet');
  const all = await rowsOf(file);
  for (const at of [0, 2, 3, 5, 6]) expect(await rowsOf(file, all[at]?.after)).toEqual(all.slice(at + 1));
});

test('a truncated or overwritten Parquet file is refused by name, at every length', async () => {
  const bytes = readFileSync(parquet('rows-gzip.parquet'));
  for (const size of [0, 3, 11, 12, 100, bytes.length >> 1, bytes.length - 4, bytes.length - 1]) {
    const file = folder.write(`cut${size}.parquet`, bytes.subarray(0, size));
    const error = await rejection(rowsOf(file));
    expect([error.code, error.details.file]).toEqual(['ERR_DATA', file]);
    expect(error.message).toMatch(/Parquet file/);
  }
  const lying = Buffer.from(bytes);
  lying.writeUInt32LE(0xffffff, bytes.length - 8);
  expect((await rejection(rowsOf(folder.write('lying.parquet', lying)))).message).toMatch(/a footer of 16777215 bytes/);
  // Damage in the pages or in the footer: an error or the untouched rows, never a crash, never another kind of error.
  const whole = JSON.stringify((await rowsOf(parquet('rows-gzip.parquet'))).map(({ value }) => value));
  let refused = 0;
  for (let at = 4; at < bytes.length - 8; at += 29) {
    const hurt = Buffer.from(bytes);
    hurt[at] = (hurt[at] as number) ^ 0xff;
    const file = folder.write('hurt.parquet', hurt);
    const outcome = await rowsOf(file).then(
      (rows) => JSON.stringify(rows.map(({ value }) => value)),
      (error: Error & { code: string }) => error.code,
    );
    if (outcome === 'ERR_DATA') refused++;
    else if (outcome !== whole) expect(outcome.startsWith('[')).toBe(true);
  }
  expect(refused).toBeGreaterThan(10);
});

test('a file with the wrong ending is refused', async () => {
  const file = path.join(folder.path, 'really.parquet');
  copyFileSync(__filename, file);
  expect((await rejection(rowsOf(file))).message).toMatch(/starts and ends with "PAR1"/);
});
