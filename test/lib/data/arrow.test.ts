// Arrow files and streams that pyarrow wrote (fixtures/make_arrow.py), Zstandard, resuming, and damage at every place.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { BadRow } from '../../../lib/data/bad-rows.js';
import { openSource, type RawRow, type SourcePosition } from '../../../lib/data/source.js';
import { createUnzstd } from '../../../lib/data/zstd.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
const fixture = (name: string) => path.join(__dirname, 'fixtures', name);

async function rowsOf(file: string, from?: SourcePosition, onBad?: (bad: BadRow) => void): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  for await (const row of (await openSource(file, onBad === undefined ? {} : { onBad })).rows(from)) rows.push(row);
  return rows;
}

test.each(['rows.arrows', 'rows.arrow', 'rows-lz4.feather', 'rows-zstd.feather'])('%s gives the rows that were written', async (name) => {
  const rows = await rowsOf(fixture(name));
  expect(rows.map(({ row }) => row)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  rows.forEach(({ value }, i) =>
    expect(value).toEqual({
      messages: [{ role: 'user', content: `Q${i} 日本 😀` }, { role: 'assistant', content: `A${i}\nline `.repeat(40) }],
      id: i, big: (9007199254740993n + BigInt(i)).toString(), weight: 0.5 + 0.5 * i, empty: null, flag: i % 2 === 0,
    }));
  for (const at of [0, 2, 3, 6]) expect(await rowsOf(fixture(name), rows[at]?.after)).toEqual(rows.slice(at + 1));
});

test('every type becomes what JSON has for it', async () => {
  const [a, b, c] = (await rowsOf(fixture('types.arrow'))).map(({ value }) => value);
  expect(a).toEqual({
    large_text: 'a', view: 'short', label: 'x', i8: -1, u16: 65535, u64: '9223372036854775808', half: 0.5, single: 0.25,
    day: '2024-05-01T00:00:00.000Z', at: '2024-05-01T12:30:00.000Z', pair: [1, 2], deep: [['a'], []], bytes: 'AP8=', none: null,
    map: [{ key: 'k', value: 1 }],
  });
  expect(b).toMatchObject({ large_text: null, view: 'a text of more than twelve bytes', label: 'y', i8: null, single: null, deep: null });
  expect(c).toMatchObject({ large_text: 'ü'.repeat(20), view: null, label: 'x', half: 65504, day: '1969-12-31T00:00:00.000Z', pair: null });
});

test('a damaged Arrow file is refused by name or gives rows, at every place, and never another kind of error', async () => {
  for (const name of ['rows.arrows', 'rows-lz4.feather', 'rows-zstd.feather', 'types.arrow']) {
    const bytes = readFileSync(fixture(name));
    for (let at = 0; at < bytes.length; at += name === 'rows.arrows' ? 17 : 31) {
      const hurt = Buffer.from(bytes);
      hurt[at] = (hurt[at] as number) ^ (at % 2 === 0 ? 0xff : 0x10);
      const file = folder.write('hurt.arrow', hurt);
      await rowsOf(file).catch((error: { code: string }) => expect(error.code).toBe('ERR_DATA'));
      await rowsOf(file, undefined, () => undefined);
    }
    for (const size of [0, 5, 8, 20, 200, bytes.length >> 1, bytes.length - 40]) {
      const file = folder.write('cut.arrow', bytes.subarray(0, size));
      if (size < 21) expect((await rejection(rowsOf(file))).message).toMatch(/Arrow file/);
      else await rowsOf(file).catch((error: { code: string }) => expect(error.code).toBe('ERR_DATA'));
    }
  }
}, 30_000);

test('Zstandard in several frames reads as the plain text, also from the middle', async () => {
  const rows = await rowsOf(fixture('rows.jsonl.zst'));
  expect(rows.map(({ value }) => value.text)).toEqual(Array.from({ length: 3000 }, (_, i) => `row ${i} ${'x'.repeat(i % 50)}`));
  expect(await rowsOf(fixture('rows.jsonl.zst'), rows[2000]?.after)).toEqual(rows.slice(2001));
});

test('Node\'s own Zstandard and fzstd give the same bytes, and a cut file is named', async () => {
  const bytes = readFileSync(fixture('rows.jsonl.zst'));
  const unpack = async (own?: Parameters<typeof createUnzstd>[0]) => {
    const stream = createUnzstd(own);
    stream.end(bytes);
    return Buffer.concat(await stream.toArray() as Buffer[]);
  };
  expect((await unpack()).equals(await unpack(undefined))).toBe(true);
  const cut = folder.write('cut.jsonl.zst', bytes.subarray(0, bytes.length - 100));
  expect((await rejection(rowsOf(cut))).message).toMatch(/cut\.jsonl\.zst.*complete zstd/);
  const other = folder.write('no.jsonl.zst', '{"text":"plain"}\n');
  expect((await rejection(rowsOf(other))).message).toMatch(/complete zstd/);
});
