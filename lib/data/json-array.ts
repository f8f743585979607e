// Rows of a JSON file that is one array of objects, read element by element: the file is never held whole.
import { dataError } from '../errors.js';
import { decodeUtf8, readChunks } from './bytes.js';
import { asRow, parseRow } from './jsonl.js';
import type { FileRow, RowReader } from './row.js';

const QUOTE = 0x22,
  BACKSLASH = 0x5c,
  COMMA = 0x2c,
  OPEN = 0x5b,
  CLOSE = 0x5d,
  CURLY_OPEN = 0x7b,
  CURLY_CLOSE = 0x7d;

const isSpace = (byte: number) => byte === 32 || byte === 10 || byte === 13 || byte === 9;

/**
 * Follows strings and brackets only; each element is then parsed on its own, so that a broken one is named by its
 * number. A position points behind an element, so reading can start there.
 */
export const readJsonArray: RowReader = async function* (file, from, options) {
  let depth = from.offset === 0 ? 0 : 1;
  let inString = false,
    escaped = false,
    closed = false;
  let row = from.row;
  let needElement = false; // after a comma
  let pieces: Buffer[] = [];
  let inElement = false;
  let first = from.offset === 0;
  for await (const { bytes, offset } of readChunks(file, from.offset, options)) {
    const rows: FileRow[] = [];
    let begin = 0;
    const finish = (at: number) => {
      const piece = bytes.subarray(begin, at);
      const whole = pieces.length === 0 ? piece : Buffer.concat([...pieces, piece]);
      row++;
      const value = asRow(parseRow(decodeUtf8(whole, file, row), file, row), file, row);
      rows.push({ value, row, after: { offset: offset + at, row } });
      pieces = [];
      inElement = false;
    };
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      if (isSpace(byte)) continue;
      if (closed)
        throw dataError(
          { file, row },
          'expected the end of the file after the array, came more. Put all rows in one array',
        );
      if (depth === 0) {
        if (byte !== OPEN) throw notAnArray(file, byte);
        depth = 1;
        first = true;
        continue;
      }
      if (depth === 1 && byte === COMMA) {
        if (inElement) finish(at);
        else if (first && row === 0) throw dataError({ file, row: 1 }, 'expected an object, came a comma. Remove it');
        else if (needElement)
          throw dataError({ file, row: row + 1 }, 'expected an object, came a second comma. Remove one of them');
        needElement = true;
        first = false;
        continue;
      }
      if (depth === 1 && byte === CLOSE) {
        if (inElement) finish(at);
        else if (needElement)
          throw dataError(
            { file, row: row + 1 },
            'expected an object after the comma, came the end of the array. Remove the comma',
          );
        closed = true;
        continue;
      }
      if (!inElement) {
        inElement = true;
        needElement = false;
        begin = at;
      }
      if (byte === QUOTE) inString = true;
      else if (byte === CURLY_OPEN || byte === OPEN) depth++;
      else if (byte === CURLY_CLOSE || byte === CLOSE) depth--;
    }
    if (inElement) pieces.push(bytes.subarray(begin));
    if (rows.length > 0) yield rows;
  }
  if (!closed) {
    throw dataError(
      { file, row: row + 1 },
      depth === 0
        ? 'expected a JSON array of rows, came an empty file'
        : 'expected the rest of the array, came the end of the file. The file is cut off: copy or download it again',
    );
  }
};

function notAnArray(file: string, byte: number): Error {
  return dataError(
    { file, row: 1 },
    byte === CURLY_OPEN
      ? 'expected a JSON array of rows, came an object. If each line is one object, name the file .jsonl; ' +
          'otherwise put the rows in an array'
      : `expected a JSON array of rows, came "${String.fromCharCode(byte)}". A .json file holds [ {…}, {…} ]`,
  );
}
