// Reads the texts that `whetstone score` compares: plain lines, or rows of JSON with one text each.

import { readFile } from 'node:fs/promises';
import { dataError } from '../errors.js';
import { stripEnd } from '../score/text/space.js';

function fromJson(file: string, line: string, row: number, field: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw dataError({ file, row }, `expected JSON, as in every line of a .jsonl file: ${(error as Error).message}`);
  }
  const text = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>)[field] : value;
  if (typeof text === 'string') return text;
  throw dataError({ file, row, ...(text === value ? {} : { field }) }, `expected a text; --field names the field that holds it`);
}

/** The texts of a file: a line each (white space at its end does not count), or with .jsonl a JSON text or field each. */
export async function readTexts(file: string, field: string): Promise<readonly string[]> {
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw dataError({ file }, code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'expected a file, this is a folder'
      : code === undefined || code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'expected UTF-8 text' : (error as Error).message);
  }
  const lines = content.split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw dataError({ file }, 'expected at least one line, the file is empty');
  return file.endsWith('.jsonl') ? lines.map((line, i) => fromJson(file, line, i + 1, field)) : lines.map(stripEnd);
}

/** Says where two files that belong together part. */
export function checkSameLines(file: string, count: number, other: string, otherCount: number): void {
  if (count === otherCount) return;
  const [longer, shorter, row] = count > otherCount ? [file, other, otherCount + 1] : [other, file, count + 1];
  throw dataError({ file: longer, row }, `${file} has ${count} lines and ${other} has ${otherCount}: this line has no partner in ${shorter}`);
}
