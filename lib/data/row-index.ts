// Where every row of some files lies, so that any of them can be read on its own. Lines and records have their byte offsets
// in an index file beside the caches, eight bytes a row, made once and never held in memory; Parquet files have row groups.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { dataError } from '../errors.js';
import type { BadRow } from './bad-rows.js';
import { isCompressed, readChunks } from './bytes.js';
import { readCsv, readTsv } from './csv.js';
import { RecordScanner } from './csv-scan.js';
import { readerFor } from './files.js';
import { readJsonl } from './jsonl.js';
import { openParquet, readParquet, type ParquetFile } from './parquet.js';
import { parseBytes } from './row-bytes.js';
import type { RawRow } from './row.js';
import { mix, permutation, type Permutation } from './shuffle.js';

export interface RowIndexOptions {
  /** Where index files go. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  readonly maxRowBytes?: number;
  /** Bytes scanned of all that must be. */
  readonly onProgress?: (done: number, total: number) => void;
}

interface IndexedFile {
  readonly file: string;
  readonly rows: number;
  read(rows: readonly number[], emit: (at: number, row: RawRow | BadRow) => void): Promise<void>;
  /** Numbers of rows that are read together; absent: any order costs the same. */
  readonly groups?: readonly number[];
  close(): Promise<void>;
}

const ENTRY = 8;
const MAGIC = Buffer.from('WHETIDX1');
/** Magic, size and time of the data file: an index of other data is made again. */
const HEAD = 8 + 8 + 8;

export class RowIndex {
  readonly #files: readonly IndexedFile[];
  readonly #begins: readonly number[];
  readonly length: number;

  private constructor(files: readonly IndexedFile[]) {
    this.#files = files;
    const begins = [0];
    for (const { rows } of files) begins.push((begins.at(-1) as number) + rows);
    this.#begins = begins;
    this.length = begins.at(-1) as number;
  }

  /** Opens or makes the index of files; a file in which no place can be reached is an error. */
  static async open(files: readonly string[], options: RowIndexOptions): Promise<RowIndex> {
    const sizes = await Promise.all(files.map((file) => stat(file).then(({ size }) => size, () => 0)));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const opened: IndexedFile[] = [];
    let before = 0;
    try {
      for (const [i, file] of files.entries()) {
        const start = before;
        opened.push(await openIndexed(file, options, (done) => options.onProgress?.(start + done, total)));
        before += sizes[i] as number;
      }
    } catch (error) {
      await Promise.all(opened.map((one) => one.close()));
      throw error;
    }
    return new RowIndex(opened);
  }

  /** Rows by number, in the order asked for; what cannot be read is a BadRow. */
  async read(rows: readonly number[]): Promise<(RawRow | BadRow)[]> {
    const found: (RawRow | BadRow)[] = Array.from({ length: rows.length });
    for (const [f, file] of this.#files.entries()) {
      const begin = this.#begins[f] as number;
      const places = [...rows.keys()].filter((at) => (rows[at] as number) >= begin && (rows[at] as number) < begin + file.rows);
      if (places.length === 0) continue;
      await file.read(places.map((at) => (rows[at] as number) - begin), (i, row) => {
        const at = places[i] as number;
        found[at] = 'value' in row ? { ...row, index: rows[at] as number } : row;
      });
    }
    return found;
  }

  /** An order of all rows: a permutation of everything, or of row groups and of the rows in each of them. */
  order(seed: number, pass: number): Permutation {
    if (this.#files.every(({ groups }) => groups === undefined)) return permutation(this.length, seed, pass);
    const groups = this.#files.flatMap(({ groups: own, rows }, f) => {
      let begin = this.#begins[f] as number;
      // Files without groups are parted evenly, so that they mix with the others.
      const sizes = own ?? Array.from({ length: Math.ceil(rows / 1024) }, (_, i) => Math.min(1024, rows - 1024 * i));
      return sizes.map((size) => ({ begin: (begin += size) - size, size }));
    });
    const shuffled = permutation(groups.length, seed, pass);
    const sorted = groups.map((_, i) => groups[shuffled(i)] as { begin: number; size: number });
    const ends: number[] = [];
    for (const { size } of sorted) ends.push((ends.at(-1) ?? 0) + size);
    return (index) => {
      let [low, high] = [0, ends.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((ends[middle] as number) > index) high = middle;
        else low = middle + 1;
      }
      const { begin, size } = sorted[low] as { begin: number; size: number };
      return begin + permutation(size, mix(seed, begin), pass)(index - ((ends[low] as number) - size));
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }
}

