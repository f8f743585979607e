// What a data set is, measured in one pass: columns, lengths, turns, sources, languages, duplicates, faults of
// answers, personal data, bias, diversity. The card and the report say nothing that is not measured here (or said by the user).
import path from 'node:path';
import { refuse } from '../data/bad-rows.js';
import { toRecord } from '../data/formats/format.js';
import { openRecords } from '../data/records.js';
import type { RecordOptions } from '../data/records.js';
import type { RawRow, Source } from '../data/source.js';
import type { DataRecord } from '../record.js';
import { BiasScan } from './bias.js';
import type { BiasReport } from './bias.js';
import { checkChat } from './chat.js';
import { DiversityMeter } from './diversity.js';
import type { Diversity } from './diversity.js';
import { mergeTypes, typeOf } from './features.js';
import type { FeatureType } from './features.js';
import { KeyIndex, keyOf, normalText } from './key64.js';
import { languageOf } from './language.js';
import { findPii } from './pii/detect.js';
import { firstReason, judgeQuality } from './quality.js';
import { Lengths } from './quantiles.js';
import { answerText, promptText, recordText } from './record-text.js';
import { rowJson } from './row-writer.js';
import { PARTS } from './split.js';
import type { Clustering } from './split-plan.js';
import { scalarOf } from './split-strata.js';
import { turnsOf } from './turns.js';

export interface ProfileOptions extends RecordOptions {
  readonly near?: Clustering;
  /** A field that says where a row is from; absent: `source` if rows have it, else their file. */
  readonly sourceField?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rows: number) => void;
}

export type Counts = readonly { readonly name: string; readonly rows: number }[];

export interface FileProfile {
  readonly file: string;
  readonly rows: number;
  /** Bytes of the rows as JSON lines. */
  readonly bytes: number;
}

export interface Profile {
  readonly format: string;
  readonly rows: number;
  readonly files: readonly FileProfile[];
  readonly fields: ReadonlyMap<string, FeatureType>;
  /** In characters. */
  readonly lengths: { readonly rows: Lengths; readonly prompts: Lengths; readonly answers: Lengths; readonly turns: Lengths };
  readonly sources: Counts;
  /** By codes of ISO 639; "unknown" where a text is too short or undecided. */
  readonly languages: Counts;
  readonly duplicates: {
    /** Rows whose text an earlier row has. */
    readonly exact: number;
    /** Rows near to an earlier one, the exact ones included; undefined: not looked for. */
    readonly near: number | undefined;
    /** Rows of validation or test with a near duplicate in another part; undefined: not looked for. */
    readonly acrossParts: number | undefined;
    /** Numbers of clusters of 2, 3, 4 … rows (the last: of 10 or more). */
    readonly clusters: readonly number[];
  };
  /** Rows with each finding of the chat checks, for plain text of the filters for web pages. */
  readonly quality: Counts;
  /** Rows with any of them. */
  readonly flawed: number;
  /** Finds of personal data and secrets, by kind. */
  readonly pii: Counts;
  /** Rows with any. */
  readonly piiRows: number;
  readonly bias: BiasReport;
  readonly diversity: Diversity;
}

