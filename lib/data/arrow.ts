// Rows of an Arrow file (IPC file or stream, as HF datasets and Feather write it), one record batch at a time.
import { open, type FileHandle } from 'node:fs/promises';
import { dataError } from '../errors.js';
import { readColumn, type BatchParts, type Column } from './arrow/columns.js';
import { slice, Table } from './arrow/flatbuffer.js';
import { readField, type ArrowField } from './arrow/schema.js';
import { unpackBuffer } from './arrow/unpack.js';
import { refuse } from './bad-rows.js';
import { asRow } from './json-row.js';
import type { FilePosition, FileRow, ReadRowsOptions, RowReader } from './row.js';

const SCHEMA = 1,
  DICTIONARY = 2,
  RECORDS = 3;
const LARGEST_METADATA = 64 * 1024 * 1024;
const LARGEST_BATCH = 2 * 1024 ** 3;
const ROWS_PER_BATCH = 1024;
/** Columns of nothing but nulls take no bytes, so their number of rows is taken on trust up to here. */
const ROWS_WITHOUT_BYTES = 1 << 20;

type Dictionaries = Map<number, Column & { readonly rows: number }>;

export const readArrow: RowReader = async function* (file, from, options) {
  const handle = await open(file, 'r').catch((error: Error) => {
    throw dataError({ file }, `cannot be read: ${error.message}`, { cause: error });
  });
  try {
    let fields: readonly ArrowField[] | undefined;
    const dictionaries: Dictionaries = new Map();
    let begin = 0;
    for await (const { message, body } of messages(file, handle)) {
      options.signal?.throwIfAborted();
      const [kind, header] = guard(file, () => [message.uint8(1), message.table(2)] as const);
      if (header === undefined) continue;
      if (kind === SCHEMA) fields = guard(file, () => header.tables(1).map((field) => readField(field)));
      else if (fields === undefined) throw damaged(file, 'rows before their columns');
      else if (kind === DICTIONARY) readDictionary(file, header, await body(), fields, dictionaries);
      else if (kind === RECORDS) {
        const count = guard(file, () => header.int64(0));
        const end = begin + count;
        // Batches that are behind are stepped over: only their metadata is read.
        if (end > from.offset) yield* batchRows(file, { header, bytes: await body(), fields, dictionaries, begin, count }, from, options);
        begin = end;
      }
    }
    if (fields === undefined) throw damaged(file, 'an empty file');
  } finally {
    await handle.close();
  }
};

interface RecordBatch {
  readonly header: Table;
  readonly bytes: Buffer;
  readonly fields: readonly ArrowField[];
  readonly dictionaries: Dictionaries;
  /** Rows before it. */
  readonly begin: number;
  readonly count: number;
}

function* batchRows(file: string, batch: RecordBatch, from: FilePosition, options: ReadRowsOptions): Generator<FileRow[]> {
  const { bytes, fields, begin, count } = batch;
  let columns: { readonly name: string; readonly get: Column }[];
  try {
    columns = guard(file, () => {
      const parts = new Parts(batch.header, bytes, batch.dictionaries);
      if (count > 8 * bytes.length + ROWS_WITHOUT_BYTES) throw new RangeError(`${count} rows in ${bytes.length} bytes`);
      return fields.map((field) => {
        const { rows, get } = readColumn(field, parts);
        if (rows < count) throw new RangeError(`${rows} of ${count} values of "${field.name}"`);
        return { name: field.name, get };
      });
    });
  } catch (error) {
    return refuse(error, options);
  }
  for (let at = Math.max(0, from.offset - begin); at < count; at += ROWS_PER_BATCH) {
    options.signal?.throwIfAborted();
    const rows: FileRow[] = [];
    for (let i = at; i < Math.min(count, at + ROWS_PER_BATCH); i++) {
      const row = begin + i + 1;
      try {
        const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
        guard(file, () => {
          for (const { name, get } of columns) value[name] = get(i);
        });
        rows.push({ value: asRow(value, file, row), row, after: { offset: row, row } });
      } catch (error) {
        refuse(error, options);
      }
    }
    if (rows.length > 0) yield rows;
  }
}

interface Message {
  readonly message: Table;
  readonly body: () => Promise<Buffer>;
}

