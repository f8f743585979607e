// Rows of a Parquet file, one row group at a time; a damaged or truncated file is named.
import { open, type FileHandle } from 'node:fs/promises';
import { parquetMetadataAsync, parquetReadObjects, type AsyncBuffer, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { dataError, isEngineError } from '../errors.js';
import { refuse, type BadRow } from './bad-rows.js';
import { asRow } from './json-row.js';
import { SOURCE_START, type FileRow, type RawRow, type RowReader } from './row.js';

const ROWS_PER_BATCH = 1024;
/** Most bytes that a row group may unpack to. Writers make groups of some megabytes to a gigabyte. */
const LARGEST_GROUP = 4 * 1024 ** 3;

/** An open file, to be read group by group in any order. */
export interface ParquetFile {
  readonly file: string;
  /** Rows of each group. */
  readonly groups: readonly number[];
  read(group: number): Promise<(RawRow | BadRow)[]>;
  close(): Promise<void>;
}

export const readParquet: RowReader = async function* (file, from, options) {
  const parquet = await openGroups(file);
  try {
    let begin = 0;
    for (const [number, count] of parquet.groups.entries()) {
      const rowStart = Math.max(begin, from.offset);
      const rowEnd = begin + count;
      begin = rowEnd;
      if (rowStart >= rowEnd) continue;
      options.signal?.throwIfAborted();
      let objects: readonly unknown[];
      try {
        objects = await parquet.objects(number, rowStart, rowEnd);
      } catch (error) {
        // One group that cannot be read says nothing about the others.
        refuse(error, options);
        continue;
      }
      for (let at = 0; at < objects.length; at += ROWS_PER_BATCH) {
        options.signal?.throwIfAborted();
        const rows: FileRow[] = [];
        for (let i = at; i < Math.min(objects.length, at + ROWS_PER_BATCH); i++) {
          const row = rowStart + i + 1;
          try {
            rows.push({ value: await valueOf(file, row, objects[i]), row, after: { offset: row, row } });
          } catch (error) {
            refuse(error, options);
          }
        }
        if (rows.length > 0) yield rows;
      }
    }
  } finally {
    await parquet.handle.close();
  }
};

export async function openParquet(file: string): Promise<ParquetFile> {
  const { groups, objects, handle } = await openGroups(file);
  return {
    file,
    groups,
    close: () => handle.close(),
    read: async (group) => {
      const begin = groups.slice(0, group).reduce((sum, size) => sum + size, 0);
      const size = groups[group] as number;
      const bad = (row: number, error: unknown): BadRow => {
        if (!isEngineError(error, 'ERR_DATA')) throw error;
        return { file, row, reason: error.message };
      };
      try {
        const found = await objects(group, begin, begin + size);
        return await Promise.all(found.map(async (object, i) => {
          const row = begin + i + 1;
          return valueOf(file, row, object).then(
            (value): RawRow => ({ value, file, row, index: 0, after: SOURCE_START }), (error: unknown) => bad(row, error));
        }));
      } catch (error) {
        return Array.from({ length: size }, (_, i) => bad(begin + i + 1, error));
      }
    },
  };
}

async function openGroups(file: string) {
  const handle = await open(file, 'r').catch((error: Error) => {
    throw dataError({ file }, `cannot be read: ${error.message}`, { cause: error });
  });
  try {
    const buffer = await checkedBuffer(file, handle);
    const metadata = await guard(file, () => parquetMetadataAsync(buffer));
    const groups = groupSizes(file, metadata);
    const objects = async (number: number, rowStart: number, rowEnd: number): Promise<readonly unknown[]> => {
      checkSize(file, metadata, number, rowStart);
      const found = await guard(file, () =>
        parquetReadObjects({ file: buffer, metadata, compressors, rowStart, rowEnd, rowFormat: 'object' }),
      );
      if (found.length !== rowEnd - rowStart) {
        throw damaged(file, `${found.length} rows where the footer says ${rowEnd - rowStart}`);
      }
      return found;
    };
    return { handle, groups, objects };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function valueOf(file: string, row: number, object: unknown): Promise<Readonly<Record<string, unknown>>> {
  return asRow(await guard(file, () => plain(object)), file, row);
}

function groupSizes(file: string, metadata: FileMetaData): number[] {
  const sizes = metadata.row_groups.map((group) => Number(group.num_rows));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0) || total !== Number(metadata.num_rows)) {
    throw damaged(file, `row groups of ${sizes.join(', ')} rows in a file of ${metadata.num_rows}`);
  }
  return sizes;
}

function checkSize(file: string, metadata: FileMetaData, number: number, row: number): void {
  const columns = metadata.row_groups[number]?.columns ?? [];
  const size = columns.reduce((sum, { meta_data: column }) => sum + Number(column?.total_uncompressed_size ?? 0), 0);
  if (size <= LARGEST_GROUP) return;
  throw dataError(
    { file, row: row + 1 },
    `expected row groups of at most ${LARGEST_GROUP / 1024 ** 3} GB, came one that unpacks to ` +
      `${(size / 1024 ** 3).toFixed(1)} GB. Write the file again with smaller row groups`,
  );
}

/** The file as hyparquet wants it, after the cheap checks that catch truncation before anything is parsed. */
async function checkedBuffer(file: string, handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
    const length = end - start;
    if (start < 0 || length < 0 || end > size)
      throw new RangeError(`bytes ${start} to ${end} lie outside the file of ${size}`);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle.read(bytes, done, length - done, start + done);
      if (bytesRead === 0) throw new RangeError(`the file ends at ${start + done}, before byte ${end}`);
      done += bytesRead;
    }
    return bytes.buffer;
  };
  const magic = async (at: number) => Buffer.from(await slice(at, at + 4)).toString('latin1');
  if (size < 12 || (await magic(0)) !== 'PAR1') {
    throw dataError(
      { file },
      'expected a Parquet file (it starts and ends with "PAR1"), came something else. ' +
        'Check the name, or download it again',
    );
  }
  if ((await magic(size - 4)) !== 'PAR1') throw damaged(file, 'no "PAR1" at the end: it is cut off');
  const footer = Buffer.from(await slice(size - 8, size - 4)).readUInt32LE(0);
  if (footer > size - 12) throw damaged(file, `a footer of ${footer} bytes in a file of ${size}`);
  // hyparquet asks `instanceof Promise`; an async function's promise may be of another realm (in jest), this one is
  // not.
  return { byteLength: size, slice: (start, end) => Promise.resolve(slice(start, end)) };
}

async function guard<T>(file: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw damaged(file, (error as Error).message, error);
  }
}

function damaged(file: string, came: string, cause?: unknown): Error {
  return dataError(
    { file },
    `expected a complete Parquet file, came ${came}. Copy or download it again`,
    cause === undefined ? undefined : { cause },
  );
}

/**
 * Parquet's own types as JSON has them: 64-bit integers become numbers where exact and text where not, dates ISO
 * text.
 */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of Object.entries(value)) result[key] = plain(item);
  return result;
}
