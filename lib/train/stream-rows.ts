// Training rows that are never all read: an index of where they lie, sources for the mix, and a small sample of them in
// memory for whatever wants to look at rows before and during the run.

import { join } from 'node:path';
import { BadRowKeeper } from '../data/bad-rows.js';
import { openRecords } from '../data/records.js';
import { RowIndex } from '../data/row-index.js';
import { openSource } from '../data/source.js';
import type { Sequence } from '../batch.js';
import type { MixSource } from '../pack/mix-plan.js';
import { encodeOptions } from '../pack/dataset.js';
import { streamedSource } from '../pack/streamed.js';
import { defaultCacheFolder } from '../text/encode-cache.js';
import { RecordEncoder } from '../text/encode.js';
import { EMPTY_REPORT } from '../text/encoded-set.js';
import { encoderHash } from '../text/encoder-spec.js';
import type { Config } from './config/schema.js';
import type { Parts } from './open.js';
import { optionsOf, templateOf } from './rows.js';
import type { Rows, RowsPart } from './rows.js';
import { setsOf } from './sets.js';

/** Rows in the sample. */
const SAMPLE = 256;

export interface StreamRowsOptions {
  readonly maxLength: number;
  readonly signal: AbortSignal;
  readonly phase: (message: string, done?: number, total?: number) => void;
}

export interface StreamedRows extends Rows {
  readonly sources: readonly MixSource[];
}

export async function streamRows(parts: Parts, config: Config, options: StreamRowsOptions): Promise<StreamedRows> {
  const keeper = new BadRowKeeper(join(config.output, 'bad-rows.jsonl'));
  const indices: RowIndex[] = [];
  try {
    return await openRows(parts, config, options, keeper, indices);
  } catch (error) {
    await Promise.all([...indices.map((index) => index.close()), keeper.close()]);
    throw error;
  }
}

/** Indices are added as they are opened: whoever called closes them when a later set is refused. */
async function openRows(
  parts: Parts, config: Config, { maxLength, signal, phase }: StreamRowsOptions, keeper: BadRowKeeper, indices: RowIndex[],
): Promise<StreamedRows> {
  const lenient = config.data.badRows === 'keep-aside' ? { onBad: keeper.add } : {};
  const template = await templateOf(parts, config.data);
  const sets = setsOf(config.data.train);
  const sources: MixSource[] = [];
  const keys: string[] = [];
  for (const named of sets) {
    const { datasetOptions: options, tooLong } = await optionsOf(parts, template, named, { ...config.data, maxLength, signal }, sets.length > 1);
    const source = await openSource(named.files, { ...options, ...lenient, signal });
    const records = await openRecords(source, { ...options, onBad: () => undefined });
    const index = await RowIndex.open(source.files, {
      folder: join(defaultCacheFolder(), '..', 'rows'), signal, maxRowBytes: config.data.maxRowBytes,
      onProgress: (done, total) => phase(`finding the rows of ${named.name}`, done, total),
    });
    indices.push(index);
    const encoder = new RecordEncoder(parts.tokenizer, template, encodeOptions(options));
    keys.push(`${encoderHash(encoder)}/${index.length}/${records.detection.format}`);
    sources.push(streamedSource({
      name: named.name, ...(named.share === undefined ? {} : { share: named.share }), ...(named.tokens === undefined ? {} : { tokens: named.tokens }),
      index, records, encoder, ...(tooLong === 'split' ? { splitAt: maxLength } : {}), ...lenient,
    }));
  }
  const samples = await Promise.all(sources.map((source) => sampleOf(source, Math.ceil(SAMPLE / sources.length))));
  const sample = samples.flat();
  const tokens = sample.reduce((sum, sequence) => sum + sequence.tokens.length, 0);
  const length = sources.reduce((sum, source) => sum + source.length, 0);
  let begin = 0;
  return {
    sources: sources.map((source, i) => ({ ...source, meanTokens: meanOf(samples[i]!) })),
    set: { length: sample.length, lengthOf: (at) => sample[at]!.tokens.length, get: (at) => sample[at]! },
    parts: sources.map(({ name, share, tokens: budget, length: rows }): RowsPart => ({ name, share, tokens: budget, begin, end: (begin += rows) })),
    key: keys.join('+'),
    report: { ...EMPTY_REPORT, rows: length, kept: length, tokens: Math.round(tokens / Math.max(1, sample.length) * length) },
    warnings: [],
    close: () => {
      for (const index of indices) void index.close();
      void keeper.close();
    },
  };
}

/** Rows spread evenly over a set. */
async function sampleOf({ length, load }: MixSource, most: number): Promise<Sequence[]> {
  const count = Math.min(length, most);
  return (await load(Array.from({ length: count }, (_, i) => Math.floor(i * length / count)))).flat();
}

function meanOf(sequences: readonly Sequence[]): number {
  return Math.max(1, sequences.reduce((sum, { tokens }) => sum + tokens.length, 0) / Math.max(1, sequences.length));
}
