// Splits bytes into lines at \n before anything is decoded, so that no UTF-8 sequence is ever cut, and counts offsets.
import { dataError } from '../errors.js';
import { readChunks, type ReadOptions } from './bytes.js';

export interface Line {
  /** Without the line end (\n or \r\n). */
  readonly bytes: Buffer;
  /** 1-based. */
  readonly number: number;
  /** Offset of the byte after this line's end: where the next line starts. */
  readonly after: number;
}

export interface LineStart {
  readonly offset: number;
  /** Lines before it. */
  readonly row: number;
}

/** Longest line that is accepted: beyond it the file is surely of another kind (and a string could not hold it). */
const LONGEST_LINE = 256 * 1024 * 1024;

/** Lines in batches, one batch for each chunk of the file. A last line without an end counts. */
export async function* readLines(
  file: string,
  from: LineStart = { offset: 0, row: 0 },
  options: ReadOptions = {},
): AsyncGenerator<Line[]> {
  let number = from.row;
  let open: Buffer[] = [];
  let openBytes = 0;
  let end = from.offset;
  const line = (bytes: Buffer, after: number): Line => {
    const last = bytes.length - 1;
    return { bytes: bytes[last] === 13 ? bytes.subarray(0, last) : bytes, number: ++number, after };
  };
  for await (const { bytes, offset } of readChunks(file, from.offset, options)) {
    const lines: Line[] = [];
    let begin = 0;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, begin)) {
      const piece = bytes.subarray(begin, at);
      lines.push(line(open.length === 0 ? piece : Buffer.concat([...open, piece]), offset + at + 1));
      open = [];
      openBytes = 0;
      begin = at + 1;
    }
    if (begin < bytes.length) {
      open.push(bytes.subarray(begin));
      openBytes += bytes.length - begin;
      if (openBytes > LONGEST_LINE) {
        throw dataError(
          { file, row: number + 1 },
          `expected one row in this line, came more than ${LONGEST_LINE >> 20} MB without ` +
            'a line end. Put one row in each line',
        );
      }
    }
    end = offset + bytes.length;
    if (lines.length > 0) yield lines;
  }
  if (open.length > 0) yield [line(Buffer.concat(open), end)];
}
