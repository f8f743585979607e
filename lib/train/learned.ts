// What an adapter has learned from, by the configuration that lies in its run's folder.

import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { contaminationIndex } from '../curate/contamination-index.js';
import type { EvaluationSet } from '../curate/contamination-index.js';
import type { Decontaminator } from '../curate/decontaminate.js';
import { readConfig } from './config/parse.js';
import type { Config } from './config/schema.js';
import { evaluationSets } from './decontaminate.js';
import { SPLIT_FOLDER } from './own-split.js';
import { setsOf } from './sets.js';

export interface Learned {
  readonly sets: readonly EvaluationSet[];
  /** Training rows that hold text of these were left out. */
  readonly leftOut?: Decontaminator;
}

/** Undefined where the adapter lies in no run's folder: adapter/, snapshots/NAME/ and checkpoints/NAME/ do. */
export async function learnedBy(adapter: string): Promise<Learned | undefined> {
  for (const folder of [join(adapter, '..'), join(adapter, '..', '..')]) {
    const file = resolve(folder, 'config.yaml');
    if (await access(file).then(() => true, () => false)) return learnedOf(await readConfig(file), dirname(file));
  }
  return undefined;
}

async function learnedOf(config: Config, folder: string): Promise<Learned> {
  const { train, validation, streaming, format, fields, roles, textSplit, decontaminate: { action, mode } } = config.data;
  const reading = { format, ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }), ...(textSplit === undefined ? {} : { textSplit }) };
  const sets = validation !== undefined ? [{ files: [join(folder, SPLIT_FOLDER, 'train.jsonl')], reading }]
    : setsOf(train).map((set): EvaluationSet => ({
      files: set.files,
      reading: { ...reading, ...(set.format === undefined ? {} : { format: set.format }), ...(set.fields === undefined ? {} : { fields: set.fields }), ...(set.roles === undefined ? {} : { roles: set.roles }) },
    }));
  const against = action === 'remove' && !streaming ? evaluationSets(config) : [];
  return { sets, ...(against.length === 0 ? {} : { leftOut: await contaminationIndex(against, { mode }) }) };
}
