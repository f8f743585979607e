// From files to a tokenised data set in one call: rows, records, workers, cache, report.
import { createHash } from 'node:crypto';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { BadRowKeeper, type BadRow, type BadRowSummary } from '../data/bad-rows.js';
import { fingerprintFiles } from '../data/fingerprint.js';
import type { Mapping } from '../data/formats/fields.js';
import type { DataFormat, Detection } from '../data/formats/format.js';
import { openRecords, type RecordOptions } from '../data/records.js';
import type { ReadRowsOptions } from '../data/row.js';
import { openSource } from '../data/source.js';
import type { DataRecord } from '../record.js';
import { dataError } from '../errors.js';
import type { ChatTemplate } from '../text/chat-template.js';
import { defaultCacheFolder, readCache, SetWriter } from '../text/encode-cache.js';
import { encodeStream, type PoolOptions } from '../text/encode-pool.js';
import { RecordEncoder, type EncodeOptions } from '../text/encode.js';
import type { EncodedSet, EncodeReport } from '../text/encoded-set.js';
import { encoderHash } from '../text/encoder-spec.js';
import type { TextTokenizer } from '../text/tokenizer.js';

export interface DatasetOptions
  extends EncodeOptions, Pick<ReadRowsOptions, 'textSplit' | 'maxRowBytes'>, Mapping, Pick<RecordOptions, 'pairs' | 'weight'>, PoolOptions {
  readonly tokenizer: TextTokenizer;
  /** Absent for models without one. */
  readonly template?: ChatTemplate | undefined;
  readonly format?: DataFormat | 'auto';
  /** Rows that cannot be used are an error (default), or counted and kept aside, and the others are used. */
  readonly badRows?: 'error' | 'keep-aside';
  /** Where rows that are kept aside go. Default: only into the cache folder. */
  readonly badRowsFile?: string;
  /** Folder that relative names start from. Default: the working directory. */
  readonly base?: string;
  /** Folder of the cache; false: none. Default: `~/.cache/whetstone/encoded`. */
  readonly cache?: string | false;
  /** Most bytes of tokens kept in memory; larger sets are read from the cache file as needed. Default 256 MB. */
  readonly memoryBytes?: number;
  readonly onProgress?: (progress: EncodeReport) => void;
}

export interface Dataset {
  readonly set: EncodedSet;
  readonly files: readonly string[];
  readonly detection: Detection;
  readonly report: EncodeReport;
  /** Things the user should know, as sentences. */
  readonly warnings: readonly string[];
  /** Rows that were kept aside. */
  readonly bad: BadRowSummary;
}

