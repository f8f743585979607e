// `data.validation`: validation rows split from the training rows before a run, without leaks, into the run's folder, so
// that everybody can see who was held out, and the doctor and later steps read plain files.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashFiles } from '../curate/lineage.js';
import { nearDuplicateClusters } from '../curate/near-duplicates.js';
import { REPORT_FILE, splitFiles } from '../curate/split-files.js';
import type { SplitRecord } from '../curate/split-files.js';
import { openSource } from '../data/source.js';
import { EngineError } from '../errors.js';
import type { Config } from './config/schema.js';

/** Where the parts lie in the run's folder. */
export const SPLIT_FOLDER = 'split';

export interface OwnSplitOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (message: string, rows: number) => void;
  readonly warn: (message: string) => void;
}

/** The configuration with data.train and data.valid naming the parts; the same object where data.validation is absent. */
export async function splitOwnRows(config: Config, { signal, onProgress, warn }: OwnSplitOptions): Promise<Config> {
  const { validation, train, valid } = config.data;
  if (validation === undefined) return config;
  const refuse = (problem: string): never => {
    throw new EngineError(`data.validation: ${problem}`, { code: 'ERR_CONFIG', key: 'data.validation' });
  };
  if (valid !== undefined) refuse('expected either rows of their own (data.valid) or a split of the training rows, came both. Remove one');
  const names = [train].flat().map((one) =>
    typeof one === 'string' ? one : refuse('expected plain files in data.train, came a set with settings of its own. Split it first with `whetstone data split`'));
  const { split: share, near, ...settings } = validation;
  const { format, fields, roles, textSplit } = config.data;
  const bad = new Set<string>();
  const source = await openSource(names, { ...(textSplit === undefined ? {} : { textSplit }), onBad: ({ file, row }) => { bad.add(`${file} ${row}`); } });
  const folder = join(config.output, SPLIT_FOLDER);
  const wanted = { ...settings, validation: share, near };
  if (!await isDone(folder, source.files, wanted, signal)) {
    await splitFiles(source, folder, {
      format, ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }), ...settings, validation: share, test: 0, signal,
      ...(near === 'none' ? {} : { nearName: near, near: (texts) => nearDuplicateClusters(texts, { preset: near, signal }) }),
      onProgress: (stage, rows) => onProgress(stage === 'plan' ? 'splitting rows' : 'writing the parts', rows),
    }).then(({ warnings }) => warnings.forEach(warn));
    if (bad.size > 0) warn(`${bad.size} rows of data.train could not be read and are in neither part.`);
  }
  const { validation: _, ...rest } = config.data;
  return { ...config, data: { ...rest, train: join(folder, 'train.jsonl'), valid: join(folder, 'validation.jsonl') } };
}

/** Whether the folder holds this very split of these files: then a run that goes on uses it as it is. */
async function isDone(
  folder: string, files: readonly string[],
  wanted: { readonly validation: number; readonly near: string; readonly seed: number; readonly exact: boolean; readonly prompts: boolean; readonly stratify: readonly string[] },
  signal: AbortSignal,
): Promise<boolean> {
  const record = await readFile(join(folder, REPORT_FILE), 'utf8').then((text) => JSON.parse(text) as Partial<SplitRecord>).catch(() => undefined);
  if (record?.from === undefined || record.files === undefined) return false;
  const same = record.seed === wanted.seed && record.exact === wanted.exact && record.prompts === wanted.prompts && record.shares?.validation === wanted.validation &&
    (record.near ?? 'none') === wanted.near && JSON.stringify(record.stratify) === JSON.stringify(wanted.stratify);
  if (!same) return false;
  const hashes = async (names: readonly string[]): Promise<string> => (await hashFiles(names, folder, signal)).map(({ sha256 }) => sha256).join();
  const parts = Object.values(record.files);
  return await hashes(files) === record.from.map(({ sha256 }) => sha256).join() &&
    await hashes(parts.map(({ file }) => join(folder, file))).catch(() => '') === parts.map(({ sha256 }) => sha256).join();
}
