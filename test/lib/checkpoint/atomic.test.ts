// Writing that survives: old content or new content, nothing else, and no litter.
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFolderAtomic, removeLeftovers, writeFileAtomic, writeFolderAtomic, writeSynced } from '../../../lib/checkpoint/atomic.js';
import { scratch } from '../model/folder.js';

let root: Awaited<ReturnType<typeof scratch>>;
let count = 0;
beforeAll(async () => void (root = await scratch('atomic')));
afterAll(() => root.remove());
async function fresh(): Promise<string> {
  const folder = join(root.path, `d${(count += 1)}`);
  await mkdir(folder);
  return folder;
}
const text = (file: string) => readFile(file, 'utf8');
const full = { write: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })) };

test('a file is replaced as a whole and its digest reported', async () => {
  const file = join(await fresh(), 'f');
  await writeFileAtomic(file, Buffer.from('one'));
  const written = await writeFileAtomic(file, [Buffer.from('t'), Buffer.from('wo')]);
  expect(written).toEqual({ bytes: 3, sha256: '3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3' });
  expect(await text(file)).toBe('two');
});

test('a failing write leaves the old file and no other', async () => {
  const folder = await fresh();
  const file = join(folder, 'f');
  await writeFileAtomic(file, Buffer.from('old'));
  await expect(writeFileAtomic(file, Buffer.from('new'), full)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', details: { problem: 'no space left on the disk' } });
  async function* breaking(): AsyncIterable<Uint8Array> {
    yield Buffer.from('ne');
    throw new Error('source died');
  }
  await expect(writeFileAtomic(file, breaking())).rejects.toThrow(/source died/);
  expect(await text(file)).toBe('old');
  expect(await readdir(folder)).toEqual(['f']);
  await expect(writeFileAtomic(join(folder, 'no/such/f'), Buffer.from('x'))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT', message: /ENOENT/ });
});

test('a folder is replaced as a whole, or stays when filling it fails', async () => {
  const parent = await fresh();
  const folder = join(parent, 'x');
  const put = (name: string) => (temporary: string) => writeSynced(join(temporary, name), Buffer.from(name)).then(() => undefined);
  await writeFolderAtomic(folder, put('one'));
  await writeFolderAtomic(folder, put('two'));
  expect(await readdir(folder)).toEqual(['two']);
  await expect(writeFolderAtomic(folder, async (temporary) => {
    await put('three')(temporary);
    throw new Error('no');
  })).rejects.toThrow('no');
  expect(await readdir(folder)).toEqual(['two']);
  expect(await readdir(parent)).toEqual(['x']);
  await removeFolderAtomic(folder);
  expect(await readdir(parent)).toEqual([]);
});

test('leftovers of dead processes are cleared, what they moved aside comes back, the living are left alone', async () => {
  const folder = await fresh();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const live = process.ppid;
  const token = '0123456789ab';
  await mkdir(join(folder, `.a.tmp-${dead}-${token}`));
  await writeFile(join(folder, `.a.tmp-${dead}-${token}`, 'part'), 'x');
  await writeFile(join(folder, `.b.tmp-${process.pid}-${token}`), 'of an earlier life of this number');
  await mkdir(join(folder, `.gone.old-${dead}-${token}`));
  await mkdir(join(folder, 'there'));
  await mkdir(join(folder, `.there.old-${dead}-${token}`));
  await writeFile(join(folder, `.c.tmp-${live}-${token}`), 'being written');
  await writeFile(join(folder, `.d.tmp-${live}-${token}`), 'older than any write takes');
  await utimes(join(folder, `.d.tmp-${live}-${token}`), 1, 1);
  await writeFile(join(folder, '.hidden'), 'mine');
  const removed = await removeLeftovers(folder);
  expect(removed).toHaveLength(5);
  expect((await readdir(folder)).sort()).toEqual([`.c.tmp-${live}-${token}`, '.hidden', 'gone', 'there'].sort());
  expect(await removeLeftovers(join(folder, 'nowhere'))).toEqual([]);

  await mkdir(join(folder, `.x.tmp-${dead}-${token}`));
  await mkdir(join(folder, `.y.tmp-${dead}-${token}`));
  await writeFolderAtomic(join(folder, 'x'), () => Promise.resolve());
  expect((await readdir(folder)).filter((name) => /^\.?[xy]/.test(name)).sort()).toEqual([`.y.tmp-${dead}-${token}`, 'x'].sort());
});
