// A split of data files, planned in one pass: keys, groups and strata of all rows, and the part of each. About 60 bytes
// a row are kept (and the signatures of near-duplicate search while it runs), never the rows.
import { dataError, isEngineError } from '../errors.js';
import { openRecords } from '../data/records.js';
import type { RecordOptions } from '../data/records.js';
import { toRecord } from '../data/formats/format.js';
import type { RawRow, Source } from '../data/source.js';
import type { DataRecord } from '../record.js';
import { languageOf } from './language.js';
import { keyOf, normalText } from './key64.js';
import type { Key, KeyIndex } from './key64.js';
import { promptText, recordText } from './record-text.js';
import { assignParts, PARTS } from './split.js';
import type { Part, SplitShares } from './split.js';
import { RowGroups } from './split-groups.js';
import { countStrata, scalarOf, stratumName, StratumList } from './split-strata.js';
import type { StratumOptions, StratumReport } from './split-strata.js';

/** Fields that name a conversation, a user or another unit in the data sets that people have. */
export const GROUP_FIELDS = [
  'conversation_id', 'conversation_hash', 'message_tree_id', 'thread_id', 'dialogue_id', 'dialog_id', 'session_id', 'group_id',
  'user_id', 'author_id',
] as const;

/** Prompts shorter than this ("Hi!", "Continue.") say nothing about what belongs together. */
export const SHORTEST_PROMPT = 32;

/** Puts texts into clusters: `cluster[i]` is any member of the cluster of text i. */
export type Clustering = (texts: AsyncIterable<string>) => Promise<{ readonly cluster: Int32Array }>;

export interface SplitOptions extends SplitShares, RecordOptions, Partial<StratumOptions> {
  readonly seed?: number;
  /** Fields whose rows stay together; 'auto': those of GROUP_FIELDS that the first row has. @default 'auto' */
  readonly group?: 'auto' | readonly string[];
  /** Rows with the same prompt stay together. @default true */
  readonly prompts?: boolean;
  /** Near-duplicate search; absent: only equal texts stay together. */
  readonly near?: Clustering;
  readonly exact?: boolean;
  /** Parts of an earlier split by key: what had a part keeps it. */
  readonly previous?: KeyIndex;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rows: number) => void;
}

export interface PartReport {
  readonly rows: number;
  readonly share: number;
  readonly groups: number;
}

export interface SplitReport {
  readonly rows: number;
  readonly groups: number;
  readonly largestGroup: number;
  /** Fields whose rows stay together. */
  readonly groupedBy: readonly string[];
  readonly parts: Readonly<Record<Part, PartReport>>;
  readonly strata: readonly StratumReport[];
  /** Rows that had a part in the earlier split and keep it. */
  readonly kept: number;
  /** Groups that the earlier split had torn apart, by what is known now. */
  readonly torn: number;
  readonly warnings: readonly string[];
}

export interface SplitPlan {
  readonly report: SplitReport;
  /** For each row of the source its place in PARTS. */
  readonly part: Uint8Array;
  /** Part of every key, for a later split of more rows. */
  readonly keys: () => Generator<readonly [Key, number]>;
}

