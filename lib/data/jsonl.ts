// Rows of a JSON Lines file: one object a line, empty lines skipped.
import { dataError, describe } from '../errors.js';
import { decodeUtf8 } from './bytes.js';
import { readLines } from './lines.js';
import type { FileRow, RowReader } from './row.js';

export const readJsonl: RowReader = async function* (file, from, options) {
  for await (const lines of readLines(file, from, options)) {
    const rows: FileRow[] = [];
    for (const line of lines) {
      const text = decodeUtf8(line.bytes, file, line.number);
      if (text.trim() === '') continue;
      rows.push({
        value: parseRow(text, file, line.number),
        row: line.number,
        after: { offset: line.after, row: line.number },
      });
    }
    if (rows.length > 0) yield rows;
  }
};

/** One JSON object; anything else is an error that says what to do. */
export function parseRow(text: string, file: string, row: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw dataError(
      { file, row },
      `expected one JSON object, came ${excerpt(text)} (${(error as Error).message}). ${advice(text, row)}`,
      { cause: error },
    );
  }
  return asRow(value, file, row);
}

export function asRow(value: unknown, file: string, row: number): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw dataError(
      { file, row },
      `expected a JSON object such as {"text": "…"}, came ${describe(value)}. ` +
        (Array.isArray(value) && row === 1
          ? 'If the file is one JSON array, name it .json'
          : 'Wrap each row in an object'),
    );
  }
  return value as Readonly<Record<string, unknown>>;
}

function excerpt(text: string): string {
  const flat = text.trim();
  return flat.length > 60 ? `${flat.slice(0, 60)}…` : flat;
}

function advice(text: string, row: number): string {
  const start = text.trim();
  if (row === 1 && start.startsWith('['))
    return 'The file looks like a JSON array: name it .json, or put one object in each line';
  if (row === 1 && start === '{') return 'The file looks like indented JSON: put each object in one line';
  return 'Correct or remove the line';
}
