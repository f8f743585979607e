// `whetstone eval`: loss and perplexity of rows, with or without an adapter.

import { evaluationRows } from '../curate/contamination-index.js';
import { EngineError } from '../errors.js';
import { cleanOf, cleanSlice, measure } from '../eval/measure.js';
import { count } from '../track/format.js';
import { rowPass, widestBatch } from '../train/data.js';
import { encodeRows } from '../train/rows.js';
import { openParts } from '../train/open.js';
import { readingOf } from './data/reading.js';
import type { ReadingOptions } from './data/reading.js';
import { checkSealed, finalCommand } from './eval-final.js';
import { EXIT } from './exit.js';
import { engineLimits, partsOf } from './options.js';
import type { ModelOptions } from './options.js';
import type { Output } from './output.js';
import { cleanLine, seenFinder, seenLines, seenReport } from './trained-on.js';
import type { TrainedOnOptions } from './trained-on.js';

interface Options extends ModelOptions, ReadingOptions, TrainedOnOptions {
  readonly data?: readonly string[];
  readonly task?: readonly string[];
  readonly atOnce: number;
  readonly batchTokens: number;
  readonly maxLength?: number;
  readonly stride?: number;
  readonly pairs?: 'chosen';
  readonly final?: boolean;
  readonly key?: string;
}

export async function evalCommand(output: Output, options: Options): Promise<number> {
  const { data, task } = options;
  if ((data === undefined) === (task === undefined)) {
    throw new EngineError('expected either --data (rows to score) or --task (a task in YAML)',
      { code: 'ERR_INVALID_ARGUMENT', argument: 'data', expected: 'one of --data and --task', received: data === undefined ? 'neither' : 'both' });
  }
  if (task !== undefined) return (await import('./eval-task.js')).taskCommand(output, { ...options, task });
  return rowsCommand(output, { ...options, data: data! });
}

async function rowsCommand(output: Output, options: Options & { readonly data: readonly string[] }): Promise<number> {
  checkSealed(options.data, options.final ?? false);
  if (options.final) return finalCommand(output, options);
  const parts = await partsOf(output, options);
  const context = parts.model.spec.rope.maxPositions;
  const maxLength = Math.min(options.maxLength ?? context, context);
  const budget = Math.max(options.batchTokens, Math.min(maxLength, 8192));
  const pass = { budget, maxLength, stride: options.stride };
  const rows = await encodeRows(parts, options.data, { ...readingOf(options), badRows: 'keep-aside', ...(options.pairs === undefined ? {} : { pairs: options.pairs }) });
  for (const warning of rows.warnings) output.say(`warning: ${warning}`);
  try {
    await using opened = await openParts(parts, {
      ...engineLimits(options), maxTokens: budget, maxSequences: widestBatch(rows.set, pass),
    });
    const { session, slot } = opened;
    const find = await seenFinder(output, options);
    const seen = await find?.(evaluationRows({ files: options.data, reading: readingOf(options) })) ;
    const began = performance.now();
    const report = await measure(session, rowPass(rows.set, { ...pass, slot }), {
      slicing: cleanSlice(seen ?? new Map()),
      onBatch: ({ read }) => {
        if (output.terminal.live) output.terminal.write(`\r${count(read)} of ${count(rows.report.tokens)} tokens`);
      },
    });
    if (output.terminal.live) output.terminal.write('\r\u001b[2K');
    const seconds = (performance.now() - began) / 1000;
    const clean = cleanOf(report);
    output.result(
      {
        loss: report.loss, standardError: report.standardError, perplexity: report.perplexity, tokens: report.tokens, accuracy: report.accuracy, rows: rows.report.kept,
        ...(seen === undefined ? {} : { seen: seenReport(seen) }), ...(clean === undefined ? {} : { clean }),
        model: options.model, adapter: options.adapter ?? null, device: opened.device, tokensPerSecond: report.read / seconds,
      },
      () => [
        `loss        ${report.loss.toFixed(6)} (nats a token, ${count(report.tokens)} scored tokens of ${count(rows.report.kept)} rows)`,
        `perplexity  ${report.perplexity.toFixed(4)}`, `accuracy    ${(100 * report.accuracy).toFixed(2)} %`, ...cleanLine(clean), ...(seen === undefined ? [] : seenLines(seen, rows.report.kept)),
      ].join('\n'),
    );
  } finally {
    rows.close();
  }
  return EXIT.ok;
}
