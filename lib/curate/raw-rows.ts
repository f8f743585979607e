// Rows together with their bytes as they stand in the file, so that what is kept stays as it was and what is removed can be put
// back byte for byte. JSON Lines keep their own bytes; rows of other formats become lines of JSON, and those are what is kept.
import { KEPT_BYTES } from '../data/bad-rows.js';
import type { BadRow } from '../data/bad-rows.js';
import { LONGEST_ROW, decodeUtf8, readChunks } from '../data/bytes.js';
import { parseRow } from '../data/json-row.js';
import type { Row } from '../data/json-row.js';
import { tooLong } from '../data/lines.js';
import type { TextOptions } from '../data/row.js';
import { SOURCE_START, Source, checkReadable } from '../data/source.js';
import type { SourcePosition } from '../data/source.js';
import { isEngineError } from '../errors.js';

export interface BytesRow {
  /** Without the line end. */
  readonly raw: Buffer;
  /** `raw` is only the beginning. */
  readonly cut?: boolean;
  /** "\n", "\r\n", or "" for a last line without one. */
  readonly end: string;
  /** Index into the list of files. */
  readonly file: number;
  /** 1-based. */
  readonly row: number;
  /** 0-based over all files. */
  readonly index: number;
  readonly value?: Row;
  /** Why there is no value; '' for an empty line. */
  readonly bad?: string;
}

export interface BytesBatch {
  readonly rows: readonly BytesRow[];
  /** Where the next batch starts. */
  readonly after: SourcePosition;
}

/** A longer line is not held: only its beginning is kept. */
const MOST_HELD = 2 * LONGEST_ROW;

/** Files whose own lines are kept. */
export const isLines = (file: string): boolean => /\.(?:jsonl|ndjson|jsonlines)(?:\.gz|\.zst)?$/i.test(file);

/** All rows of the files, from a place that an earlier batch gave. */
export async function* readBytesRows(
  files: readonly string[], from: SourcePosition = SOURCE_START, options: TextOptions & { readonly signal?: AbortSignal } = {},
): AsyncGenerator<BytesBatch> {
  let { index } = from;
  for (let file = from.file; file < files.length; file++) {
    const name = files[file]!;
    const at = file === from.file ? from.at : SOURCE_START.at;
    if (isLines(name)) {
      for await (const lines of readRawLines(name, at, options.signal)) {
        const rows = lines.map(({ after: _, ...line }): BytesRow => ({ ...line, file, index: index++, ...(line.bad === undefined ? parsed(line.raw, name, line.row) : {}) }));
        const last = lines.at(-1)!;
        yield { rows, after: { file, at: { offset: last.after, row: last.row }, index } };
      }
      continue;
    }
    const bad: BadRow[] = [];
    const source = new Source([name], { ...options, onBad: (one) => bad.push(one) });
    const take = (one: BadRow): BytesRow => ({ ...badRow(one, file), index: index++ });
    for await (const batch of source.batches({ file: 0, at, index: 0 }, options.signal)) {
      const rows: BytesRow[] = [];
      for (const { value, row, text } of batch) {
        while (bad.length > 0 && (bad[0]!.row ?? 0) < row) rows.push(take(bad.shift()!));
        rows.push({ raw: Buffer.from(text ?? JSON.stringify(value)), end: '\n', file, row, index: index++, value });
      }
      yield { rows, after: { file, at: batch.at(-1)!.after.at, index } };
    }
    if (bad.length > 0) yield { rows: bad.map(take), after: { file: file + 1, at: SOURCE_START.at, index } };
  }
}

/** A row that some reader refused, as it is kept. */
export function badRow({ row = 0, reason, raw = Buffer.alloc(0) }: BadRow, file: number): Omit<BytesRow, 'index'> {
  const text = raw.toString('utf8');
  const kept = Buffer.from(text).equals(raw) ? { bad: text } : { badBase64: raw.toString('base64') };
  return { raw: Buffer.from(JSON.stringify(kept)), end: '\n', file, row, bad: reason };
}

function parsed(raw: Buffer, file: string, row: number): { readonly value: Row } | { readonly bad: string } {
  if (raw.length > LONGEST_ROW) return { bad: tooLong(file, row, raw.length, LONGEST_ROW).message };
  try {
    const text = decodeUtf8(raw, file, row);
    return text.trim() === '' ? { bad: '' } : { value: parseRow(text, file, row) };
  } catch (error) {
    return { bad: (error as Error).message };
  }
}

interface RawLine {
  readonly raw: Buffer;
  readonly end: string;
  readonly row: number;
  readonly after: number;
  readonly cut?: boolean;
  /** Known to be bad without a look at it. */
  readonly bad?: string;
}

/** What breaks the file (a compressed one that is cut off, a trap) is its last line, and bad. */
async function* readRawLines(file: string, from: { readonly offset: number; readonly row: number }, signal?: AbortSignal): AsyncGenerator<RawLine[]> {
  await checkReadable(file);
  let { row } = from;
  let position = from.offset;
  const open = new OpenLine();
  try {
    for await (const { bytes, offset } of readChunks(file, from.offset, signal === undefined ? {} : { signal })) {
      const lines: RawLine[] = [];
      let begin = 0;
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, begin)) {
        open.add(bytes.subarray(begin, at));
        lines.push({ ...open.close(file, ++row, true), row, after: offset + at + 1 });
        begin = at + 1;
      }
      open.add(bytes.subarray(begin));
      position = offset + bytes.length;
      if (lines.length > 0) yield lines;
    }
  } catch (error) {
    if (!isEngineError(error, 'ERR_DATA')) throw error;
    yield [{ ...open.close(file, ++row, false), row, after: position, bad: error.message }];
    return;
  }
  if (open.length > 0) yield [{ ...open.close(file, ++row, false), row, after: position }];
}

/** A line that goes on from chunk to chunk. Past the limit only its beginning is held. */
class OpenLine {
  #pieces: Buffer[] = [];
  length = 0;

  add(piece: Buffer): void {
    this.length += piece.length;
    this.#pieces.push(piece);
    if (this.length > MOST_HELD) this.#pieces = [Buffer.from(Buffer.concat(this.#pieces).subarray(0, KEPT_BYTES))];
  }

  close(file: string, row: number, ended: boolean): Pick<RawLine, 'raw' | 'end' | 'cut' | 'bad'> {
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    const { length } = this;
    this.#pieces = [];
    this.length = 0;
    if (length > MOST_HELD) return { raw: whole, end: ended ? '\n' : '', cut: true, bad: tooLong(file, row, length, LONGEST_ROW).message };
    const carriage = ended && whole.length > 0 && whole[whole.length - 1] === 13;
    return { raw: carriage ? whole.subarray(0, -1) : whole, end: carriage ? '\r\n' : ended ? '\n' : '' };
  }
}
