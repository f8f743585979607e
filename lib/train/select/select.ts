// Selection of rows by what the model says about them, from files to files: what is kept, what is not and why, and how
// the kept rows differ from as many drawn by lot.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { chooseAtRandom, chooseRows, portrait } from '../../curate/choose.js';
import { hashFiles } from '../../curate/lineage.js';
import type { Choice, ChooseOptions, Portrait, Reason } from '../../curate/choose.js';
import { recordText } from '../../curate/record-text.js';
import { rowJson, RowWriter, temporary } from '../../curate/row-writer.js';
import { TextVectors } from '../../curate/text-vectors.js';
import { toRecord } from '../../data/formats/format.js';
import { openRecords } from '../../data/records.js';
import type { Records } from '../../data/records.js';
import { openSource } from '../../data/source.js';
import type { RawRow, Source } from '../../data/source.js';
import { dataError, isEngineError } from '../../errors.js';
import type { Parts, PartsOptions } from '../open.js';
import { encodeRows } from '../rows.js';
import type { RowsOptions } from '../rows.js';
import { scoreRows } from './score.js';
import type { RowScore } from './score-file.js';
import type { ScoreOptions } from './score.js';

export type SelectBy = 'ifd' | 'perplexity' | 'loss';

export interface SelectOptions extends Omit<ScoreOptions, 'ifd' | 'onProgress'>, Pick<RowsOptions, 'format' | 'fields' | 'roles' | 'textSplit' | 'trainOn' | 'badRowsFile'> {
  readonly by: SelectBy;
  /** Share of the rows to keep, or how many. */
  readonly keep: { readonly share: number } | { readonly count: number };
  /** @default 'high' for ifd and loss, 'middle' for perplexity */
  readonly order?: ChooseOptions['order'];
  /** Most that a kept row may be like another, in (0, 1]; absent: no limit. */
  readonly alike?: number;
  /** Of the rows by lot. */
  readonly seed?: number;
  readonly onProgress?: (stage: 'read' | 'score' | 'compare' | 'write', done: number, total?: number) => void;
}

export interface SelectRecord {
  readonly version: 1;
  readonly by: SelectBy;
  readonly order: ChooseOptions['order'];
  readonly alike: number | null;
  readonly rows: number;
  readonly reasons: Readonly<Record<Reason, number>>;
  readonly kept: Portrait;
  readonly random: Portrait;
  readonly all: Portrait;
  /** Score at the 5th, 25th, 50th, 75th and 95th percentile of all rows. */
  readonly quantiles: readonly number[];
}

export interface Selection {
  readonly record: SelectRecord;
  readonly choice: Choice;
  /** As many rows by lot. */
  readonly random: readonly number[];
  /** About rows that could not be used, or were left out. */
  readonly warnings: readonly string[];
}

/** IFD at or above 1: the answer is no easier with the question than without it. */
export const IFD_LIMIT = 1;

export function scoreOf(by: SelectBy, { tokens, loss, alone }: RowScore): number {
  if (tokens === 0) return NaN;
  return by === 'ifd' ? loss / alone! : by === 'perplexity' ? Math.exp(loss) : loss;
}

/** Scores and chooses. */
export async function selectRows(parts: Parts, adapter: PartsOptions['adapter'], names: readonly string[], options: SelectOptions): Promise<Selection> {
  const { by, alike, onProgress, signal } = options;
  const order = options.order ?? (by === 'perplexity' ? 'middle' : 'high');
  const { textSplit, trainOn } = options;
  const source = await openSource(names, { ...(textSplit === undefined ? {} : { textSplit }), onBad: ignored });
  const rows = await encodeRows(parts, source.files, {
    badRows: 'keep-aside', ...(options.badRowsFile === undefined ? {} : { badRowsFile: options.badRowsFile }),
    ...formatOptions(options), ...(textSplit === undefined ? {} : { textSplit }),
    ...(trainOn === undefined ? {} : { trainOn }), ...(signal === undefined ? {} : { signal }), onProgress: (done) => onProgress?.('read', done),
  });
  let found: readonly RowScore[];
  try {
    found = await scoreRows(parts, rows, adapter, { ...options, ifd: by === 'ifd', onProgress: (done, total) => onProgress?.('score', done, total) });
  } finally {
    rows.close();
  }
  const { vectors, total } = await vectorsOf(source, options);
  const scores = new Float64Array(total).fill(NaN);
  const losses = new Float64Array(total).fill(NaN);
  const tokens = new Int32Array(total);
  for (const one of found) {
    scores[one.row] = scoreOf(by, one);
    losses[one.row] = one.loss;
    tokens[one.row] = one.tokens;
  }
  const count = 'count' in options.keep ? options.keep.count : Math.round(total * options.keep.share);
  const choice = chooseRows(scores, {
    count, order, vectors, ...(by === 'ifd' ? { below: IFD_LIMIT } : {}), ...(alike === undefined ? {} : { alike }),
    onProgress: (kept) => onProgress?.('compare', kept, count),
  });
  if (choice.kept.length === 0) throw dataError({ file: source.files[0]! }, `expected rows to keep, came none of ${total}: ${JSON.stringify(countReasons(choice))}. Keep more, or select by another score`);
  const random = chooseAtRandom(scores, choice.kept.length, options.seed ?? 42);
  const look = { score: (row: number) => scores[row]!, loss: (row: number) => losses[row]!, tokens: (row: number) => tokens[row]! };
  const able = Array.from(scores.keys()).filter((row) => !Number.isNaN(scores[row]!));
  const sorted = Float64Array.from(able, (row) => scores[row]!).sort();
  return {
    choice, random, warnings: rows.warnings,
    record: {
      version: 1, by, order, alike: alike ?? null, rows: total, reasons: countReasons(choice),
      kept: portrait(choice.kept, look, vectors), random: portrait(random, look, vectors), all: portrait(able, look, vectors),
      quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map((share) => sorted[Math.round(share * (sorted.length - 1))]!),
    },
  };
}

