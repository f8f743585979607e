// From what a user names (files, folders, globs) to a sorted list of data files, and from a file's name to its reader.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { dataError } from '../errors.js';
import { readArrow } from './arrow.js';
import { readCsv, readTsv } from './csv.js';
import { hubFiles, isHubName } from './hub-files.js';
import { readJsonArray } from './json-array.js';
import { readJsonl } from './jsonl.js';
import { readParquet } from './parquet.js';
import { readText } from './text-file.js';
import type { RowReader } from './row.js';

const READERS: Readonly<Record<string, RowReader>> = {
  '.jsonl': readJsonl,
  '.ndjson': readJsonl,
  '.jsonlines': readJsonl,
  '.json': readJsonArray,
  '.csv': readCsv,
  '.tsv': readTsv,
  '.tab': readTsv,
  '.parquet': readParquet,
  '.arrow': readArrow,
  '.arrows': readArrow,
  '.ipc': readArrow,
  '.feather': readArrow,
  '.txt': readText,
  '.text': readText,
  '.md': readText,
};

const COMPRESSED = new Set([readJsonl, readJsonArray, readCsv, readTsv, readText]);

/** The reader for a file name, or undefined. `.gz` or `.zst` after the ending of a text kind is fine. */
export function readerFor(file: string): RowReader | undefined {
  const plain = file.toLowerCase().replace(/\.(gz|zst)$/, '');
  const reader = READERS[path.extname(plain)];
  return plain.length < file.length && reader !== undefined && !COMPRESSED.has(reader) ? undefined : reader;
}

/**
 * Expands files, folders (every data file in them, at any depth, hidden ones left out) and globs
 * (`*`, `**`, `?`, `[…]`, `{a,b}`), and data sets of the hub (hf://datasets/owner/name/pattern). Each argument's files
 * are sorted by name; a file named twice is read once.
 */
export async function expandFiles(names: string | readonly string[], base = process.cwd()): Promise<string[]> {
  const found = new Set<string>();
  for (const name of typeof names === 'string' ? [names] : names) {
    if (isHubName(name)) {
      for (const file of await hubFiles(name, (one) => readerFor(one) !== undefined, Object.keys(READERS))) found.add(file);
      continue;
    }
    const full = path.resolve(base, name);
    const kind = await stat(full).catch(() => undefined);
    if (kind?.isFile()) {
      if (readerFor(full) === undefined) throw unknownKind(full);
      found.add(full);
    } else {
      const files = kind?.isDirectory() ? await walk(full) : hasMagic(name) ? await matchGlob(full) : undefined;
      if (files === undefined)
        throw dataError(
          { file: full },
          'expected a file, a folder or a pattern, came nothing: it does not exist. Check the path',
        );
      const usable = files.filter((file) => readerFor(file) !== undefined);
      if (usable.length === 0) {
        throw dataError(
          { file: full },
          `expected at least one data file (${Object.keys(READERS).join(', ')}), came ` +
            (files.length === 0
              ? 'none'
              : `${files.length} of other kinds, such as ${path.basename(files[0] as string)}`) +
            '. Check the path or the endings',
        );
      }
      for (const file of usable) found.add(file);
    }
  }
  if (found.size === 0)
    throw dataError({}, 'expected at least one data file, came an empty list. Name a file, folder or pattern');
  return [...found];
}

function unknownKind(file: string): Error {
  return dataError(
    { file },
    `expected a data file (${Object.keys(READERS).join(', ')}; .gz and .zst of the text kinds), came ` +
      `"${path.extname(file) || path.basename(file)}". Rename or convert it`,
  );
}

async function walk(folder: string): Promise<string[]> {
  const result: string[] = [];
  const entries = (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.name.startsWith('.'));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const full = path.join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? await stat(full).catch(() => undefined) : entry;
    // A link to a folder is not followed: it could lead back here.
    if (kind?.isDirectory() && !entry.isSymbolicLink()) result.push(...(await walk(full)));
    else if (kind?.isFile()) result.push(full);
  }
  return result;
}

const hasMagic = (name: string) => /[*?[\]{}]/.test(name);

async function matchGlob(pattern: string): Promise<string[] | undefined> {
  const parts = pattern.split(path.sep);
  const root = parts.slice(0, parts.findIndex(hasMagic)).join(path.sep) || path.sep;
  const kind = await stat(root).catch(() => undefined);
  if (!kind?.isDirectory()) return undefined;
  const match = globToRegExp(pattern);
  return (await walk(root)).filter((file) => match.test(file));
}

/** `**` crosses folders, `*` and `?` do not; braces may nest. */
export function globToRegExp(pattern: string): RegExp {
  let source = '';
  let braces = 0;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === '*' && pattern[at + 1] === '*') {
      const whole = (at === 0 || pattern[at - 1] === '/') && pattern[at + 2] === '/';
      source += whole ? '(?:[^/]+/)*' : '.*';
      at += whole ? 2 : 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[' && pattern.indexOf(']', at + 2) !== -1) {
      const close = pattern.indexOf(']', at + 2);
      const inside = pattern
        .slice(at + 1, close)
        .replace(/\\/g, '\\\\')
        .replace(/^!/, '^');
      source += `[${inside}]`;
      at = close;
    } else if (char === '{') {
      source += '(?:';
      braces++;
    } else if (char === '}' && braces > 0) {
      source += ')';
      braces--;
    } else if (char === ',' && braces > 0) source += '|';
    else source += char.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  }
  return new RegExp(`^${source}${')'.repeat(braces)}$`, 's');
}
