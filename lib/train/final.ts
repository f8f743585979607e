// The final evaluation: opens the sealed test set, which is written to its ledger, scores it with the adapter and with
// the base model alone, records the result, and leaves a copy of the ledger with the adapter. The one place that reads
// test rows; nothing that trains imports it.

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { LEDGER_COPY, ledgerText, mergeLedgers, openings, readLedger } from '../track/ledger.js';
import { writeFileAtomic } from '../checkpoint/atomic.js';
import { fileDigest } from '../checkpoint/digest.js';
import { evaluationRow } from '../curate/contamination-index.js';
import type { EvaluationRow } from '../curate/contamination-index.js';
import type { SeenRow } from '../curate/seen.js';
import type { DataFormat } from '../data/formats/format.js';
import { openRecords } from '../data/records.js';
import type { Records } from '../data/records.js';
import { Source } from '../data/source.js';
import type { RawRow } from '../data/source.js';
import { change, cleanOf, cleanSlice, measure } from '../eval/measure.js';
import type { Measure } from '../eval/measure.js';
import { openSealed } from '../eval/sealed-open.js';
import { readSeal } from '../eval/sealed.js';
import { normalQuantile } from '../score/compare/normal.js';
import type { EncodedSet } from '../text/encoded-set.js';
import { SetWriter } from '../text/encode-cache.js';
import { encodeStream } from '../text/encode-pool.js';
import { RecordEncoder } from '../text/encode.js';
import { rowPass, widestBatch } from './data.js';
import { openParts } from './open.js';
import type { Limits, Parts } from './open.js';
import type { RowsOptions } from './rows.js';

export interface FinalOptions extends Limits, Pick<RowsOptions, 'fields' | 'roles' | 'pairs' | 'trainOn'> {
  readonly parts: Parts;
  /** The sealed file, and where its key is (by default beside it). */
  readonly file: string;
  readonly key?: string;
  readonly format?: DataFormat | 'auto';
  /** Names for the ledger. */
  readonly model: string;
  readonly adapter?: string;
  readonly batchTokens?: number;
  /** Says which rows (by index) stand in training rows: the loss is then also given without them. */
  readonly findSeen?: (rows: readonly EvaluationRow[]) => Promise<ReadonlyMap<number, SeenRow> | undefined>;
  readonly onBatch?: (report: { readonly read: number }) => void;
}

export interface FinalReport {
  /** Which look at the test set this was. */
  readonly opening: number;
  /** What is wrong with the ledger, a sentence each. */
  readonly problems: readonly string[];
  readonly rows: number;
  readonly tokens: number;
  readonly loss: number;
  readonly standardError: number;
  readonly perplexity: number;
  readonly accuracy: number;
  /**
   * Of the loss, for all looks together at 95 %: each look makes it wider (Bonferroni), since the best of several looks
   * flatters.
   */
  readonly interval: readonly [number, number];
  readonly level: number;
  /** With an adapter: the base model's loss on the same rows, and the change in pairs. */
  readonly base?: { readonly loss: number; readonly change: number; readonly interval: readonly [number, number] };
  /** Over rows whose text stands in no training row; absent where none does. */
  readonly clean?: { readonly rows: number; readonly loss: number; readonly standardError: number; readonly perplexity: number; readonly accuracy: number };
  /** Rows whose text stands in training rows; absent where nobody looked. */
  readonly seen?: ReadonlyMap<number, SeenRow>;
  readonly device: string;
}

class Rows extends Source {
  constructor(private readonly file: string, private readonly values: readonly Readonly<Record<string, unknown>>[]) {
    super([file]);
  }

  override async *batches(): AsyncGenerator<RawRow[]> {
    for (let at = 0; at < this.values.length; at += 256) {
      yield this.values.slice(at, at + 256).map((value, i) => {
        const index = at + i;
        return { value, file: this.file, row: index + 1, index, after: { file: 0, at: { offset: 0, row: index + 1 }, index: index + 1 } };
      });
    }
  }
}

function recordsOf(file: string, values: readonly Readonly<Record<string, unknown>>[], { format, fields, roles, pairs }: FinalOptions): Promise<Records> {
  return openRecords(new Rows(file, values), {
    format: format ?? 'auto', ...(pairs === undefined ? {} : { pairs }), ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }),
  });
}

