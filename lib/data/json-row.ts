// One row of JSON: parsed, checked to be an object that is not nested without end; what is wrong is said with advice.
import { dataError, describe } from '../errors.js';

export type Row = Readonly<Record<string, unknown>>;

/** Deepest nesting of a row; deeper ones are traps for whoever walks them, and no training data. */
export const DEEPEST = 100;

/** One JSON object; anything else is an error that says what to do. */
export function parseRow(text: string, file: string, row: number): Row {
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

export function asRow(value: unknown, file: string, row: number): Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw dataError(
      { file, row },
      `expected a JSON object such as {"text": "…"}, came ${describe(value)}. ` +
        (Array.isArray(value) && row === 1
          ? 'If the file is one JSON array, name it .json'
          : 'Wrap each row in an object'),
    );
  }
  if (isDeeper(value, DEEPEST)) {
    throw dataError({ file, row }, `expected values nested at most ${DEEPEST} deep, came more. Flatten or remove the row`);
  }
  return value as Row;
}

/** Walks no further down than `levels`. */
function isDeeper(value: object, levels: number): boolean {
  if (levels === 0) return true;
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  for (const item of items) if (typeof item === 'object' && item !== null && isDeeper(item, levels - 1)) return true;
  return false;
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
  if (/[:[,]\s*-?(NaN|Infinity)\b/.test(text)) return 'JSON has no NaN and no Infinity: write null, or leave the field out';
  return 'Correct or remove the line';
}