async function openIndexed(file: string, options: RowIndexOptions, onProgress: (done: number) => void): Promise<IndexedFile> {
  const reader = readerFor(file);
  if (reader === readParquet) return groupsOf(await openParquet(file));
  const delimiter = reader === readCsv ? ',' : reader === readTsv ? '\t' : undefined;
  if (isCompressed(file) || (reader !== readJsonl && delimiter === undefined)) {
    throw dataError(
      { file },
      `expected a file any row of which can be reached (.jsonl, .csv, .tsv, .parquet), came ${path.basename(file)}. ` +
        (isCompressed(file) ? 'Unpack it' : 'Write it as JSON Lines') + ', or set data.streaming: false',
    );
  }
  const index = path.join(options.folder, `${createHash('sha256').update(path.resolve(file)).digest('hex').slice(0, 32)}.rows`);
  const { size, mtimeMs } = await stat(file);
  let handle = await current(index, size, mtimeMs);
  if (handle === undefined) {
    await writeIndex(index, file, { size, mtimeMs }, delimiter, options, onProgress);
    handle = await current(index, size, mtimeMs);
  }
  if (handle === undefined) throw dataError({ file: index }, 'the index of rows could not be read back. Is the disk full?');
  return new LineFile(file, handle, await open(file, 'r'), size, Math.floor(((await handle.stat()).size - HEAD) / ENTRY), { delimiter, ...options });
}

/** The index file, if it is of this very data. */
async function current(index: string, size: number, mtimeMs: number): Promise<FileHandle | undefined> {
  const handle = await open(index, 'r').catch(() => undefined);
  if (handle === undefined) return undefined;
  const head = Buffer.alloc(HEAD);
  const { bytesRead } = await handle.read(head, 0, HEAD, 0);
  if (bytesRead === HEAD && head.subarray(0, 8).equals(MAGIC) && head.readDoubleLE(8) === size && head.readDoubleLE(16) === mtimeMs) return handle;
  await handle.close();
  return undefined;
}

