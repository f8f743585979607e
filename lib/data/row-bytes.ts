// One row out of its bytes alone, as the readers of whole files would give it.
import { isEngineError } from '../errors.js';
import type { BadRow } from './bad-rows.js';
import { decodeUtf8 } from './bytes.js';
import { tableRow } from './csv.js';
import { exactText } from './exact.js';
import { parseRow } from './json-row.js';
import { SOURCE_START, type RawRow } from './row.js';

/** A line of JSON, or a record of a table with its header. What is wrong with it is a BadRow. */
export function parseBytes(file: string, row: number, bytes: Buffer, delimiter: ',' | '\t' | undefined, header: Buffer | undefined): RawRow | BadRow {
  try {
    const place = { file, row, index: 0, after: SOURCE_START };
    if (delimiter !== undefined) return { value: tableRow(header as Buffer, bytes, delimiter, file, row), ...place };
    const text = decodeUtf8(bytes, file, row);
    return { value: parseRow(text, file, row), ...place, ...exactText(text) };
  } catch (error) {
    if (!isEngineError(error, 'ERR_DATA')) throw error;
    return { file, row, reason: error.message, raw: bytes.subarray(0, 64 * 1024) };
  }
}
