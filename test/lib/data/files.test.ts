// What a user may name: files, folders, patterns.
import path from 'node:path';
import { expandFiles, globToRegExp } from '../../../lib/data/files.js';
import { rejection, temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
for (const name of [
  'a.jsonl',
  'b.csv',
  'sub/c.parquet',
  'sub/deep/d.txt',
  'sub/readme.rst',
  '.hidden.jsonl',
  'sub/.git/x.jsonl',
])
  folder.write(name, '');

const names = async (list: string | string[]) =>
  (await expandFiles(list, folder.path)).map((file) => path.relative(folder.path, file));

test('folders give every data file, sorted, without hidden ones', async () => {
  expect(await names('.')).toEqual(['a.jsonl', 'b.csv', 'sub/c.parquet', 'sub/deep/d.txt']);
});

test('patterns, files and folders mix, and nothing comes twice', async () => {
  expect(await names(['*.{csv,jsonl}', 'sub', 'a.jsonl'])).toEqual([
    'a.jsonl',
    'b.csv',
    'sub/c.parquet',
    'sub/deep/d.txt',
  ]);
  expect(await names('**/*.txt')).toEqual(['sub/deep/d.txt']);
  expect(await names('sub/?.parquet')).toEqual(['sub/c.parquet']);
});

test.each([
  ['nowhere.jsonl', /does not exist/],
  ['*.parquet', /at least one data file/],
  ['sub/readme.rst', /\.rst/],
  [[], /empty list/],
])('%j is refused', async (list, message) => {
  const error = await rejection(names(list));
  expect(error.code).toBe('ERR_DATA');
  expect(error.message).toMatch(message);
});

test('patterns treat everything else as plain text', () => {
  expect(globToRegExp('/d/a+(b).[jt]s*').test('/d/a+(b).json')).toBe(true);
  expect(globToRegExp('/d/*.json').test('/d/e/f.json')).toBe(false);
  expect(globToRegExp('/d/**/f.json').test('/d/f.json')).toBe(true);
  expect(globToRegExp('/d/[!a].txt').test('/d/a.txt')).toBe(false);
});
