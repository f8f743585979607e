// Rows together with their bytes as they stand in the file, so that what is kept stays as it was and what is removed can be put
// back byte for byte. JSON Lines keep their own bytes; rows of other formats become lines of JSON, and those are what is kept.
import type { BadRow } from '../data/bad-rows.js';
import { LONGEST_ROW, decodeUtf8, readChunks } from '../data/bytes.js';
import { parseRow } from '../data/json-row.js';
import type { Row } from '../data/json-row.js';
import type { TextOptions } from '../data/row.js';
import { SOURCE_START, Source } from '../data/source.js';
import type { SourcePosition } from '../data/source.js';

export interface BytesRow {
  /** Without the line end. */
  readonly raw: Buffer;
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
        const rows = lines.map(({ raw, end, row }): BytesRow => ({ raw, end, file, row, index: index++, ...parsed(raw, name, row) }));
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
  if (raw.length > LONGEST_ROW) return { bad: `expected a row of at most ${LONGEST_ROW} bytes, came ${raw.length}` };
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
}

async function* readRawLines(file: string, from: { readonly offset: number; readonly row: number }, signal?: AbortSignal): AsyncGenerator<RawLine[]> {
  let { row } = from;
  let open: Buffer[] = [];
  let position = from.offset;
  for await (const { bytes, offset } of readChunks(file, from.offset, signal === undefined ? {} : { signal })) {
    const lines: RawLine[] = [];
    let begin = 0;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, begin)) {
      const piece = bytes.subarray(begin, at);
      const whole = open.length === 0 ? piece : Buffer.concat([...open, piece]);
      open = [];
      const carriage = whole.length > 0 && whole[whole.length - 1] === 13;
      lines.push({ raw: carriage ? whole.subarray(0, -1) : whole, end: carriage ? '\r\n' : '\n', row: ++row, after: offset + at + 1 });
      begin = at + 1;
    }
    if (begin < bytes.length) open.push(Buffer.from(bytes.subarray(begin)));
    position = offset + bytes.length;
    if (lines.length > 0) yield lines;
  }
  if (open.length > 0) yield [{ raw: Buffer.concat(open), end: '', row: ++row, after: position }];
}