class Counter {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  get sorted(): Counts {
    return [...this.#counts].map(([name, rows]) => ({ name, rows })).sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1));
  }
}

/** The part that a file is, by its name: train unless it says otherwise. */
export function splitOf(file: string): 'train' | 'validation' | 'test' {
  const name = path.basename(file).toLowerCase();
  return /(^|[^a-z])(valid(ation)?|dev|eval)([^a-z]|$)/.test(name) ? 'validation' : /(^|[^a-z])test([^a-z]|$)/.test(name) ? 'test' : 'train';
}

export async function profileData(source: Source, options: ProfileOptions = {}): Promise<Profile> {
  const { signal } = options;
  const records = await openRecords(source, options);
  const sourceField = options.sourceField ?? 'source';
  const files = new Map<string, { rows: number; bytes: number }>(source.files.map((file) => [file, { rows: 0, bytes: 0 }]));
  const fields = new Map<string, FeatureType>();
  const lengths = { rows: new Lengths(), prompts: new Lengths(), answers: new Lengths(), turns: new Lengths() };
  const [sources, languages, pii, quality] = [new Counter(), new Counter(), new Counter(), new Counter()];
  const bias = new BiasScan();
  const diversity = new DiversityMeter();
  const index = new KeyIndex();
  const parts: number[] = [];
  let [rows, exact, flawed, piiRows] = [0, 0, 0, 0];
  const recordOf = (raw: RawRow): DataRecord | undefined => {
    try {
      return toRecord(raw, records.detection.format, records.detection.mapping);
    } catch (error) {
      refuse(error, options, rowJson(raw));
      return undefined;
    }
  };
  const take = (raw: RawRow): string[] => {
    const record = recordOf(raw);
    if (record === undefined) return [];
    const file = files.get(raw.file)!;
    file.rows++;
    file.bytes += Buffer.byteLength(raw.text ?? JSON.stringify(raw.value)) + 1;
    for (const [name, value] of Object.entries(raw.value)) {
      const type = typeOf(value);
      const before = fields.get(name);
      fields.set(name, before === undefined ? type : mergeTypes(before, type));
    }
    const [text, prompt, answer] = [recordText(record), promptText(record), answerText(record)];
    parts.push(PARTS.indexOf(splitOf(raw.file)));
    lengths.rows.add(text.length);
    if (record.kind !== 'text') {
      lengths.prompts.add(prompt.length);
      lengths.answers.add(answer.length);
    }
    if (record.kind === 'messages') lengths.turns.add(record.messages.length);
    const named = raw.value[sourceField];
    sources.add(typeof named === 'object' ? path.basename(raw.file) : scalarOf(raw, sourceField) ?? path.basename(raw.file));
    languages.add(languageOf(text) ?? 'unknown');
    const found = findPii(text);
    if (found.length > 0) piiRows++;
    for (const { kind } of found) pii.add(kind);
    const checks = record.kind === 'text' ? [] : checkChat(turnsOf(record));
    if (checks.length > 0) flawed++;
    for (const { check } of checks) quality.add(check.replaceAll('_', ' '));
    bias.add(text);
    diversity.add(text, prompt);
    if (index.add(keyOf(normalText(text)), rows) !== rows) exact++;
    rows++;
    return [text];
  };
  const texts = async function* (): AsyncGenerator<string> {
    for await (const batch of source.batches(undefined, signal)) {
      const taken = batch.flatMap(take);
      if (records.detection.format === 'text') {
        for (const reasons of await judgeQuality(taken, signal === undefined ? {} : { signal })) {
          const reason = firstReason(reasons);
          if (reason === '') continue;
          flawed++;
          quality.add(reason);
        }
      }
      yield* taken;
      options.onProgress?.(rows);
    }
  };
  let clusters: number[] = [];
  let near: number | undefined;
  let acrossParts: number | undefined;
  if (options.near === undefined) for await (const _ of texts());
  else {
    const { cluster } = await options.near(texts());
    const sizes = new Int32Array(rows);
    for (const root of cluster) sizes[root]!++;
    near = 0;
    const seen = new Uint8Array(rows);
    for (const [row, root] of cluster.entries()) seen[root]! |= 1 << parts[row]!;
    acrossParts = cluster.reduce((sum, root, row) => sum + (parts[row] !== 0 && seen[root] !== 1 << parts[row]! ? 1 : 0), 0);
    clusters = Array.from({ length: 9 }, () => 0);
    for (const size of sizes) {
      if (size < 2) continue;
      near += size - 1;
      clusters[Math.min(size, 10) - 2]!++;
    }
  }
  return {
    format: records.detection.format, rows, fields, lengths, sources: sources.sorted,
    files: [...files].map(([file, counts]) => ({ file, ...counts })),
    languages: languages.sorted,
    duplicates: { exact, near, acrossParts, clusters },
    quality: quality.sorted, flawed, pii: pii.sorted, piiRows, bias: bias.result(), diversity: diversity.result(),
  };
}
