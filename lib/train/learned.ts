// What an adapter has learned from, by the configuration that lies in its run's folder.

import { access } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { contaminationIndex, learnCommonOf } from '../curate/contamination-index.js';
import type { EvaluationSet } from '../curate/contamination-index.js';
import { openSource } from '../data/source.js';
import { SEALED } from '../eval/sealed.js';
import { readConfig } from './config/parse.js';
import type { Config } from './config/schema.js';
import { evaluationSets, sealedPrints } from './decontaminate.js';
import { SPLIT_FOLDER } from './own-split.js';
import { setsOf } from './sets.js';

export interface Learned {
  readonly sets: readonly EvaluationSet[];
  /** Training rows that were left out as they hold text of evaluation sets. */
  readonly leftOut?: (text: string) => boolean;
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
  const { train, validation, streaming, format, fields, roles, textSplit, decontaminate: { action } } = config.data;
  const reading = { format, ...(fields === undefined ? {} : { fields }), ...(roles === undefined ? {} : { roles }), ...(textSplit === undefined ? {} : { textSplit }) };
  const sets = validation !== undefined ? [{ files: [join(folder, SPLIT_FOLDER, 'train.jsonl')], reading }]
    : setsOf(train).map((set): EvaluationSet => ({
      files: set.files,
      reading: { ...reading, ...(set.format === undefined ? {} : { format: set.format }), ...(set.fields === undefined ? {} : { fields: set.fields }), ...(set.roles === undefined ? {} : { roles: set.roles }) },
    }));
  return { sets, ...(action === 'remove' && !streaming ? { leftOut: await leftOutBy(config, folder, sets) } : {}) };
}

/** What the run's own decontamination took out. Test rows are known by the fingerprints of the sealed set: the rows may be gone. */
async function leftOutBy(config: Config, folder: string, sets: readonly EvaluationSet[]): Promise<(text: string) => boolean> {
  const { test, decontaminate: { mode } } = config.data;
  const { test: _, ...data } = config.data;
  const index = await contaminationIndex(evaluationSets({ ...config, data }), { mode });
  const prints = test === undefined ? undefined : (await sealedPrints(SEALED.test(test) ? test : join(folder, 'test.sealed'))).prints;
  for (const { files, reading } of sets) {
    const { files: all } = await openSource(files);
    for (const learner of [index, ...(prints === undefined ? [] : [prints])]) await learnCommonOf(learner, all, reading);
  }
  return (text) => index.check(text) !== undefined || prints?.holds(text) === true;
}
