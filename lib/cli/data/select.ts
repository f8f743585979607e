// `whetstone data select`: the rows that a model has most to learn from.

import type { ChooseOptions, Portrait } from '../../curate/choose.js';
import { join } from 'node:path';
import { count } from '../../track/format.js';
import { readConfig } from '../../train/config/parse.js';
import { selectRows, writeSelection } from '../../train/select/select.js';
import type { SelectBy, SelectOptions, SelectRecord } from '../../train/select/select.js';
import { runTrials } from '../../train/select/trials.js';
import type { NamedTrial } from '../../train/select/trials.js';
import { EXIT } from '../exit.js';
import { partsOf } from '../options.js';
import type { ModelOptions } from '../options.js';
import type { Output } from '../output.js';
import { BAD_ROWS_FILE } from './bad-rows.js';
import { readingOf } from './reading.js';
import type { ReadingOptions } from './reading.js';

interface Options extends ModelOptions, ReadingOptions {
  readonly out: string;
  readonly by: SelectBy;
  readonly keep: number;
  readonly count?: number;
  readonly order?: ChooseOptions['order'];
  readonly alike?: number;
  readonly seed: number;
  readonly batchTokens: number;
  readonly try?: string;
  readonly tries: number;
}

export async function selectCommand(output: Output, options: Options, ...given: (string | readonly string[])[]): Promise<number> {
  const names = given.flat();
  const live = (text: string): void => {
    if (output.terminal.live) output.terminal.write(`\r\u001b[2K${text}`);
  };
  const config = options.try === undefined ? undefined : await readConfig(options.try, [`data.train=${JSON.stringify(names)}`]);
  const parts = await partsOf(output, options);
  const settings: SelectOptions = {
    by: options.by, keep: options.count === undefined ? { share: options.keep } : { count: options.count }, seed: options.seed,
    ...readingOf(options), badRowsFile: join(options.out, BAD_ROWS_FILE), device: options.device, dtype: options.dtype, threads: options.threads, batchTokens: options.batchTokens,
    ...(options.order === undefined ? {} : { order: options.order }), ...(options.alike === undefined ? {} : { alike: options.alike }),
    onProgress: (stage, done, total) => live(`${WORDS[stage]}: ${count(done)}${total === undefined ? '' : ` of ${count(total)}`} rows`),
  };
  const selection = await selectRows(parts, options.adapter, names, settings);
  await writeSelection(names, options.out, selection, settings);
  const trials = config === undefined ? [] : await runTrials(config, [
    { name: 'kept', rows: new Set(selection.choice.kept) }, { name: 'by lot', rows: new Set(selection.random) },
  ], {
    folder: `${options.out}/trials`, seeds: Array.from({ length: options.tries }, (_, i) => config.train.seed + i),
    onProgress: ({ done, of, name, step, steps, loss }) => live(`training ${done + 1} of ${of} (${name}): update ${step} of ${steps}, loss ${loss.toFixed(3)}`),
  });
  live('');
  const effect = trials.length === 0 ? undefined : effectOf(trials);
  output.result({ out: options.out, ...selection.record, warnings: selection.warnings, ...(effect === undefined ? {} : { trials, effect }) }, () =>
    [describe(selection.record, options.out, effect), ...selection.warnings.map((warning) => `warning   ${warning}`)].join('\n'));
  return EXIT.ok;
}

const WORDS = { read: 'reading', score: 'scoring', compare: 'comparing', write: 'writing' } as const;

export interface Effect {
  readonly kept: number;
  readonly random: number;
  /** Kept less random: below 0 the kept rows are worth more. */
  readonly difference: number;
  readonly standardError: number;
  readonly runs: number;
}

/** Mean validation losses; the error takes validation rows and seeds as independent, so it is rather too large. */
export function effectOf(trials: readonly NamedTrial[]): Effect {
  const of = (name: string): { readonly mean: number; readonly variance: number; readonly runs: number } => {
    const own = trials.filter((trial) => trial.name === name);
    const mean = own.reduce((sum, { validLoss }) => sum + validLoss, 0) / own.length;
    const spread = own.length < 2 ? 0 : own.reduce((sum, { validLoss }) => sum + (validLoss - mean) ** 2, 0) / (own.length - 1) / own.length;
    return { mean, variance: spread + own.reduce((sum, { error }) => sum + error ** 2, 0) / own.length, runs: own.length };
  };
  const [kept, random] = [of('kept'), of('by lot')];
  return { kept: kept.mean, random: random.mean, difference: kept.mean - random.mean, standardError: Math.sqrt(kept.variance + random.variance), runs: kept.runs };
}

function describe(record: SelectRecord, folder: string, effect: Effect | undefined): string {
  const { reasons, kept, random, all } = record;
  const row = (name: string, one: Portrait): string =>
    `${name.padEnd(10)}${count(one.rows).padStart(9)} rows  ${count(one.tokens).padStart(10)} learned tokens  ${record.by} ${one.score.toFixed(4)}  loss ${one.loss.toFixed(4)}  nearest ${one.nearest === null ? '–' : one.nearest.toFixed(3)}`;
  return [
    `kept      ${count(reasons.kept)} of ${count(record.rows)} rows, by ${record.by} (${record.order})  ${folder}/kept.jsonl`,
    `not kept  ${Object.entries(reasons).filter(([reason, rows]) => reason !== 'kept' && rows > 0).map(([reason, rows]) => `${reason} ${count(rows)}`).join(', ') || 'none'}  ${folder}/rest.jsonl`,
    '', row('kept', kept), row('by lot', random), row('all', all),
    ...(effect === undefined ? [] : ['', `trained   validation loss ${effect.kept.toFixed(4)} on kept rows, ${effect.random.toFixed(4)} on as many by lot: difference ${effect.difference.toFixed(4)} ± ${(1.96 * effect.standardError).toFixed(4)} (${effect.runs} run${effect.runs === 1 ? '' : 's'} each)`]),
  ].join('\n');
}
