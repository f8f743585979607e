// `whetstone data advise`: would more rows help? Trains on shares of the rows and fits the curve of their losses.

import { advise, valueAt } from '../../curate/learning-curve.js';
import type { Advice } from '../../curate/learning-curve.js';
import { openSource } from '../../data/source.js';
import { EngineError } from '../../errors.js';
import { count } from '../../track/format.js';
import { readConfig } from '../../train/config/parse.js';
import { plainFiles, readingOf } from '../../train/select/trial.js';
import { runTrials, sharesOf } from '../../train/select/trials.js';
import type { NamedTrial } from '../../train/select/trials.js';
import { EXIT } from '../exit.js';
import type { Output } from '../output.js';

interface Options {
  readonly set?: readonly string[];
  readonly shares: string;
  readonly tries: number;
  readonly out?: string;
}

export async function adviseCommand(output: Output, options: Options, file: string): Promise<number> {
  const config = await readConfig(file, options.set);
  const shares = options.shares.split(',').map(Number).sort((a, b) => a - b);
  if (new Set(shares).size < 3 || !shares.every((share) => share > 0 && share <= 1)) {
    throw new EngineError(`--shares: expected three or more numbers above 0 and at most 1, came "${options.shares}". Leave it out for 0.1,0.25,0.5,1`,
      { code: 'ERR_INVALID_ARGUMENT', argument: 'shares', expected: 'three or more shares', received: options.shares });
  }
  let rows = 0;
  for await (const batch of (await openSource(plainFiles(config), readingOf(config))).batches()) rows += batch.length;
  const trials = await runTrials(config, sharesOf(rows, shares, config.train.seed), {
    folder: options.out ?? `${config.output}-advice`, seeds: Array.from({ length: options.tries }, (_, i) => config.train.seed + i),
    onProgress: ({ done, of, name, step, steps, loss }) => {
      if (output.terminal.live) output.terminal.write(`\r\u001b[2Ktraining ${done + 1} of ${of} (${name} of the rows): update ${step} of ${steps}, loss ${loss.toFixed(3)}`);
    },
  });
  if (output.terminal.live) output.terminal.write('\r\u001b[2K');
  const advice = advise(trials.map(({ rows: size, validLoss, error, trainLoss }) => ({
    rows: size, loss: validLoss, ...(Number.isFinite(error) ? { error } : {}), ...(trainLoss === null ? {} : { trainLoss }),
  })), { seed: config.train.seed });
  output.result({ trials, advice }, () => describe(trials, advice));
  return EXIT.ok;
}

function describe(trials: readonly NamedTrial[], { curve, residual, floor, gain, gainTenfold, say, why }: Advice): string {
  const full = Math.max(...trials.map(({ rows }) => rows));
  const range = ({ value, low, high }: Advice['gain']): string => `${value.toFixed(4)} (${low.toFixed(4)} to ${high.toFixed(4)})`;
  return [
    ...trials.map(({ rows, validLoss, error, trainLoss, steps }) =>
      `${count(rows).padStart(10)} rows  validation ${validLoss.toFixed(4)} ± ${(1.96 * error).toFixed(4)}  curve ${valueAt(curve, rows).toFixed(4)}  training rows ${trainLoss === null ? '–' : trainLoss.toFixed(4)}  ${count(steps)} updates`),
    '', `curve      L(n) = ${curve.a.toFixed(4)} + ${curve.b.toPrecision(4)} n^-${curve.c.toFixed(3)}, off by ${residual.toFixed(4)}`,
    `floor      ${range(floor)}`,
    `2 x rows   saves ${range(gain)} (${count(2 * full)} rows)`, `10 x rows  saves ${range(gainTenfold)}`,
    '', `advice     ${say}. ${why}`,
  ].join('\n');
}