/** Reads, encodes and caches. Every problem of a row is an ERR_DATA naming it. */
export async function openDataset(names: string | readonly string[], options: DatasetOptions): Promise<Dataset> {
  const { tokenizer, template, signal, onProgress } = options;
  const encoder = new RecordEncoder(tokenizer, template, encodeOptions(options));
  const lenient = options.badRows === 'keep-aside';
  let keeper: BadRowKeeper | undefined;
  const bad = lenient ? { onBad: (row: BadRow) => keeper?.add(row) } : {};
  const source = await openSource(names, {
    ...(options.base === undefined ? {} : { base: options.base }),
    ...(options.textSplit === undefined ? {} : { textSplit: options.textSplit }),
    ...(options.maxRowBytes === undefined ? {} : { maxRowBytes: options.maxRowBytes }),
    ...(signal === undefined ? {} : { signal }),
    ...bad,
  });
  const { format, fields, roles, pairs, weight } = options;
  const records = await openRecords(source, {
    ...(format === undefined ? {} : { format }), ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }),
    ...(pairs === undefined ? {} : { pairs }), ...(weight === undefined ? {} : { weight }), ...bad,
  });
  const key = createHash('sha256')
    .update(
      JSON.stringify([
        3,
        encoderHash(encoder),
        await fingerprintFiles(source.files, signal),
        records.detection.format,
        records.detection.mapping,
        [pairs ?? null, weight ?? 1, lenient, options.maxRowBytes ?? null],
        options.textSplit ?? null,
        source.files.map((file) => file.slice(file.lastIndexOf('.'))),
      ]),
    )
    .digest('hex');
  const folder = options.cache === false ? undefined : (options.cache ?? defaultCacheFolder());
  const cached = folder === undefined ? undefined : await readCache(folder, key, signal, options.memoryBytes);
  const warnings: string[] = [];
  const aside = folder === undefined ? options.badRowsFile : path.join(folder, `${key}.bad-rows.jsonl`);
  let summary: BadRowSummary = { count: cached?.report.bad ?? 0, first: [], ...(aside === undefined ? {} : { keptIn: aside }) };
  let set = cached;
  if (set === undefined) {
    keeper = new BadRowKeeper(aside);
    const writer = await SetWriter.open(key, folder, options.memoryBytes);
    try {
      const batches = async function* (): AsyncGenerator<readonly DataRecord[]> {
        for await (const batch of records.batches(undefined, signal)) yield batch.records;
      };
      for await (const batch of encodeStream(encoder, batches(), options)) {
        await writer.add(batch);
        onProgress?.(writer.report);
      }
      summary = await keeper.close();
      set = await writer.finish(summary.count);
    } catch (error) {
      await writer.abandon();
      await keeper.close().catch(() => undefined);
      throw error;
    }
    if (writer.cacheProblem !== undefined)
      warnings.push(
        `The encoded data could not be cached in ${folder}: ${writer.cacheProblem}. It will be encoded again next ` +
          'time.',
      );
  }
  const { report } = set;
  if (aside !== undefined && options.badRowsFile !== undefined && aside !== options.badRowsFile && summary.count > 0 && summary.problem === undefined) {
    await mkdir(path.dirname(options.badRowsFile), { recursive: true }).then(() => copyFile(aside, options.badRowsFile as string)).then(
      () => { summary = { ...summary, keptIn: options.badRowsFile as string }; },
      (error: Error) => warnings.push(`The rows kept aside could not be copied to ${options.badRowsFile}: ${error.message}.`),
    );
  }
  if (report.kept === 0) {
    throw dataError(
      { file: source.files[0] as string },
      `expected at least one row to learn, came none of ${report.rows}: ${report.tooLong} too long, ` +
        `${report.weightless} with weight 0, ${report.bad} that cannot be used. ` +
        'Raise train.maxLength, or check the weights and the rows' +
        (summary.first[0] === undefined ? '' : `. The first bad one: ${summary.first[0].reason}`),
    );
  }
  return {
    set,
    files: source.files,
    detection: records.detection,
    report,
    warnings: [...warnings, ...badWarning(summary, report), ...warningsOf(report)],
    bad: summary,
  };
}

function badWarning({ count, first, keptIn, problem }: BadRowSummary, { rows }: EncodeReport): string[] {
  if (count === 0) return [];
  const shown = first.slice(0, 3).map(({ reason }) => `\n  ${reason}`).join('');
  return [
    `${count} bad rows were left out (${rows} are used)${keptIn === undefined ? '' : `; they are kept in ${keptIn}`}${problem === undefined ? '' : ` and could not be kept: ${problem}`}. ` +
      `data.badRows: error stops at the first one.${shown}`,
  ];
}

/** The part of the options that encoding depends on. */
export function encodeOptions(options: DatasetOptions): EncodeOptions {
  const { trainOn, useTemplate, maxLength, tooLong, vocabulary, reasoning, endOfTurn, straddling } = options;
  return {
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(endOfTurn === undefined ? {} : { endOfTurn }),
    ...(straddling === undefined ? {} : { straddling }),
    ...(trainOn === undefined ? {} : { trainOn }),
    ...(useTemplate === undefined ? {} : { useTemplate }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(tooLong === undefined ? {} : { tooLong }),
    ...(vocabulary === undefined ? {} : { vocabulary }),
  };
}

function warningsOf({ rows, truncated, tooLong, weightless, straddling }: EncodeReport): string[] {
  const of = (count: number) => `${count} of ${rows} rows`;
  return [
    ...(truncated > 0
      ? [`${of(truncated)} are longer than train.maxLength and were truncated: their end token is not learned.`]
      : []),
    ...(tooLong > 0 ? [`${of(tooLong)} are longer than train.maxLength and were left out.`] : []),
    ...(weightless > 0 ? [`${of(weightless)} have weight 0 and were left out.`] : []),
    ...(straddling > 0
      ? [
          `In ${of(straddling)} one token holds what is learned and what is not, such as the end of the prompt and the start of ` +
            'the answer: the larger part decides, and generation may split the text there. ' +
            'End prompts without a space, and start completions with one (data.straddling: error refuses such rows).',
        ]
      : []),
  ];
}
