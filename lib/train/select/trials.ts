// Several trials, one after the other, each kept as it ends: a stopped series goes on where it was.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { drawOf, keyOf } from '../../curate/key64.js';
import { fingerprintFiles } from '../../data/fingerprint.js';
import { openSource } from '../../data/source.js';
import type { Config } from '../config/schema.js';
import { plainFiles, runTrial } from './trial.js';
import type { Trial, TrialOptions } from './trial.js';

export interface Subset {
  readonly name: string;
  /** Numbers of rows in the data set. */
  readonly rows: ReadonlySet<number>;
}

export interface NamedTrial extends Trial {
  readonly name: string;
}

export interface TrialsOptions extends Omit<TrialOptions, 'onProgress'> {
  /** Folder for the trials' own files and for what they found (trials.json). */
  readonly folder: string;
  readonly seeds: readonly number[];
  readonly onProgress?: (progress: { readonly done: number; readonly of: number; readonly name: string; readonly step: number; readonly steps: number; readonly loss: number }) => void;
}

/** Trains on each subset with each seed. What trials.json already holds for the same configuration and rows is not run again. */
export async function runTrials(config: Config, subsets: readonly Subset[], options: TrialsOptions): Promise<readonly NamedTrial[]> {
  const { folder, seeds, signal, onProgress } = options;
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, 'trials.json');
  const kept = await readFile(file, 'utf8').then((text) => JSON.parse(text) as Record<string, NamedTrial>).catch((): Record<string, NamedTrial> => ({}));
  const { output: _, ...settings } = config;
  const inputs = await Promise.all([plainFiles(config), config.data.valid ?? []].map(async (names) =>
    names.length === 0 ? '' : fingerprintFiles((await openSource(names)).files, signal)));
  const found: NamedTrial[] = [];
  const of = subsets.length * seeds.length;
  for (const { name, rows } of subsets) {
    for (const seed of seeds) {
      const key = createHash('sha256').update(JSON.stringify([settings, inputs, seed, [...rows].sort((a, b) => a - b)])).digest('hex');
      const trial = kept[key] ?? {
        name,
        ...await runTrial(config, rows, seed, path.join(folder, 'trial'), {
          ...(signal === undefined ? {} : { signal }), onProgress: (at) => onProgress?.({ done: found.length, of, name, ...at }),
        }),
      };
      found.push({ ...trial, name });
      kept[key] = trial;
      await writeFile(`${file}.partial`, `${JSON.stringify(kept, undefined, 1)}\n`);
      await rename(`${file}.partial`, file);
    }
  }
  return found;
}

/** A nested family of random subsets: a larger share holds every row of a smaller one. */
export function sharesOf(rows: number, shares: readonly number[], seed: number): Subset[] {
  const order = Array.from({ length: rows }, (_, row) => ({ row, draw: drawOf(keyOf(String(row), 'share'), seed) })).sort((a, b) => a.draw - b.draw || a.row - b.row);
  return shares.map((share) => ({
    name: `${Number((100 * share).toPrecision(4))} %`, rows: new Set(order.slice(0, Math.max(1, Math.round(rows * share))).map(({ row }) => row)),
  }));
}
