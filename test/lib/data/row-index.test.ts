// Any row of a file on its own: the same as reading through, whatever its number; and what cannot be reached.
import { appendFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RowIndex } from '../../../lib/data/row-index.js';
import { openSource } from '../../../lib/data/source.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
const options = { folder: `${folder.path}/index` };
const parquet = path.join(__dirname, 'fixtures', 'rows-snappy.parquet');

const jsonl = folder.write('a.jsonl', `\ufeff${Array.from({ length: 2500 }, (_, i) => `${JSON.stringify({ text: `row ${i} é😀 ${'x'.repeat(i % 300)}` })}${i % 7 === 0 ? '\r\n\n  \n' : '\n'}`).join('')}`);
const csv = folder.write('b.csv', `text,n\n${Array.from({ length: 900 }, (_, i) => `"line ${i}\n""q"" ${'y'.repeat(i % 200)}",${i}\n${i % 5 === 0 ? '\n' : ''}`).join('')}`);

async function through(file: string) {
  const values: unknown[] = [];
  for await (const { value } of await openSource(file)) values.push({ ...value });
  return values;
}

test.each([['JSON Lines', jsonl], ['CSV', csv], ['Parquet', parquet]])('every row of %s, in any order, is what reading through gives', async (_, file) => {
  const all = await through(file);
  const index = await RowIndex.open([file], options);
  expect(index.length).toBe(all.length);
  const order = index.order(3, 0);
  const shuffled = all.map((_, i) => order(i));
  expect([...shuffled].sort((a, b) => a - b)).toEqual(all.map((_, i) => i));
  const read = await index.read(shuffled);
  expect(read.map((row) => ('value' in row ? { ...row.value } : row))).toEqual(shuffled.map((row) => all[row]));
  expect(read.map((row) => ('index' in row ? row.index : -1))).toEqual(shuffled);
  await index.close();
});

test('several files are one set; row groups stay together in its order', async () => {
  const files = [jsonl, parquet, csv];
  const index = await RowIndex.open(files, options);
  const all = (await Promise.all(files.map(through))).flat();
  const order = index.order(5, 1);
  const places = all.map((_, i) => order(i));
  expect(new Set(places).size).toBe(all.length);
  for (const [begin, end] of [[2500, 2504], [2504, 2507]] as const) {
    const group = [...places.keys()].filter((i) => places[i]! >= begin && places[i]! < end);
    expect(group.at(-1)! - group[0]!).toBe(end - begin - 1);
  }
  const some = [0, 2499, 2500, 2506, 2507, all.length - 1];
  expect((await index.read(some)).map((row) => ('value' in row ? { ...row.value } : row))).toEqual(some.map((row) => all[row]));
  await index.close();
});

test('an index is used again, and made anew when the data has changed', async () => {
  const file = folder.write('c.jsonl', '{"text":"a"}\n{"text":"b"}\n');
  let scanned = 0;
  const open = () => RowIndex.open([file], { ...options, onProgress: () => { scanned++; } });
  for (let i = 0; i < 2; i++) await (await open()).close();
  expect(scanned).toBe(1);
  appendFileSync(file, '{"text":"c"}');
  const longer = await open();
  expect([longer.length, scanned > 1]).toEqual([3, true]);
  await longer.close();
  writeFileSync(file, '{"text":"a"}\n{"text":"b"}\n{"text":"d"}');
  utimesSync(file, new Date(), new Date(Date.now() + 5000));
  const changed = await open();
  expect(((await changed.read([2]))[0] as unknown as { value: { text: string } }).value.text).toBe('d');
  await changed.close();
  expect(readdirSync(options.folder).every((name) => name.endsWith('.rows'))).toBe(true);
});

test('bad rows are told of one by one, by their number', async () => {
  const file = folder.write('d.jsonl', '{"text":"a"}\nbroken\n{"text":"b"}');
  const index = await RowIndex.open([file], { ...options, maxRowBytes: 1024 });
  const [a, bad, b] = await index.read([0, 1, 2]);
  expect([a, b].map((row) => (row as { value: unknown }).value)).toEqual([{ text: 'a' }, { text: 'b' }]);
  expect(bad).toMatchObject({ file, row: 2, reason: expect.stringMatching(/row 2: expected one JSON object/) });
  await index.close();
});

test.each([['x.json', '[]', /Write it as JSON Lines/], ['x.jsonl.gz', '', /Unpack it/]])('%s is refused', async (name, content, message) => {
  const file = folder.write(name, content);
  expect((await rejection(RowIndex.open([file], options))).message).toMatch(message);
});