/** Tokenises rows in memory: test rows never reach a cache on the disk. */
async function encode(records: Records, { parts, trainOn }: FinalOptions): Promise<EncodedSet> {
  const encoder = new RecordEncoder(parts.tokenizer, parts.template, {
    vocabulary: parts.model.spec.vocabulary, ...(trainOn === undefined ? {} : { trainOn }),
  });
  const writer = await SetWriter.open('sealed', undefined, Infinity);
  const batches = async function* () {
    for await (const batch of records.batches()) yield batch.records;
  };
  for await (const batch of encodeStream(encoder, batches(), { workers: 0 })) await writer.add(batch);
  return writer.finish();
}

export async function finalEvaluate(options: FinalOptions): Promise<FinalReport> {
  const { parts, file, adapter } = options;
  const copy = adapter === undefined ? undefined : join(adapter, LEDGER_COPY);
  const copies = copy !== undefined && await access(copy).then(() => true, () => false) ? [copy] : [];
  const who = {
    model: options.model, fingerprint: parts.model.fingerprint,
    ...(adapter === undefined ? {} : { adapter, weights: (await fileDigest(join(adapter, 'adapter_model.safetensors'))).sha256 }),
  };
  await readSeal(file);
  const opened = await openSealed(file, { ...(options.key === undefined ? {} : { key: options.key }), what: who, copies });
  // From here on the look has happened: an adapter that cannot be scored carries the ledger all the same.
  const leave = async (entries: Parameters<typeof ledgerText>[0]): Promise<void> => {
    if (copy !== undefined) await writeFileAtomic(copy, Buffer.from(ledgerText(mergeLedgers([entries, (await readLedger(copy)).entries]))));
  };
  const records = await recordsOf(file, opened.rows, options);
  const set = await encode(records, options);
  const texts: EvaluationRow[] = [];
  for await (const record of records) texts.push(evaluationRow(record));
  const seen = await options.findSeen?.(texts);
  const { spec } = parts.model;
  const maxLength = spec.rope.maxPositions;
  const budget = Math.max(options.batchTokens ?? 2048, Math.min(maxLength, 8192));
  const { device, dtype, threads, signal } = options;
  await using engine = await openParts(parts, {
    ...(device === undefined ? {} : { device }), ...(dtype === undefined ? {} : { dtype }), ...(threads === undefined ? {} : { threads }),
    ...(signal === undefined ? {} : { signal }), maxTokens: budget, maxSequences: widestBatch(set, { budget, maxLength }),
  });
  const pass = (slot: number): Promise<Measure> => measure(engine.session, rowPass(set, { budget, slot, maxLength }), {
    slicing: cleanSlice(seen ?? new Map()), ...(signal === undefined ? {} : { signal }), ...(options.onBatch === undefined ? {} : { onBatch: options.onBatch }),
  });
  const result = await pass(engine.slot);
  const before = engine.slot < 0 ? undefined : await pass(-1);
  const level = 1 - 0.05 / opened.opening;
  const z = normalQuantile(1 - (1 - level) / 2);
  const around = (value: number, error: number): readonly [number, number] => [value - z * error, value + z * error];
  const gain = before && change(result.groups, before.groups);
  const clean = cleanOf(result);
  const report: FinalReport = {
    opening: opened.opening, problems: opened.problems, rows: result.rows, tokens: result.tokens, loss: result.loss,
    standardError: result.standardError, perplexity: result.perplexity, accuracy: result.accuracy, level,
    interval: around(result.loss, result.standardError),
    ...(gain === undefined ? {} : { base: { loss: before!.loss, change: gain.value, interval: around(gain.value, gain.standardError) } }),
    ...(clean === undefined ? {} : { clean }), ...(seen === undefined ? {} : { seen }), device: engine.device,
  };
  const { loss, standardError, perplexity, accuracy, rows, tokens, interval, base } = report;
  await leave(await opened.record({ loss, standardError, perplexity, accuracy, rows, tokens, level, interval, ...(base === undefined ? {} : { base }), ...(clean === undefined ? {} : { clean: { rows: clean.rows, loss: clean.loss } }) }));
  return report;
}

/** How often an adapter's or model's folder says that a test set was used, by sealed file. */
export async function testUses(folder: string): Promise<readonly { readonly seal: string; readonly openings: number; readonly problems: readonly string[] }[]> {
  const { entries, problems } = await readLedger(join(folder, LEDGER_COPY));
  return [...new Set(entries.map(({ seal }) => seal))].map((seal) => ({ seal, openings: openings(entries, seal), problems }));
}
