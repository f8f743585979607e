// Rows of a CSV or TSV file with a header line: records are found as bytes (a quote hides delimiters and line ends), then
// decoded one by one. A broken record is refused by the line where it starts, and reading goes on behind it.
import { isUtf8 } from 'node:buffer';
import { dataError } from '../errors.js';
import { refuse } from './bad-rows.js';
import { LONGEST_ROW, readChunks } from './bytes.js';
import { RecordScanner, type ScannedRecord } from './csv-scan.js';
import { FILE_START, type FilePosition, type FileRow, type ReadRowsOptions, type RowReader } from './row.js';

export const readCsv: RowReader = (file, from, options) => readTable(file, from, options, ',');
export const readTsv: RowReader = (file, from, options) => readTable(file, from, options, '\t');

async function* readTable(
  file: string,
  from: FilePosition,
  options: ReadRowsOptions,
  delimiter: ',' | '\t',
): AsyncGenerator<FileRow[]> {
  let make: RowMaker | undefined;
  if (from.offset > 0) {
    for await (const [first] of scan(file, FILE_START, options, delimiter)) {
      if (first !== undefined) make = rowMaker(checkHeader(cells(first, file, delimiter), file, delimiter));
      break;
    }
  }
  for await (const records of scan(file, from, options, delimiter)) {
    const rows: FileRow[] = [];
    for (const record of records) {
      if (make === undefined) {
        make = rowMaker(checkHeader(cells(record, file, delimiter), file, delimiter));
        continue;
      }
      try {
        rows.push({ value: make(cells(record, file, delimiter), file, record.row), row: record.row, after: record.after });
      } catch (error) {
        refuse(error, options, record.bytes);
      }
    }
    if (rows.length > 0) yield rows;
  }
}

/** One record with the file's header, both as bytes. */
export function tableRow(
  header: Buffer, record: Buffer, delimiter: ',' | '\t', file: string, row: number,
): Readonly<Record<string, unknown>> {
  const one = (bytes: Buffer): ScannedRecord => {
    const scanner = new RecordScanner(FILE_START, {
      delimiter, longest: LONGEST_ROW,
      refuse: (_, problem) => {
        throw dataError({ file, row }, problem);
      },
    });
    const [found] = [...scanner.push(bytes, 0), ...scanner.end()];
    if (found === undefined) throw dataError({ file, row }, 'expected a record, came nothing');
    return found;
  };
  const names = checkHeader(cells(one(withoutMark(header)), file, delimiter), file, delimiter);
  return rowMaker(names)(cells(one(record), file, delimiter), file, row);
}

const withoutMark = (bytes: Buffer): Buffer => (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes);

/** Records of one chunk at a time. */
async function* scan(
  file: string,
  from: FilePosition,
  options: ReadRowsOptions,
  delimiter: ',' | '\t',
): AsyncGenerator<ScannedRecord[]> {
  const scanner = new RecordScanner(from, {
    delimiter,
    longest: options.maxRowBytes ?? LONGEST_ROW,
    refuse: (row, problem, raw) => refuse(dataError({ file, row }, problem), options, raw),
  });
  for await (const { bytes, offset } of readChunks(file, from.offset, options)) {
    const records = scanner.push(bytes, offset);
    if (records.length > 0) yield records;
  }
  const records = scanner.end();
  if (records.length > 0) yield records;
}

function cells({ bytes, quoted, row }: ScannedRecord, file: string, delimiter: ',' | '\t'): string[] {
  if (!isUtf8(bytes)) {
    throw dataError({ file, row }, 'expected UTF-8 text, came bytes that are not. Save the file as UTF-8');
  }
  const text = bytes.toString('utf8');
  return quoted ? quotedCells(text, delimiter) : text.split(delimiter);
}

/** A cell that begins with a quote goes on to the quote that is not doubled; the scanner has seen that it is there. */
function quotedCells(text: string, delimiter: string): string[] {
  const values: string[] = [];
  let at = 0;
  for (;;) {
    let value = '';
    if (text[at] === '"') {
      let close = text.indexOf('"', at + 1);
      while (text[close + 1] === '"') close = text.indexOf('"', close + 2);
      // In a TSV file a quoted word may begin a value that is not quoted.
      if (text[close + 1] === undefined || text[close + 1] === delimiter) {
        value = text.slice(at + 1, close).replaceAll('""', '"');
        at = close + 1;
      }
    }
    const next = text.indexOf(delimiter, at);
    if (next === -1) {
      values.push(value + text.slice(at));
      return values;
    }
    values.push(value + text.slice(at, next));
    at = next + 1;
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
  if (names.some((name) => name.includes('\r'))) {
    throw dataError(
      { file, row: 1 },
      "expected lines that end with \\n or \\r\\n, came \\r alone. Convert the file, for example: tr '\\r' '\\n'",
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

type RowMaker = (values: readonly string[], file: string, row: number) => Readonly<Record<string, unknown>>;

/** Rows as objects without inherited fields: a column may be called "constructor" or "__proto__". */
function rowMaker(header: readonly string[]): RowMaker {
  const Row = function Row() {} as unknown as new () => Record<string, unknown>;
  Row.prototype = Object.create(null) as object;
  return (values, file, row) => {
    if (values.length !== header.length) {
      throw dataError(
        { file, row },
        `expected ${header.length} columns (${header.join(', ')}), came ${values.length}. ` +
          'Quote values that hold the delimiter, a quote or a line end: "like ""this"""',
      );
    }
    const value = new Row();
    for (let at = 0; at < header.length; at++) {
      const name = header[at] as string;
      const text = values[at] as string;
      // The one column that is a number by meaning; everything else stays text, so that "007" is not 7.
      value[name] = name === 'weight' && text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
    }
    return value;
  };
}