/** The messages of a stream; a file is a stream with a magic word before it and a table of contents behind. */
async function* messages(file: string, handle: FileHandle): AsyncGenerator<Message> {
  const { size } = await handle.stat();
  const read = async (begin: number, count: number): Promise<Buffer> => {
    if (begin + count > size) throw damaged(file, `${size} bytes where ${begin + count} are needed: it is cut off`);
    const bytes = Buffer.from(new Uint8Array(count));
    let done = 0;
    while (done < count) {
      const { bytesRead } = await handle.read(bytes, done, count - done, begin + done);
      if (bytesRead === 0) throw damaged(file, 'fewer bytes than before: it shrinks');
      done += bytesRead;
    }
    return bytes;
  };
  if (size < 8) throw notArrow(file);
  let at = (await read(0, 6)).toString('latin1') === 'ARROW1' ? 8 : 0;
  while (at + 8 <= size) {
    const head = await read(at, 8);
    if (head.readUInt32LE(0) !== 0xffffffff) throw at <= 8 ? notArrow(file) : damaged(file, `no message at byte ${at}`);
    const length = head.readInt32LE(4);
    if (length === 0) return;
    if (length < 0 || length > LARGEST_METADATA) throw damaged(file, `metadata of ${length} bytes`);
    const metadata = await read(at + 8, length);
    const [message, bodySize] = guard(file, () => {
      const table = Table.root(metadata);
      return [table, table.int64(3)] as const;
    });
    const bodyAt = at + 8 + length;
    if (bodySize < 0 || bodySize > LARGEST_BATCH) throw damaged(file, `a batch of ${bodySize} bytes`);
    if (bodyAt + bodySize > size) throw damaged(file, `${size} bytes where ${bodyAt + bodySize} are needed: it is cut off`);
    yield { message, body: () => read(bodyAt, bodySize) };
    at = bodyAt + bodySize;
  }
}

class Parts implements BatchParts {
  readonly #nodes: Iterator<readonly [number, number]>;
  readonly #buffers: Iterator<readonly [number, number]>;
  readonly #variadic: Iterator<number>;
  readonly #codec: number | undefined;
  readonly #bytes: Buffer;
  readonly #dictionaries: Dictionaries;

  constructor(batch: Table, bytes: Buffer, dictionaries: Dictionaries) {
    this.#nodes = batch.pairs(1).values();
    this.#buffers = batch.pairs(2).values();
    this.#variadic = batch.int64s(4).values();
    this.#codec = batch.table(3)?.int8(0);
    this.#bytes = bytes;
    this.#dictionaries = dictionaries;
  }

  node(): number {
    const [rows] = next(this.#nodes);
    if (rows < 0 || rows > 8 * LARGEST_BATCH) throw new RangeError(`a column of ${rows} rows`);
    return rows;
  }

  buffer(): Buffer {
    const [begin, size] = next(this.#buffers);
    return unpackBuffer(slice(this.#bytes, begin, size), this.#codec);
  }

  variadic(): number {
    return next(this.#variadic);
  }

  dictionary(id: number): Column & { readonly rows: number } {
    const found = this.#dictionaries.get(id);
    if (found === undefined) throw new RangeError(`no dictionary ${id}`);
    return found;
  }
}

function next<T>(items: Iterator<T>): T {
  const { done, value } = items.next() as IteratorResult<T>;
  if (done === true) throw new RangeError('too few parts for the columns');
  return value as T;
}

function readDictionary(file: string, header: Table, body: Buffer, fields: readonly ArrowField[], known: Dictionaries): void {
  guard(file, () => {
    const id = header.int64(0);
    const data = header.table(1);
    const field = findDictionary(fields, id);
    if (data === undefined || field === undefined) return;
    const { rows, get } = readColumn({ name: field.name, type: field.type, children: field.children }, new Parts(data, body, known));
    const before = header.int8(2) === 0 ? undefined : known.get(id);
    const offset = before?.rows ?? 0;
    const all = (row: number): unknown => (row < offset ? before?.(row) : get(row - offset));
    known.set(id, Object.assign(all, { rows: offset + rows }));
  });
}

function findDictionary(fields: readonly ArrowField[], id: number): ArrowField | undefined {
  for (const field of fields) {
    const found = field.dictionary?.id === id ? field : findDictionary(field.children, id);
    if (found !== undefined) return found;
  }
  return undefined;
}

function guard<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damaged(file, (error as Error).message, error);
  }
}

function notArrow(file: string): Error {
  return dataError({ file }, 'expected an Arrow file (IPC file or stream), came something else. Check the name, or download it again');
}

function damaged(file: string, came: string, cause?: unknown): Error {
  return dataError(
    { file },
    `expected a complete Arrow file, came ${came}. Copy or download it again`,
    cause === undefined ? undefined : { cause },
  );
}
