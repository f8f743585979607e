// `whetstone eval --final`: the one look at a sealed test set, which its ledger counts.

import { SEALED } from '../eval/sealed.js';
import { EngineError } from '../errors.js';
import { count } from '../track/format.js';
import { finalEvaluate } from '../train/final.js';
import { readingOf } from './data/reading.js';
import type { ReadingOptions } from './data/reading.js';
import { EXIT } from './exit.js';
import { engineLimits, partsOf } from './options.js';
import type { ModelOptions } from './options.js';
import type { Output } from './output.js';
import { cleanLine, seenFinder, seenLines, seenReport } from './trained-on.js';
import type { TrainedOnOptions } from './trained-on.js';

export interface FinalCommandOptions extends ModelOptions, ReadingOptions, TrainedOnOptions {
  readonly data: readonly string[];
  readonly pairs?: 'chosen';
  readonly batchTokens: number;
  readonly key?: string;
}

/** Sealed rows are opened by --final and nothing else, and --final opens nothing else. */
export function checkSealed(data: readonly string[], final: boolean): void {
  const sealed = data.filter((name) => SEALED.test(name));
  if (!final && sealed.length === 0) return;
  if (final && sealed.length === 1 && data.length === 1) return;
  throw new EngineError(
    final ? `--final: expected --data with one .sealed file, got ${data.join(', ')}. Seal test rows first: whetstone data seal ROWS --output test.sealed`
      : `${sealed[0]} is a sealed test set. It is opened by: whetstone eval --final, once, when nothing will be changed any more`,
    { code: 'ERR_INVALID_ARGUMENT', argument: 'data', expected: final ? 'one .sealed file' : 'rows that are not sealed', received: data.join(', ') });
}

export async function finalCommand(output: Output, options: FinalCommandOptions): Promise<number> {
  const { terminal } = output;
  const c = terminal.colors;
  const parts = await partsOf(output, options);
  const findSeen = await seenFinder(output, options);
  const { seen, ...report } = await finalEvaluate({
    ...engineLimits(options), parts, file: options.data[0]!, model: options.model, ...readingOf(options), ...(options.pairs === undefined ? {} : { pairs: options.pairs }), batchTokens: options.batchTokens, ...(findSeen === undefined ? {} : { findSeen }),
    ...(options.key === undefined ? {} : { key: options.key }), ...(options.adapter === undefined ? {} : { adapter: options.adapter }),
    onBatch: ({ read }) => {
      if (terminal.live) terminal.write(`\r${count(read)} tokens`);
    },
  });
  if (terminal.live) terminal.write('\r\u001b[2K');
  const percent = (100 * report.level).toFixed(report.opening === 1 ? 0 : 2);
  const range = ([low, high]: readonly [number, number]): string => `${low.toFixed(4)} to ${high.toFixed(4)} (${percent} %)`;
  const lines = [
    report.opening === 1 ? c.green('The test set was opened for the first time. This look is in its ledger.')
      : c.red(`The test set has now been used ${report.opening} times. Its ledger says so, and the interval below is wider for it.`),
    ...report.problems.map((problem) => c.red(`The ledger is not what it was: ${problem}`)),
    `loss        ${report.loss.toFixed(6)} (nats a token, ${count(report.tokens)} scored tokens of ${count(report.rows)} rows), ${range(report.interval)}`,
    `perplexity  ${report.perplexity.toFixed(4)}`,
    `accuracy    ${(100 * report.accuracy).toFixed(2)} %`,
    ...(report.base === undefined ? [] : [`base model  ${report.base.loss.toFixed(6)}; change ${report.base.change.toFixed(4)}, ${range(report.base.interval)}`]),
    ...cleanLine(report.clean), ...seenLines(seen ?? new Map(), report.rows),
  ];
  if (output.json) for (const line of lines.slice(0, 1 + report.problems.length)) output.say(line);
  output.result({ ...report, ...(seen === undefined ? {} : { seen: seenReport(seen) }), final: true, data: options.data[0], model: options.model, adapter: options.adapter ?? null }, lines.join('\n'));
  return EXIT.ok;
}