function countReasons({ reason }: Choice): Record<Reason, number> {
  const counts: Record<Reason, number> = { kept: 0, 'nothing-learned': 0, 'score-too-high': 0, 'too-alike': 0, enough: 0 };
  for (const one of reason) counts[one]++;
  return counts;
}

function formatOptions({ format, fields, roles }: SelectOptions): Pick<SelectOptions, 'format' | 'fields' | 'roles'> {
  return { ...(format === undefined ? {} : { format }), ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }) };
}

/** Of every row that can be read; those that are no record of the format have no words, and no score either. */
async function vectorsOf(source: Source, options: SelectOptions): Promise<{ readonly vectors: Float32Array; readonly total: number }> {
  const records = await openRecords(source, formatOptions(options));
  const vectors = new TextVectors();
  for await (const batch of source.batches(undefined, options.signal)) {
    for (const raw of batch) vectors.add(textOf(raw, records));
  }
  return { vectors: vectors.finish(), total: vectors.count };
}

function textOf(raw: RawRow, { detection: { format, mapping } }: Records): string {
  try {
    return recordText(toRecord(raw, format, mapping));
  } catch (error) {
    if (isEngineError(error, 'ERR_DATA')) return '';
    throw error;
  }
}

/** Bad rows are told by whoever encodes them. */
const ignored = (): void => undefined;

/** Writes kept.jsonl (rows as they were), rest.jsonl (each with its reason) and select.json. */
export async function writeSelection(names: readonly string[], folder: string, { record, choice }: Selection, options: Pick<SelectOptions, 'textSplit' | 'signal' | 'onProgress'> = {}): Promise<void> {
  await mkdir(folder, { recursive: true });
  const source = await openSource(names, { ...(options.textSplit === undefined ? {} : { textSplit: options.textSplit }), onBad: ignored });
  const kept = new RowWriter(path.join(folder, 'kept.jsonl'));
  const rest = new RowWriter(path.join(folder, 'rest.jsonl'));
  try {
    let index = 0;
    for await (const batch of source.batches(undefined, options.signal)) {
      for (const raw of batch) {
        const reason = choice.reason[index]!;
        const like = choice.like.get(index++);
        if (reason === 'kept') kept.add(rowJson(raw));
        else {
          const said = JSON.stringify({ reason, file: path.basename(raw.file), row: raw.row, ...(like === undefined ? {} : { like: like.row, similarity: Number(like.similarity.toFixed(4)) }) });
          rest.add(`${said.slice(0, -1)},"value":${rowJson(raw)}}`);
        }
      }
      await kept.drain();
      await rest.drain();
      options.onProgress?.('write', index, choice.reason.length);
    }
    for (const one of [kept, rest]) await one.end();
    const file = path.join(folder, 'select.json');
    await writeFile(temporary(file), `${JSON.stringify({ ...record, from: await hashFiles(source.files, folder, options.signal), files: { kept: kept.written, rest: rest.written } }, undefined, 2)}\n`);
    for (const one of [kept, rest]) await one.publish();
    await rename(temporary(file), file);
  } catch (error) {
    for (const one of [kept, rest]) await one.abandon();
    throw error;
  }
}
