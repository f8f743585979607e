// `whetstone eval --task`: tasks of lm-evaluation-harness on a model, with or without an adapter. Answers are kept in a
// cache, so that an interrupted run goes on and a second one costs nothing.

import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SeenRow } from '../curate/seen.js';
import { EngineError } from '../errors.js';
import { readTask } from '../eval/tasks/config.js';
import { sessionModel } from '../eval/tasks/model.js';
import { modelId, taskRoom } from '../eval/tasks/open.js';
import { runTask } from '../eval/tasks/run.js';
import type { TaskReport } from '../eval/tasks/run.js';
import { openParts } from '../train/open.js';
import { EXIT } from './exit.js';
import { engineLimits, partsOf } from './options.js';
import type { ModelOptions } from './options.js';
import type { Output } from './output.js';
import { seenFinder, seenLines, seenReport } from './trained-on.js';
import type { TrainedOnOptions } from './trained-on.js';

export interface TaskOptions extends ModelOptions, Pick<TrainedOnOptions, 'trainedOn'> {
  readonly task: readonly string[];
  readonly taskData?: readonly string[];
  readonly shots?: number;
  readonly limit?: number;
  readonly atOnce: number;
  readonly batchTokens: number;
  readonly maxLength?: number;
  readonly samples?: string;
  readonly answers?: string;
}

export async function taskCommand(output: Output, options: TaskOptions): Promise<number> {
  const files = filesOf(options.taskData ?? []);
  const tasks = await Promise.all(options.task.map(readTask)); // what is wrong with a task is said before a model is read
  const parts = await partsOf(output, options);
  const context = Math.min(options.maxLength ?? Infinity, parts.model.spec.rope.maxPositions);
  const batchTokens = Math.max(options.batchTokens, Math.min(context, 8192));
  await using opened = await openParts(parts, { ...engineLimits(options), ...taskRoom(context, batchTokens, options.atOnce) });
  const id = modelId({ fingerprint: parts.model.fingerprint, tokenizer: parts.tokenizer.hash, dtype: `${options.dtype} ${context}`, adapter: parts.adapter?.tensors ?? [] });
  const model = sessionModel({ session: opened.session, slot: opened.slot, tokenizer: parts.tokenizer, id, batchTokens, atOnce: options.atOnce, maxLength: context });
  const cache = options.answers ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'whetstone', 'answers', `${id.slice(0, 16)}.jsonl`);
  const find = await seenFinder(output, options);
  const seen: ReadonlyMap<number, SeenRow>[] = [];
  const reports: TaskReport[] = [];
  for (const task of tasks) {
    reports.push(await runTask(task, model, {
      cache, files,
      ...(find === undefined ? {} : { findSeen: async (texts) => {
        const found = await find(texts.map((text, row) => ({ set: task.task, row, index: row, text })));
        seen.push(found);
        return new Set(found.keys());
      } }),
      ...(options.shots === undefined ? {} : { shots: options.shots }), ...(options.limit === undefined ? {} : { limit: options.limit }),
      onProgress: (done, total) => {
        if (output.terminal.live) output.terminal.write(`\r\u001b[2K${task.task}: ${done} of ${total} answers`);
      },
    }));
    if (output.terminal.live) output.terminal.write('\r\u001b[2K');
  }
  if (options.samples !== undefined) await writeSamples(options.samples, reports);
  const results = reports.map(({ samples: _, ...report }, i) => ({ ...report, ...(seen[i] === undefined ? {} : { seen: seenReport(seen[i]) }) }));
  output.result({ tasks: results, model: options.model, adapter: options.adapter ?? null, device: opened.device, answers: cache }, () => [table(reports), ...reports.flatMap(({ rows }, i) => seenLines(seen[i] ?? new Map(), rows))].join('\n'));
  return EXIT.ok;
}

/** `split=file` texts. */
function filesOf(pairs: readonly string[]): Record<string, string[]> {
  const files: Record<string, string[]> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at <= 0) {
      throw new EngineError(`--task-data ${pair}: expected split=file, such as test=rows.jsonl`,
        { code: 'ERR_INVALID_ARGUMENT', argument: 'task-data', expected: 'split=file', received: pair });
    }
    (files[pair.slice(0, at)] ??= []).push(pair.slice(at + 1));
  }
  return files;
}

async function writeSamples(folder: string, reports: readonly TaskReport[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { task, samples } of reports) {
    await writeFile(join(folder, `${task.replaceAll(/[^\w.-]+/g, '_')}.jsonl`), samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''));
  }
}

function table(reports: readonly TaskReport[]): string {
  const parts = reports.flatMap(({ task, shots, rows, scores, clean }) => [
    { task, shots, rows, scores }, ...(clean === undefined ? [] : [{ task: `${task} (clean)`, shots, ...clean }]),
  ]);
  const rows = parts.flatMap(({ task, shots, rows: n, scores }) => scores.map(({ metric, filter, value, stderr }) => [
    task, String(n), String(shots), filter === 'none' ? metric : `${metric} (${filter})`, value.toFixed(4), stderr === null ? '' : `± ${stderr.toFixed(4)}`,
  ]));
  const head = ['task', 'rows', 'shots', 'metric', 'value', 'standard error'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows].map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd()).join('\n');
}
