// Rows of a JSON file that is one array of objects, read element by element: the file is never held whole.
import { dataError } from '../errors.js';
import { KEPT_BYTES, refuse } from './bad-rows.js';
import { decodeUtf8, LONGEST_ROW, readChunks } from './bytes.js';
import { exactText } from './exact.js';
import { parseRow } from './json-row.js';
import { tooLong } from './lines.js';
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
 * number. A position points behind an element, so reading can start there. What breaks the array itself ends the file.
 */
export const readJsonArray: RowReader = async function* (file, from, options) {
  const longest = options.maxRowBytes ?? LONGEST_ROW;
  let depth = from.offset === 0 ? 0 : 1;
  let inString = false,
    escaped = false,
    closed = false;
  let row = from.row;
  let needElement = false; // after a comma
  let first = from.offset === 0;
  let inElement = false;
  let pieces: Buffer[] = [];
  let held = 0; // bytes of the element so far, whether kept or not
  let rows: FileRow[] = [];

  const element = (last: Buffer, after: number): void => {
    row++;
    const whole = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
    const size = held + last.length;
    pieces = [];
    held = 0;
    inElement = false;
    try {
      if (size > longest) throw tooLong(file, row, size, longest);
      const text = decodeUtf8(whole, file, row);
      rows.push({ value: parseRow(text, file, row), row, after: { offset: after, row }, ...exactText(text) });
    } catch (error) {
      refuse(error, options, whole);
    }
  };
  /** What one byte outside of strings and elements means; an error if the array is broken there. */
  const outside = (byte: number): Error | undefined => {
    if (closed)
      return dataError({ file, row }, 'expected the end of the file after the array, came more. Put all rows in one array');
    if (depth === 0) {
      if (byte !== OPEN) return notAnArray(file, byte);
      depth = 1;
      first = true;
    } else if (byte === COMMA) {
      if (first && row === 0) return dataError({ file, row: 1 }, 'expected an object, came a comma. Remove it');
      if (needElement)
        return dataError({ file, row: row + 1 }, 'expected an object, came a second comma. Remove one of them');
      needElement = true;
      first = false;
    } else if (needElement) {
      return dataError(
        { file, row: row + 1 },
        'expected an object after the comma, came the end of the array. Remove the comma',
      );
    } else closed = true;
    return undefined;
  };

  for await (const { bytes, offset } of readChunks(file, from.offset, options)) {
    rows = [];
    let begin = 0;
    let broken: Error | undefined;
    const strings = new StringEnds(bytes);
    for (let at = 0; at < bytes.length && broken === undefined; at++) {
      if (inString) {
        at = strings.after(at, escaped);
        escaped = at > bytes.length; // the last byte is a backslash, its partner comes with the next chunk
        inString = at >= bytes.length && !strings.closed;
        if (inString) break;
        at--;
        continue;
      }
      const byte = bytes[at] as number;
      if (isSpace(byte)) continue;
      if (inElement && depth === 1 && (byte === COMMA || byte === CLOSE)) element(bytes.subarray(begin, at), offset + at);
      if (depth === 0 || closed || (depth === 1 && !inElement && (byte === COMMA || byte === CLOSE))) {
        broken = outside(byte);
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
    if (inElement) {
      held += bytes.length - begin;
      if (held <= longest) pieces.push(bytes.subarray(begin));
      else if (pieces.length > 1 || (pieces[0]?.length ?? 0) > KEPT_BYTES + 1) {
        pieces = [Buffer.from(Buffer.concat(pieces).subarray(0, KEPT_BYTES + 1))];
      }
    }
    if (rows.length > 0) yield rows;
    if (broken !== undefined) throw broken;
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

/** Finds the ends of strings in a chunk by searching for quotes and backslashes, each at most once. */
class StringEnds {
  readonly #bytes: Buffer;
  #quote = -2;
  #slash = -2;
  /** The last search found the closing quote. */
  closed = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * The place behind the string that `begin` lies in. Where it does not end here: the length of the chunk, one more if
   * the first byte of the next chunk is escaped.
   */
  after(begin: number, escaped: boolean): number {
    const bytes = this.#bytes;
    let at = escaped ? begin + 1 : begin;
    for (;;) {
      if (this.#quote !== -1 && this.#quote < at) this.#quote = bytes.indexOf(QUOTE, at);
      if (this.#slash !== -1 && this.#slash < at) this.#slash = bytes.indexOf(BACKSLASH, at);
      const [quote, slash] = [this.#quote, this.#slash];
      this.closed = quote !== -1 && (slash === -1 || quote < slash);
      if (this.closed) return quote + 1;
      if (slash === -1) return bytes.length;
      at = slash + 2;
      if (at > bytes.length) return at;
    }
  }
}

function notAnArray(file: string, byte: number): Error {
  return dataError(
    { file, row: 1 },
    byte === CURLY_OPEN
      ? 'expected a JSON array of rows, came an object. If each line is one object, name the file .jsonl; ' +
          'otherwise put the rows in an array'
      : `expected a JSON array of rows, came "${String.fromCharCode(byte)}". A .json file holds [ {…}, {…} ]`,
  );
}
