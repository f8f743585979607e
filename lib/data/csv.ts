// Rows of a CSV or TSV file with a header line. Bytes go to the parser undecoded; offsets and lines are counted
// beside it.
import { parse, type CsvError, type Info } from 'csv-parse';
import { dataError } from '../errors.js';
import { readChunks, Utf8Guard, type Chunk } from './bytes.js';
import { FILE_START, type FilePosition, type FileRow, type ReadRowsOptions, type RowReader } from './row.js';

export const readCsv: RowReader = (file, from, options) => readTable(file, from, options, ',');
export const readTsv: RowReader = (file, from, options) => readTable(file, from, options, '\t');

const ROWS_PER_BATCH = 256;

interface ParsedRow {
  readonly record: readonly string[];
  readonly info: Info;
}

async function* readTable(
  file: string,
  from: FilePosition,
  options: ReadRowsOptions,
  delimiter: string,
): AsyncGenerator<FileRow[]> {
  let header: readonly string[] | undefined;
  let batch: FileRow[] = [];
  if (from.offset > 0) {
    for await (const first of parseFile(file, FILE_START, options, delimiter)) {
      header = checkHeader(first.record, file, delimiter);
      break;
    }
  }
  for await (const { record, row, after } of parseFile(file, from, options, delimiter)) {
    if (header === undefined) {
      header = checkHeader(record, file, delimiter);
      continue;
    }
    if (record.length !== header.length) {
      throw dataError(
        { file, row },
        `expected ${header.length} columns (${header.join(', ')}), came ${record.length}. ` +
          'Quote values that hold the delimiter, a quote or a line end: "like ""this"""',
      );
    }
    batch.push({ value: toObject(header, record), row, after });
    if (batch.length === ROWS_PER_BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

async function* parseFile(
  file: string,
  from: FilePosition,
  options: ReadRowsOptions,
  delimiter: string,
): AsyncGenerator<{ record: readonly string[]; row: number; after: FilePosition }> {
  const lines = new LineCounter(from);
  const parser = parse({
    delimiter,
    info: true,
    skip_empty_lines: true,
    relax_column_count: true,
    relax_quotes: delimiter === '\t',
    record_delimiter: ['\r\n', '\n', '\r'],
  });
  const guard = new Utf8Guard(file);
  let base: number | undefined;
  let end = from.offset;
  const queue: ParsedRow[] = [];
  let failure: CsvError | undefined;
  parser.on('readable', () => {
    for (let row = parser.read() as ParsedRow | null; row !== null; row = parser.read() as ParsedRow | null)
      queue.push(row);
  });
  const failed = new Promise<void>((resolve) => {
    parser.on('error', (error) => {
      failure = error as CsvError;
      resolve();
    });
  });
  const drain = function* () {
    for (const { record, info } of queue.splice(0)) {
      const row = lines.take((base ?? 0) + info.bytes);
      yield { record, row, after: { offset: (base ?? 0) + info.bytes, row: lines.passed } };
    }
    if (failure !== undefined) throw csvError(file, lines.passed + 1, failure);
  };
  try {
    for await (const chunk of readChunks(file, from.offset, options)) {
      base ??= chunk.offset;
      end = chunk.offset + chunk.bytes.length;
      guard.push(chunk.bytes, chunk.offset);
      lines.push(chunk);
      await Promise.race([failed, new Promise<void>((resolve) => parser.write(chunk.bytes, () => resolve()))]);
      yield* drain();
    }
    guard.end(end);
    const ended = new Promise<void>((resolve) => parser.once('end', () => resolve()));
    parser.end();
    await Promise.race([failed, ended]);
    yield* drain();
  } finally {
    parser.destroy();
  }
}

/** Turns byte offsets into line numbers; remembers only the line ends that are not behind yet. */
class LineCounter {
  #ends: { at: number; blank: boolean }[] = [];
  #next = 0;
  #openBytes = 0; // of the line that the last chunk left unfinished
  #lastByte = 0;
  passed: number;

  constructor(from: FilePosition) {
    this.passed = from.row;
  }

  push({ bytes, offset }: Chunk): void {
    this.#ends.splice(0, this.#next);
    this.#next = 0;
    let begin = 0;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, begin)) {
      const size = this.#openBytes + at - begin;
      const before = at > 0 ? bytes[at - 1] : this.#lastByte;
      this.#ends.push({ at: offset + at, blank: size === 0 || (size === 1 && before === 13) });
      this.#openBytes = 0;
      begin = at + 1;
    }
    this.#openBytes += bytes.length - begin;
    this.#lastByte = bytes[bytes.length - 1] as number;
  }

  /** The 1-based line where the record that ends at `offset` starts; moves past it. */
  take(offset: number): number {
    const pending = () => this.#ends[this.#next];
    for (let end = pending(); end !== undefined && end.blank && end.at < offset; end = pending()) this.#step();
    const row = this.passed + 1;
    for (let end = pending(); end !== undefined && end.at < offset; end = pending()) this.#step();
    return row;
  }

  #step(): void {
    this.#next++;
    this.passed++;
  }
}

function checkHeader(names: readonly string[], file: string, delimiter: string): readonly string[] {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw dataError(
      { file, row: 1 },
      `expected a header with different column names, came "${twice}" twice. Rename one`,
    );
  }
  if (names.length === 1 && /[;\t,|]/.test(names[0] as string)) {
    throw dataError(
      { file, row: 1 },
      `expected columns separated by ${delimiter === '\t' ? 'tabs' : 'commas'}, came one column ` +
        `"${names[0]}". Name the file .csv for commas or .tsv for tabs, and convert other delimiters`,
    );
  }
  return names;
}

function toObject(header: readonly string[], record: readonly string[]): Readonly<Record<string, unknown>> {
  const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  header.forEach((name, at) => {
    const text = record[at] as string;
    // The one column that is a number by meaning; everything else stays text, so that "007" is not 7.
    value[name] = name === 'weight' && text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
  });
  return value;
}

function csvError(file: string, row: number, error: CsvError): Error {
  const advice =
    error.code === 'CSV_QUOTE_NOT_CLOSED'
      ? 'A quote that starts here is never closed: close it, or double it inside a quoted value'
      : 'Inside a quoted value write each quote twice, and quote the whole value';
  return dataError({ file, row }, `expected a well-formed record, came: ${error.message}. ${advice}`, { cause: error });
}
