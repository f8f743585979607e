// A split written to files: one pass to plan, one to write, rows streamed from one file to the next. The folder is
// complete or as it was: files take their names when all are written.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Source } from '../data/source.js';
import { dataError } from '../errors.js';
import { hashFiles } from './lineage.js';
import type { LineageFile } from './lineage.js';
import { rowJson, RowWriter, temporary } from './row-writer.js';
import type { WrittenPart } from './row-writer.js';
import { readKeys, encodeKeys } from './split-keys.js';
import { planSplit } from './split-plan.js';
import type { SplitOptions, SplitReport } from './split-plan.js';
import { PARTS } from './split.js';
import type { Part } from './split.js';

export const KEYS_FILE = 'split.keys';
export const REPORT_FILE = 'split.json';

export interface SplitFilesOptions extends Omit<SplitOptions, 'previous' | 'onProgress'> {
  /** Folder of an earlier split whose rows keep their parts. */
  readonly previous?: string;
  /** Says how the near-duplicate search was set, for the report. */
  readonly nearName?: string;
  readonly onProgress?: (stage: 'plan' | 'write', rows: number) => void;
}

/** What lies in split.json. */
export interface SplitRecord extends SplitReport {
  readonly version: 1;
  readonly seed: number;
  readonly shares: { readonly validation: number; readonly test: number };
  readonly exact: boolean;
  readonly prompts: boolean;
  readonly near: string | null;
  readonly stratify: readonly string[];
  /** The files that were read. */
  readonly from: readonly LineageFile[];
  readonly files: Readonly<Partial<Record<Part, WrittenPart>>>;
}

/** Splits the rows of a source into train.jsonl, validation.jsonl and test.jsonl in `folder`, with split.json and split.keys. */
export async function splitFiles(source: Source, folder: string, options: SplitFilesOptions): Promise<SplitRecord> {
  const { onProgress, previous, nearName, ...rest } = options;
  const own = [...PARTS.map((part) => `${part}.jsonl`), KEYS_FILE, REPORT_FILE].map((name) => path.resolve(folder, name));
  const read = source.files.find((file) => own.includes(path.resolve(file)));
  if (read !== undefined) throw dataError({ file: read }, 'expected another folder for the parts: this file is read and would be overwritten');
  const plan = await planSplit(source, {
    ...rest,
    ...(previous === undefined ? {} : { previous: await readKeys(path.join(previous, KEYS_FILE)) }),
    onProgress: (rows) => onProgress?.('plan', rows),
  });
  await mkdir(folder, { recursive: true });
  const writers = new Map<number, RowWriter>();
  const writer = (part: number): RowWriter => {
    let one = writers.get(part);
    if (one === undefined) writers.set(part, (one = new RowWriter(path.join(folder, `${PARTS[part]!}.jsonl`))));
    return one;
  };
  writer(0);
  if (options.validation > 0) writer(1);
  if (options.test > 0) writer(2);
  try {
    let index = 0;
    for await (const batch of source.batches(undefined, options.signal)) {
      for (const raw of batch) {
        const part = plan.part[index++];
        if (part === undefined) throw changed(raw);
        writer(part).add(rowJson(raw));
      }
      for (const one of writers.values()) await one.drain();
      onProgress?.('write', index);
    }
    if (index !== plan.part.length) throw changed({ file: source.files.at(-1)!, row: index });
    for (const one of writers.values()) await one.end();
    const record: SplitRecord = {
      version: 1, seed: options.seed ?? 42, shares: { validation: options.validation, test: options.test }, exact: options.exact ?? false,
      prompts: options.prompts ?? true, near: nearName ?? null, stratify: options.stratify ?? [], ...plan.report,
      from: await hashFiles(source.files, folder, options.signal),
      files: Object.fromEntries([...writers].sort(([a], [b]) => a - b).map(([part, one]) => [PARTS[part]!, one.written])),
    };
    const keys = path.join(folder, KEYS_FILE);
    const report = path.join(folder, REPORT_FILE);
    await writeFile(temporary(keys), encodeKeys(plan.keys()));
    await writeFile(temporary(report), `${JSON.stringify(record, undefined, 2)}\n`);
    for (const one of writers.values()) await one.publish();
    await rename(temporary(keys), keys);
    await rename(temporary(report), report);
    return record;
  } catch (error) {
    for (const one of writers.values()) await one.abandon();
    await Promise.all([KEYS_FILE, REPORT_FILE].map((name) => rm(temporary(path.join(folder, name)), { force: true })));
    throw error;
  }
}

function changed(at: { readonly file: string; readonly row: number }): Error {
  return dataError({ file: at.file, row: at.row }, 'expected the same rows in both passes, came others: a file changed while it was split. Split again');
}
