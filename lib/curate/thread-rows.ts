// Message trees for curation: their threads (or pairs of answers) are the rows that are judged, kept and removed, as lines of JSON.
import type { BadRow } from '../data/bad-rows.js';
import { detect } from '../data/formats/format.js';
import type { DataFormat, Detection } from '../data/formats/format.js';
import { Records } from '../data/records.js';
import type { TextOptions } from '../data/row.js';
import { Source } from '../data/source.js';
import type { SourcePosition } from '../data/source.js';
import { isEngineError } from '../errors.js';
import type { ChatMessage, DataRecord } from '../record.js';
import { badRow, readBytesRows } from './raw-rows.js';
import type { BytesBatch, BytesRow } from './raw-rows.js';

const LOOKED_AT = 100;

/** What the rows are taken for, where they are message trees. */
export async function treesOf(files: readonly string[], format: DataFormat | 'auto' | undefined, options: TextOptions): Promise<Detection | undefined> {
  if (format !== undefined && format !== 'auto' && !isTree(format)) return undefined;
  const rows = await new Source(files, { ...options, onBad: () => undefined }).first(LOOKED_AT);
  if (rows.length === 0) return undefined;
  try {
    const detection = detect(rows, {}, format === 'auto' ? undefined : format);
    return isTree(detection.format) ? detection : undefined;
  } catch (error) {
    if (isEngineError(error, 'ERR_DATA')) return undefined; // said again, with the user's names for fields, by whoever judges rows
    throw error;
  }
}

const isTree = (format: DataFormat): boolean => format === 'oasst' || format === 'oasst-pairs';

/** Rows as they are judged one by one: those of the files, or threads of their trees. */
export function readUnits(
  files: readonly string[], trees: Detection | undefined, from: SourcePosition, { textSplit, signal }: TextOptions & { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<BytesBatch> {
  const options = { ...(textSplit === undefined ? {} : { textSplit }), ...(signal === undefined ? {} : { signal }) };
  return trees === undefined ? readBytesRows(files, from, options) : readThreadRows(files, from, trees, options);
}

/** All threads of the files, from a place that an earlier batch gave. */
async function* readThreadRows(
  files: readonly string[], from: SourcePosition, detection: Detection, options: TextOptions & { readonly signal?: AbortSignal },
): AsyncGenerator<BytesBatch> {
  let bad: BadRow[] = [];
  const onBad = (one: BadRow): void => { bad.push(one); };
  const source = new Source(files, { ...options, onBad });
  const records = new Records(source, detection, { format: detection.format, onBad });
  let { index } = from;
  const number = (file: string): number => files.indexOf(file);
  /** Bad rows before a place, and records, in the order of files. */
  const batch = (list: readonly DataRecord[], after: SourcePosition): BytesBatch => {
    const passed = bad.filter(({ file, row = 0 }) => number(file) < after.file || (number(file) === after.file && row <= after.at.row));
    bad = bad.filter((one) => !passed.includes(one));
    const rows = [
      ...passed.map((one) => badRow(one, number(one.file))),
      ...list.map((record): Omit<BytesRow, 'index'> => {
        const value = rowOf(record);
        return { raw: Buffer.from(JSON.stringify(value)), end: '\n', file: number(record.file), row: record.row, value };
      }),
    ].sort((a, b) => a.file - b.file || a.row - b.row).map((row): BytesRow => ({ ...row, index: index++ }));
    return { rows, after: { ...after, index } };
  };
  let last = from;
  for await (const { records: list, after } of records.batches(from, options.signal)) yield batch(list, (last = after));
  if (bad.length > 0) yield batch([], { file: files.length, at: last.at, index });
}

function rowOf(record: DataRecord): Readonly<Record<string, unknown>> {
  switch (record.kind) {
    case 'messages': return { messages: record.messages.map(plain) };
    case 'preference': return { prompt: record.prompt.map(plain), chosen: record.chosen.map(plain), rejected: record.rejected.map(plain) };
    default: throw new Error(`trees hold no rows of kind ${record.kind}`);
  }
}

const plain = ({ role, content, weight }: ChatMessage): object => ({ role, content, ...(weight === undefined ? {} : { weight }) });
