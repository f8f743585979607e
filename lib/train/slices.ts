// Which parts of the validation rows are measured on their own: each file when there are several, and each value of
// the field that data.sliceBy names. One pass over the raw rows; two numbers a row are kept.

import { basename } from 'node:path';
import { openSource } from '../data/source.js';
import type { TextOptions } from '../data/row.js';
import type { Slicing } from '../eval/measure.js';

/** Most values of a field that are told apart. */
const MOST = 40;
const OTHER = '(other values)';
const ABSENT = '(no value)';

export interface SliceOptions extends TextOptions {
  /** Field whose values make slices. */
  readonly by?: string;
  readonly signal?: AbortSignal;
}

/** Undefined when there is one file and no field: then there is nothing to tell apart. */
export async function sliceRows(names: string | readonly string[], { by, textSplit, signal }: SliceOptions): Promise<Slicing | undefined> {
  const source = await openSource(names, { ...(textSplit === undefined ? {} : { textSplit }), ...(signal === undefined ? {} : { signal }) });
  if (source.files.length < 2 && by === undefined) return undefined;
  const slices: string[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (key: string, name: string): number => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, slices.push(name) - 1);
    return slices.length - 1;
  };
  const short = new Set(source.files.map((file) => basename(file))).size === source.files.length;
  const ofRow: number[] = [];
  let values = 0;
  for await (const rows of source.batches()) {
    for (const { file, value } of rows) {
      ofRow.push(source.files.length < 2 ? -1 : numberOf(`file ${file}`, short ? basename(file) : file));
      if (by === undefined) continue;
      const text = textOf(value[by]);
      const known = numbers.has(`value ${text}`);
      if (!known && text !== ABSENT) values++;
      ofRow.push(known || values <= MOST ? numberOf(`value ${text}`, `${by} = ${text}`) : numberOf(OTHER, `${by} = ${OTHER}`));
    }
  }
  const each = by === undefined ? 1 : 2;
  const table = Int16Array.from(ofRow);
  return {
    names: slices,
    of: (row) => Array.from(table.subarray(row * each, (row + 1) * each)).filter((number) => number >= 0),
  };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return ABSENT;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
