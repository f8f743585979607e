// Small files: code past 400 lines says why in its first comment ("… because …"); only models/ holds more than 1 MB.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { read, repositoryFiles, root } from './files.js';

const CODE = /\.(ts|mjs|cjs|js|h|cc|cu|cuh|py)$/;
const COMMENT = /^(#!.*\n)?\s*(\/\*[\s\S]*?\*\/|(?:\/\/.*\n?)+|"""[\s\S]*?"""|(?:#.*\n?)+)/;

/** The comment that opens a file, or '' if it opens with something else. */
function firstComment(text: string): string {
  return COMMENT.exec(text)?.[2] ?? '';
}

const files = repositoryFiles();
const code = files.filter((name) => CODE.test(name) && !name.startsWith('lib/serve/dashboard/vendor/'));

test('every source opens with what it is for', () => {
  expect(code.filter((name) => firstComment(read(name)).length < 20)).toEqual([]);
});

test('a file over 400 lines says why it is long', () => {
  const long = code.filter((name) => read(name).split('\n').length > 401 && !/\bbecause\b/i.test(firstComment(read(name))));
  expect(long).toEqual([]);
});

test('nothing over 1 MB outside models/', () => {
  const large = files.filter((name) => !name.startsWith('models/') && statSync(join(root, name)).size > 1e6);
  expect(large).toEqual([]);
});

test('the first comment is found in all the languages here', () => {
  expect(firstComment('// one\n// two\nimport x;')).toBe('// one\n// two\n');
  expect(firstComment('#!/usr/bin/env node\n// what\n')).toBe('// what\n');
  expect(firstComment('/* what */ int x;')).toBe('/* what */');
  expect(firstComment('"""What."""\nimport os')).toBe('"""What."""');
  expect(firstComment('import x;\n// late')).toBe('');
});