export async function planSplit(source: Source, options: SplitOptions): Promise<SplitPlan> {
  const { prompts = true, stratify = [], previous, near, signal } = options;
  const records = await openRecords(source, options);
  const groupedBy = options.group === undefined || options.group === 'auto'
    ? GROUP_FIELDS.filter((name) => records.detection.fields.includes(name)) : options.group;
  const groups = new RowGroups();
  const strata = new StratumList();
  const before: number[] = [];
  const seen = new Set<string>();
  const rowKeys = new KeyLists();
  // A row that is no record of the format is placed by its JSON: whoever reads the part refuses it or keeps it aside.
  const recordOf = (raw: RawRow): DataRecord | undefined => {
    try {
      return toRecord(raw, records.detection.format, records.detection.mapping);
    } catch (error) {
      if (isEngineError(error, 'ERR_DATA')) return undefined;
      throw error;
    }
  };
  const takeRow = (raw: RawRow): string => {
    const record = recordOf(raw);
    const text = record === undefined ? JSON.stringify(raw.value) : recordText(record);
    const own = keyOf(normalText(text), 'content');
    const units = groupedBy.flatMap((name) => {
      const value = scalarOf(raw, name);
      if (value === undefined) return [];
      seen.add(name);
      return [keyOf(value, `field ${name}`)];
    });
    const prompt = prompts && record !== undefined ? normalText(promptText(record)) : '';
    const shared = prompt.length >= SHORTEST_PROMPT ? [...units, keyOf(prompt, 'prompt')] : units;
    // The draw is made by what stays the same while a unit grows: its first key; else the prompt; else the content.
    groups.add(own, shared, shared[0] ?? own);
    rowKeys.add(own, shared);
    if (previous !== undefined) before.push(earlierPart(previous, own, shared));
    strata.add(stratumName(raw, text, { stratify, languageOf: options.languageOf ?? ((one) => languageOf(one) ?? 'unknown') }));
    return text;
  };
  const texts = async function* (): AsyncGenerator<string> {
    for await (const batch of source.batches(undefined, signal)) {
      for (const raw of batch) yield takeRow(raw);
      options.onProgress?.(groups.rows);
    }
  };
  if (near === undefined) for await (const _ of texts());
  else groups.joinAll((await near(texts())).cluster);
  const missing = groupedBy.find((name) => !seen.has(name));
  if (missing !== undefined) {
    throw dataError({ file: source.files[0]!, field: missing },
      `expected a field to group by, came no row that has it. The first row has ${records.detection.fields.join(', ')}`);
  }

  const grouping = groups.finish();
  const { names, strata: stratumOf } = strata.finish();
  const { part, aside, torn } = assignParts(grouping, {
    validation: options.validation, test: options.test, seed: options.seed ?? 42, exact: options.exact ?? false, strata: stratumOf,
    ...(previous === undefined ? {} : { previous: Int8Array.from(before) }),
  });
  const groupParts = new Uint8Array(grouping.sizes.length);
  for (let row = part.length - 1; row >= 0; row--) groupParts[grouping.groupOf[row]!] = part[row]!;
  const counted = PARTS.map((_, number) => ({ rows: count(part, number), groups: count(groupParts, number) }));
  const partReports = Object.fromEntries(PARTS.map((name, number) =>
    [name, { ...counted[number]!, share: part.length === 0 ? 0 : counted[number]!.rows / part.length }])) as unknown as Record<Part, PartReport>;
  const report: Omit<SplitReport, 'warnings'> = {
    rows: part.length, groups: grouping.sizes.length, largestGroup: grouping.sizes.reduce((a, b) => Math.max(a, b), 0), groupedBy,
    parts: partReports, strata: stratify.length === 0 ? [] : countStrata(names, stratumOf, part),
    kept: before.reduce((sum, value) => sum + (value >= 0 ? 1 : 0), 0), torn,
  };
  return { report: { ...report, warnings: warningsOf(report, options, aside) }, part, keys: () => rowKeys.parts(part) };
}

/** What the row itself had, or else what the unit that it belongs to had. */
function earlierPart(previous: KeyIndex, own: Key, shared: readonly Key[]): number {
  for (const key of [own, ...shared]) {
    const part = previous.get(key);
    if (part >= 0) return part;
  }
  return -1;
}

/** Keys of each row, two words a key. */
class KeyLists {
  readonly #chunks: Uint32Array[] = [];
  #open: number[] = [];

  add(own: Key, shared: readonly Key[]): void {
    this.#open.push(1 + shared.length, own.high, own.low);
    for (const { high, low } of shared) this.#open.push(high, low);
    if (this.#open.length > 1 << 16) {
      this.#chunks.push(Uint32Array.from(this.#open));
      this.#open = [];
    }
  }

  /** Each key with the part of its row, row by row; rows kept aside have none. */
  *parts(part: Uint8Array): Generator<readonly [Key, number]> {
    let row = 0;
    for (const words of [...this.#chunks, Uint32Array.from(this.#open)]) {
      for (let at = 0; at < words.length; row++) {
        const keys = words[at++]!;
        for (let key = 0; key < keys; key++, at += 2) {
          if (part[row]! < 3) yield [{ high: words[at]!, low: words[at + 1]! }, part[row]!];
        }
      }
    }
  }
}

function count(parts: Uint8Array, number: number): number {
  let total = 0;
  for (const part of parts) if (part === number) total++;
  return total;
}

function warningsOf(report: Omit<SplitReport, 'warnings'>, options: SplitOptions, aside: number): string[] {
  const warnings: string[] = [];
  const { rows, largestGroup, parts, strata, torn } = report;
  if (largestGroup > 1 && largestGroup > rows * 0.05) {
    warnings.push(`One group holds ${largestGroup} of ${rows} rows and goes to one part as a whole: shares cannot be met closely. ` +
      'If these rows do not belong together, name other fields to group by, or leave prompts apart.');
  }
  for (const name of ['validation', 'test'] as const) {
    if (options[name] > 0 && parts[name].rows === 0) {
      warnings.push(`No row went to ${name}: ${report.groups} groups are too few for a share of ${options[name]} by a draw. Ask for a larger share, or for exact shares.`);
    }
    const empty = strata.filter((one) => one.rows * options[name] >= 3 && one.parts[PARTS.indexOf(name)] === 0);
    if (empty.length > 0) {
      warnings.push(`${empty.length} of ${strata.length} strata have no row in ${name}, such as "${empty[0]!.name}" with ${empty[0]!.rows} rows. Ask for exact shares to have them there.`);
    }
  }
  if (torn > 0) {
    warnings.push(`${torn} groups lie in several parts by the earlier split: rows that it placed stay where they were` +
      `${aside > 0 ? `, and ${aside} new rows that join them are kept aside` : ''}.`);
  }
  return warnings;
}
