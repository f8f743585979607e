// Records of a data set: rows of a source in one format, found out from the first rows unless it is given.
import { dataError } from '../errors.js';
import type { ChatMessage, DataRecord } from '../record.js';
import { refuse, type BadRowOptions } from './bad-rows.js';
import type { Mapping } from './formats/fields.js';
import { detect, formatOf, mixedRow, toRecord, type DataFormat, type Detection } from './formats/format.js';
import { readTree, treeOf } from './formats/oasst.js';
import { SOURCE_START, type RawRow, type Source, type SourcePosition } from './source.js';

export interface RecordOptions extends Mapping, BadRowOptions {
  /** Absent or 'auto': recognised by the fields of the first rows, and then the same for all rows. */
  readonly format?: DataFormat | 'auto';
  /**
   * Pairs of answers, and answers with a verdict: kept as they are (default), or 'chosen': only the preferred answer of
   * each, as a conversation to learn.
   */
  readonly pairs?: 'keep' | 'chosen';
  /** Multiplies the weight of every row. Default 1. */
  readonly weight?: number;
}

export interface RecordBatch {
  readonly records: readonly DataRecord[];
  /** Where the next batch starts. */
  readonly after: SourcePosition;
}

/** Rows that are looked at to find out the format. */
const LOOKED_AT = 100;

export class Records {
  readonly source: Source;
  readonly detection: Detection;
  readonly #options: RecordOptions;
  /** The format was recognised, not given: then every row must be recognised as the same. */
  readonly #strict: boolean;

  constructor(source: Source, detection: Detection, options: RecordOptions) {
    this.source = source;
    this.detection = detection;
    this.#options = options;
    this.#strict = options.format === undefined || options.format === 'auto';
  }

  /** Batches of records, from the start or from where an earlier batch ended. */
  async *batches(from: SourcePosition = SOURCE_START, signal?: AbortSignal): AsyncGenerator<RecordBatch> {
    const { format } = this.detection;
    if (format === 'oasst' || format === 'oasst-pairs') {
      yield* this.#trees(from, format === 'oasst-pairs', signal);
      return;
    }
    for await (const rows of this.source.batches(from, signal)) {
      yield {
        records: rows.flatMap((raw) => this.#guarded([raw], () => [this.record(raw)])),
        after: (rows.at(-1) as RawRow).after,
      };
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DataRecord> {
    for await (const { records } of this.batches()) yield* records;
  }

  /** One row on its own; not for the formats in which several rows belong together. */
  record(raw: RawRow): DataRecord {
    const { format, mapping } = this.detection;
    const own = this.#strict ? formatOf(raw, mapping) : undefined;
    if (own !== undefined && own !== format) throw mixedRow(raw, format, own);
    return toRecord(raw, format, mapping);
  }

  /** As {@link batches} does it: with the weight of the set, and pairs as wanted. None for an answer nobody wanted. */
  finish(record: DataRecord): DataRecord[] {
    const { weight = 1, pairs = 'keep' } = this.#options;
    const chosen = pairs === 'chosen' ? chosenOf(record) : record;
    if (chosen === undefined) return [];
    return [weight === 1 ? chosen : { ...chosen, weight: (chosen.weight ?? 1) * weight }];
  }

  async *#trees(from: SourcePosition, pairs: boolean, signal?: AbortSignal): AsyncGenerator<RecordBatch> {
    let open: RawRow[] = [];
    const close = (): DataRecord[] => {
      const rows = open;
      open = [];
      return rows.length === 0 ? [] : this.#guarded(rows, () => readTree(rows, pairs));
    };
    for await (const rows of this.source.batches(from, signal)) {
      const records: DataRecord[] = [];
      let after: SourcePosition | undefined;
      for (const raw of rows) {
        const tree = treeOf(raw);
        if (open.length > 0 && (tree === undefined || tree !== treeOf(open[0] as RawRow))) {
          after = (open.at(-1) as RawRow).after;
          records.push(...close());
        }
        open.push(raw);
      }
      if (after !== undefined) yield { records, after };
    }
    const last = open.at(-1);
    if (last !== undefined) yield { records: close(), after: last.after };
  }

  #guarded(rows: readonly RawRow[], make: () => readonly DataRecord[]): DataRecord[] {
    try {
      return make().flatMap((record) => this.finish(record));
    } catch (error) {
      refuse(error, this.#options, rows.map(({ value, text }) => text ?? JSON.stringify(value)).join('\n'));
      return [];
    }
  }
}

/** Reads the first rows to find out the format; an empty data set is an error. */
export async function openRecords(source: Source, options: RecordOptions = {}): Promise<Records> {
  const wanted = options.format === 'auto' ? undefined : options.format;
  let first: string | undefined;
  const rows = await source.first(LOOKED_AT, ({ reason }) => { first ??= reason; });
  if (rows.length > 0) return new Records(source, detect(rows, options, wanted), options);
  throw dataError(
    { file: source.files[0] as string },
    'expected at least one row, came none. ' +
      (source.files.length > 1 ? `All ${source.files.length} files are empty` : 'The file is empty') +
      (first === undefined ? '' : `, or no row of it can be read. The first bad one: ${first}`),
  );
}

/** The preferred answer as a conversation in which only it is learned. */
function chosenOf(record: DataRecord): DataRecord | undefined {
  if (record.kind !== 'preference' && record.kind !== 'labelled') return record;
  const { file, row, index, weight, tools } = record;
  if (record.kind === 'labelled' && !record.desirable) return undefined;
  const answer = record.kind === 'preference' ? record.chosen : record.completion;
  const prompt: ChatMessage[] = record.prompt.map((message) => ({ ...message, weight: 0 }));
  return {
    file, row, index, kind: 'messages', messages: [...prompt, ...answer],
    ...(weight === undefined ? {} : { weight }), ...(tools === undefined ? {} : { tools }),
  };
}
