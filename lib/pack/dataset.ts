// From files to a tokenised data set in one call: rows, records, workers, cache, report.
import { createHash } from 'node:crypto';
import { fingerprintFiles } from '../data/fingerprint.js';
import type { FieldNames } from '../data/formats/fields.js';
import type { DataFormat, Detection } from '../data/formats/format.js';
import { openRecords } from '../data/records.js';
import type { TextOptions } from '../data/row.js';
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

export interface DatasetOptions extends EncodeOptions, TextOptions, PoolOptions {
  readonly tokenizer: TextTokenizer;
  /** Absent for models without one. */
  readonly template?: ChatTemplate | undefined;
  readonly format?: DataFormat | 'auto';
  readonly fields?: FieldNames;
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
}

/** Reads, encodes and caches. Every problem of a row is an ERR_DATA naming it. */
export async function openDataset(names: string | readonly string[], options: DatasetOptions): Promise<Dataset> {
  const { tokenizer, template, signal, onProgress } = options;
  const encoder = new RecordEncoder(tokenizer, template, encodeOptions(options));
  const source = await openSource(names, {
    ...(options.base === undefined ? {} : { base: options.base }),
    ...(options.textSplit === undefined ? {} : { textSplit: options.textSplit }),
    ...(signal === undefined ? {} : { signal }),
  });
  const records = await openRecords(source, {
    ...(options.format === undefined ? {} : { format: options.format }),
    ...(options.fields === undefined ? {} : { fields: options.fields }),
  });
  const key = createHash('sha256')
    .update(
      JSON.stringify([
        2,
        encoderHash(encoder),
        await fingerprintFiles(source.files, signal),
        records.detection.format,
        options.fields ?? null,
        options.textSplit ?? null,
        source.files.map((file) => file.slice(file.lastIndexOf('.'))),
      ]),
    )
    .digest('hex');
  const folder = options.cache === false ? undefined : (options.cache ?? defaultCacheFolder());
  const cached = folder === undefined ? undefined : await readCache(folder, key, signal, options.memoryBytes);
  const warnings: string[] = [];
  let set = cached;
  if (set === undefined) {
    const writer = await SetWriter.open(key, folder, options.memoryBytes);
    try {
      const batches = async function* (): AsyncGenerator<readonly DataRecord[]> {
        for await (const batch of records.batches(undefined, signal)) yield batch.records;
      };
      for await (const batch of encodeStream(encoder, batches(), options)) {
        await writer.add(batch);
        onProgress?.(writer.report);
      }
      set = await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    if (writer.cacheProblem !== undefined)
      warnings.push(
        `The encoded data could not be cached in ${folder}: ${writer.cacheProblem}. It will be encoded again next ` +
          'time.',
      );
  }
  const { report } = set;
  if (report.kept === 0) {
    throw dataError(
      { file: source.files[0] as string },
      `expected at least one row to learn, came none of ${report.rows}: ${report.tooLong} too long, ` +
        `${report.weightless} with weight 0. ` +
        'Raise train.maxLength, or check the weights',
    );
  }
  return {
    set,
    files: source.files,
    detection: records.detection,
    report,
    warnings: [...warnings, ...warningsOf(report)],
  };
}

function encodeOptions({ trainOn, useTemplate, maxLength, tooLong, vocabulary }: DatasetOptions): EncodeOptions {
  return {
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
          `In ${of(straddling)} one token holds the end of the prompt and the start of the answer; generation ` +
            'will split the text there. ' +
            'End prompts without a space, and start completions with one.',
        ]
      : []),
  ];
}
