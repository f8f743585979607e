// Files that break in the middle, and lines too long to be held: the rest of the set is judged, and what broke is kept with its place.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { clean } from '../../../lib/curate/clean.js';
import type { RemovedRow } from '../../../lib/curate/clean.js';
import { curateConfig } from '../../../lib/curate/curate-config.js';
import { undoClean } from '../../../lib/curate/undo.js';
import { readChunks } from '../../../lib/data/bytes.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
const config = curateConfig({ near: false, chat: false, exact: false });
const rows = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `${JSON.stringify({ text: `row ${from + i} of this file` })}\n`).join('');

async function cleaned(names: readonly string[]): Promise<{ readonly report: Awaited<ReturnType<typeof clean>>; readonly removed: readonly RemovedRow[]; readonly output: string }> {
  const output = join(folder.path, `out-${names.length}`);
  const report = await clean(names, config, { output });
  return { report, output, removed: readFileSync(`${output}/removed.jsonl`, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as RemovedRow) };
}

test('a compressed file that is cut off, a trap and UTF-16 end as files, and the next ones are read', async () => {
  const packed = gzipSync(Array.from({ length: 9000 }, (_, i) => `{"text":"a","n":${i * 7919 % 9973}}\n`).join(''));
  const files = [
    folder.write('a.jsonl', rows(0, 3)), folder.write('b.jsonl.gz', packed.subarray(0, 15000)), folder.write('c.jsonl.gz', gzipSync(Buffer.alloc(80 * 2 ** 20))),
    folder.write('d.jsonl', Buffer.from('\ufeff{"text":"a"}\n', 'utf16le')), folder.write('e.jsonl', rows(3, 5)),
  ];
  const { report, removed, output } = await cleaned(files);
  expect(report.files.map(({ kept }) => kept)).toEqual([3, expect.any(Number), 0, 0, 2]);
  expect(report.files[1]!.kept).toBeGreaterThan(100);
  expect(removed.map(({ file, step, detail }) => [file, step, detail])).toEqual([
    [files[1], 'bad-rows', expect.stringMatching(/complete gzip/)], [files[2], 'bad-rows', expect.stringMatching(/grows to more than 400 times/)],
    [files[3], 'bad-rows', expect.stringMatching(/UTF-16/)],
  ]);
  expect(removed[1]).toMatchObject({ row: 1, cut: true, text: '\0'.repeat(64 * 1024) });
  expect((await rejection(undoClean(output))).message).toMatch(/c\.jsonl\.gz.*too long to be kept/);
  expect((await undoClean(output, { steps: ['near-duplicates'] })).files.map(({ rows: restored }) => restored)).toEqual(report.files.map(({ kept }) => kept));
});

test('a line of 70 MB is named and not held; the file goes on behind it', async () => {
  const file = folder.write('long.jsonl', Buffer.concat([Buffer.from(rows(0, 1)), Buffer.alloc(70 * 2 ** 20, 'x'), Buffer.from(`\n${rows(1, 3)}`)]));
  const { report, removed } = await cleaned([file]);
  expect([report.kept, removed]).toMatchObject([3, [{ row: 2, cut: true, detail: expect.stringMatching(/at most 32 MB, came 70 MB/) as string }]]);
});

test('a Zstandard trap of eight gigabytes in 240 kB is left before it fills the machine', async () => {
  const block = (last: number): Buffer => Buffer.from([...[0, 8, 16].map((shift) => ((((128 * 1024) << 3) | (1 << 1) | last) >>> shift) & 255), 120]);
  const trap = folder.write('trap.jsonl.zst', Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x70]), ...Array.from({ length: 60_000 }, () => block(0)), block(1)]));
  let bytes = 0;
  const read = async (): Promise<void> => { for await (const chunk of readChunks(trap)) bytes += chunk.bytes.length; };
  expect((await rejection(read())).message).toMatch(/grows to more than 400 times/);
  expect(bytes).toBeLessThan(200 * 2 ** 20);
});