async function writeIndex(
  index: string, file: string, { size, mtimeMs }: { size: number; mtimeMs: number }, delimiter: ',' | '\t' | undefined,
  options: RowIndexOptions, onProgress: (done: number) => void,
): Promise<void> {
  await mkdir(options.folder, { recursive: true });
  const temporary = `${index}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx');
  try {
    const head = Buffer.alloc(HEAD);
    MAGIC.copy(head);
    head.writeDoubleLE(size, 8);
    head.writeDoubleLE(mtimeMs, 16);
    let entries = Buffer.allocUnsafe(64 * 1024);
    let used = head.copy(entries);
    const flush = async (): Promise<void> => {
      await handle.write(entries, 0, used);
      used = 0;
    };
    for await (const starts of delimiter === undefined ? lineStarts(file, options) : recordStarts(file, delimiter, options)) {
      if (used + starts.length * ENTRY > entries.length) {
        await flush();
        if (starts.length * ENTRY > entries.length) entries = Buffer.allocUnsafe(starts.length * ENTRY);
      }
      for (const start of starts) used = entries.writeDoubleLE(start, used);
      onProgress(starts.at(-1) ?? 0);
    }
    await flush();
    await handle.sync();
    await handle.close();
    await rename(temporary, index);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Where lines that are not blank begin. */
async function* lineStarts(file: string, options: RowIndexOptions): AsyncGenerator<number[]> {
  let start: number | undefined;
  let blank = true;
  for await (const { bytes, offset } of readChunks(file, 0, options)) {
    const starts: number[] = [];
    start ??= offset;
    let begin = 0;
    for (let at = bytes.indexOf(10); ; at = bytes.indexOf(10, begin)) {
      const end = at === -1 ? bytes.length : at;
      for (let i = begin; blank && i < end; i++) {
        const byte = bytes[i] as number;
        blank = byte === 32 || byte === 13 || byte === 9;
      }
      if (at === -1) break;
      if (!blank) starts.push(start);
      begin = at + 1;
      start = offset + begin;
      blank = true;
    }
    yield starts;
  }
  if (!blank && start !== undefined) yield [start];
}

/** Where records begin, the header left out. */
async function* recordStarts(file: string, delimiter: ',' | '\t', options: RowIndexOptions): AsyncGenerator<number[]> {
  const scanner = new RecordScanner({ offset: 0, row: 0 }, { delimiter, longest: options.maxRowBytes ?? 32 << 20, refuse: () => undefined });
  let start: number | undefined;
  const take = (records: readonly { readonly after: { readonly offset: number } }[]): number[] => records.flatMap(({ after }) => {
    const own = start;
    start = after.offset;
    return own === undefined ? [] : [own];
  });
  for await (const { bytes, offset } of readChunks(file, 0, options)) yield take(scanner.push(bytes, offset));
  yield take(scanner.end());
}

class LineFile implements IndexedFile {
  readonly file: string;
  readonly rows: number;
  readonly #index: FileHandle;
  readonly #data: FileHandle;
  readonly #size: number;
  readonly #options: { readonly delimiter: ',' | '\t' | undefined; readonly maxRowBytes?: number };
  #header: Promise<Buffer> | undefined;

  constructor(file: string, index: FileHandle, data: FileHandle, size: number, rows: number, options: { readonly delimiter: ',' | '\t' | undefined; readonly maxRowBytes?: number }) {
    this.file = file;
    this.rows = rows;
    this.#index = index;
    this.#data = data;
    this.#size = size;
    this.#options = options;
  }

  async read(rows: readonly number[], emit: (at: number, row: RawRow | BadRow) => void): Promise<void> {
    const { file } = this;
    const { delimiter, maxRowBytes = 32 << 20 } = this.#options;
    const header = delimiter === undefined ? undefined : await (this.#header ??= this.#range(0, Number.NaN));
    for (const [at, row] of rows.entries()) {
      const [begin, end] = await this.#bounds(row);
      if (end - begin > maxRowBytes) {
        emit(at, { file, row: row + 1, reason: `${file}, row ${row + 1}: expected a row of at most ${maxRowBytes} bytes, came ${end - begin}` });
        continue;
      }
      const bytes = await this.#range(begin, end - begin);
      emit(at, parseBytes(file, row + 1, bytes, delimiter, header));
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#index.close(), this.#data.close()]);
  }

  async #bounds(row: number): Promise<[number, number]> {
    const entries = Buffer.alloc(2 * ENTRY);
    const { bytesRead } = await this.#index.read(entries, 0, 2 * ENTRY, HEAD + row * ENTRY);
    return [entries.readDoubleLE(0), bytesRead < 2 * ENTRY ? this.#size : entries.readDoubleLE(ENTRY)];
  }

  /** Bytes of the file; with a size that is no number, up to where the first row begins. */
  async #range(begin: number, size: number): Promise<Buffer> {
    const count = Number.isNaN(size) ? (this.rows === 0 ? this.#size : (await this.#bounds(0))[0]) : size;
    const bytes = Buffer.alloc(count);
    let done = 0;
    while (done < count) {
      const { bytesRead } = await this.#data.read(bytes, done, count - done, begin + done);
      if (bytesRead === 0) throw dataError({ file: this.file }, 'the file has become shorter since its rows were indexed. Begin anew');
      done += bytesRead;
    }
    return bytes;
  }
}

/** Row groups: the last one read stays, because neighbours are asked for one after the other. */
function groupsOf(parquet: ParquetFile): IndexedFile {
  let held: { readonly group: number; readonly rows: readonly (RawRow | BadRow)[] } | undefined;
  const begins = [0];
  for (const size of parquet.groups) begins.push((begins.at(-1) as number) + size);
  return {
    file: parquet.file,
    rows: begins.at(-1) as number,
    groups: parquet.groups,
    close: () => parquet.close(),
    read: async (rows, emit) => {
      for (const [at, row] of rows.entries()) {
        const group = begins.findIndex((_, g) => row < (begins[g + 1] as number));
        if (held?.group !== group) held = { group, rows: await parquet.read(group) };
        emit(at, held.rows[row - (begins[group] as number)] as RawRow | BadRow);
      }
    },
  };
}
