// Records of a data set: rows of a source in one format, found out from the first row unless it is given.
import { dataError } from '../errors.js';
import type { DataRecord } from '../record.js';
import type { FieldNames } from './formats/fields.js';
import { detect, formatOf, mixedRow, toRecord, type DataFormat, type Detection } from './formats/format.js';
import { SOURCE_START, type RawRow, type Source, type SourcePosition } from './source.js';

export interface RecordOptions {
  /** Absent or 'auto': recognised by the fields of the first row, and then the same for all rows. */
  readonly format?: DataFormat | 'auto';
  readonly fields?: FieldNames;
}

export interface RecordBatch {
  readonly records: readonly DataRecord[];
  /** Where the next batch starts. */
  readonly after: SourcePosition;
}

export class Records {
  readonly source: Source;
  readonly detection: Detection;
  readonly #names: FieldNames;
  /** The format was recognised, not given: then every row must be recognised as the same. */
  readonly #strict: boolean;

  constructor(source: Source, detection: Detection, names: FieldNames, strict: boolean) {
    this.source = source;
    this.detection = detection;
    this.#names = names;
    this.#strict = strict;
  }

  /** Batches of records, from the start or from where an earlier batch ended. */
  async *batches(from: SourcePosition = SOURCE_START, signal?: AbortSignal): AsyncGenerator<RecordBatch> {
    for await (const rows of this.source.batches(from, signal)) {
      yield {
        records: rows.map((raw) => this.#record(raw)),
        after: (rows.at(-1) as RawRow).after,
      };
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DataRecord> {
    for await (const { records } of this.batches()) yield* records;
  }

  #record(raw: RawRow): DataRecord {
    const { format } = this.detection;
    const own = this.#strict ? formatOf(raw, this.#names) : undefined;
    if (own !== undefined && own !== format) throw mixedRow(raw, format, own);
    return toRecord(raw, format, this.#names);
  }
}

/** Reads the first row to find out the format; an empty data set is an error. */
export async function openRecords(source: Source, options: RecordOptions = {}): Promise<Records> {
  const names = options.fields ?? {};
  const wanted = options.format === 'auto' ? undefined : options.format;
  for await (const batch of source.batches()) {
    return new Records(source, detect(batch[0] as RawRow, names, wanted), names, wanted === undefined);
  }
  throw dataError(
    { file: source.files[0] as string },
    'expected at least one row, came none. ' +
      (source.files.length > 1 ? `All ${source.files.length} files are empty` : 'The file is empty'),
  );
}
