// Splits bytes into lines at \n before anything is decoded, so that no UTF-8 sequence is ever cut, and counts offsets.
import { dataError } from '../errors.js';
import { KEPT_BYTES, refuse } from './bad-rows.js';
import { LONGEST_ROW, readChunks, type ReadOptions } from './bytes.js';

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

/**
 * Lines in batches, one batch for each chunk of the file. A last line without an end counts. A line that is longer than
 * a row may be is refused, and never held: only its beginning is.
 */
export async function* readLines(
  file: string,
  from: LineStart = { offset: 0, row: 0 },
  options: ReadOptions = {},
): AsyncGenerator<Line[]> {
  const longest = options.maxRowBytes ?? LONGEST_ROW;
  let number = from.row;
  let open: Buffer[] = [];
  let openBytes = 0;
  let end = from.offset;
  /** The whole line, or undefined if it was refused. */
  const close = (last: Buffer, after: number): Line | undefined => {
    number++;
    const size = openBytes + last.length;
    let bytes = last;
    if (openBytes > 0 || open.length > 0) {
      bytes = Buffer.concat([...open, last]);
      open = [];
      openBytes = 0;
    }
    if (size > longest) {
      refuse(tooLong(file, number, size, longest), options, bytes);
      return undefined;
    }
    return { bytes: bytes[bytes.length - 1] === 13 ? bytes.subarray(0, -1) : bytes, number, after };
  };
  for await (const { bytes, offset } of readChunks(file, from.offset, options)) {
    const lines: Line[] = [];
    let begin = 0;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, begin)) {
      const line = close(bytes.subarray(begin, at), offset + at + 1);
      if (line !== undefined) lines.push(line);
      begin = at + 1;
    }
    if (begin < bytes.length) {
      openBytes += bytes.length - begin;
      if (openBytes <= longest) open.push(bytes.subarray(begin));
      // Past the limit nothing more is held, and what was held shrinks to the part that may be shown.
      else if (open.length > 1 || (open[0]?.length ?? 0) > KEPT_BYTES + 1) {
        open = [Buffer.from(Buffer.concat(open).subarray(0, KEPT_BYTES + 1))];
        if (options.onBad === undefined) throw tooLong(file, number + 1, openBytes, longest);
      }
    }
    end = offset + bytes.length;
    if (lines.length > 0) yield lines;
  }
  if (openBytes > 0) {
    const line = close(Buffer.alloc(0), end);
    if (line !== undefined) yield [line];
  }
}

export function tooLong(file: string, row: number, size: number, longest: number): Error {
  return dataError(
    { file, row },
    `expected one row of at most ${megabytes(longest)}, came ${megabytes(size)} without an end. ` +
      'Put one row in each line, or raise data.maxRowBytes',
  );
}

function megabytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${Math.floor(bytes / 2 ** 20)} MB`;
}
