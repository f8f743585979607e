// A training run only to see what some rows are worth: the configuration of the user with other training rows, in a
// folder of its own, and the best validation loss that it reaches.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ReadRowsOptions } from '../../data/row.js';
import { openSource } from '../../data/source.js';
import { rowJson, RowWriter } from '../../curate/row-writer.js';
import { EngineError } from '../../errors.js';
import type { Config } from '../config/schema.js';
import { train } from '../train.js';

export interface Trial {
  readonly rows: number;
  readonly seed: number;
  readonly validLoss: number;
  /** Standard error of that loss, over validation rows. */
  readonly error: number;
  /** Loss of training rows by the same weights. */
  readonly trainLoss: number | null;
  readonly steps: number;
  readonly seconds: number;
}

export interface TrialOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly step: number; readonly steps: number; readonly loss: number }) => void;
}

/** The training files; sets with settings of their own are not taken apart. */
export function plainFiles({ data: { train: given } }: Config): readonly string[] {
  const all = typeof given === 'string' ? [given] : given;
  return all.map((one) => {
    if (typeof one === 'string') return one;
    throw new EngineError('data.train: expected files here, came a set with settings of its own. Name its files, and put format and fields under data',
      { code: 'ERR_CONFIG', key: 'data.train' });
  });
}

/** Rows that cannot be read are passed over: training tells of them where it keeps them aside, and refuses them where it does not. */
export function readingOf({ data: { textSplit, badRows } }: Config): ReadRowsOptions {
  return { ...(textSplit === undefined ? {} : { textSplit }), ...(badRows === 'error' ? {} : { onBad: () => undefined }) };
}

/** Writes the rows with these numbers (places in the data set) to a file. */
export async function writeSubset(config: Config, rows: ReadonlySet<number>, file: string, signal?: AbortSignal): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const source = await openSource(plainFiles(config), readingOf(config));
  const writer = new RowWriter(file);
  try {
    for await (const batch of source.batches(undefined, signal)) {
      for (const raw of batch) if (rows.has(raw.index)) writer.add(rowJson(raw));
      await writer.drain();
    }
    await writer.end();
    await writer.publish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** Trains on the rows with these numbers and forgets the adapter. Without data.valid there is nothing to compare: ERR_CONFIG. */
export async function runTrial(config: Config, rows: ReadonlySet<number>, seed: number, folder: string, options: TrialOptions = {}): Promise<Trial> {
  if (config.data.valid === undefined) {
    throw new EngineError('data.valid: expected validation rows, came none: what rows are worth shows in the validation loss. Name a file, such as one of `whetstone data split`',
      { code: 'ERR_CONFIG', key: 'data.valid' });
  }
  const file = path.join(folder, 'rows.jsonl');
  const output = path.join(folder, 'run');
  try {
    await writeSubset(config, rows, file, options.signal);
    const run = train({ ...config, data: { ...config.data, train: file }, train: { ...config.train, seed }, output },
      { overwrite: true, ...(options.signal === undefined ? {} : { signal: options.signal }) });
    let best: { readonly loss: number; readonly error: number; readonly trainLoss: number | null } | undefined;
    let steps = 0;
    for await (const event of run) {
      if (event.type === 'start') ({ steps } = event);
      if (event.type === 'step') options.onProgress?.({ step: event.step, steps, loss: event.loss });
      if (event.type === 'validation' && event.step > 0 && (best === undefined || event.loss < best.loss)) {
        best = { loss: event.loss, error: event.standardError ?? NaN, trainLoss: event.probe?.loss ?? null };
      }
    }
    const result = await run.result;
    return {
      rows: rows.size, seed, validLoss: best?.loss ?? NaN, error: best?.error ?? NaN, trainLoss: best?.trainLoss ?? null, steps: result.steps,
      seconds: result.seconds,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
