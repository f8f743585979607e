// `whetstone eval --task`: tasks of lm-evaluation-harness, and groups of them, on a model with or without an adapter.
// Answers are kept in a cache, so that an interrupted run goes on and a second one costs nothing.

import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SeenRow } from '../curate/seen.js';
import { dataError, EngineError } from '../errors.js';
import type { TaskChat } from '../eval/tasks/chat.js';
import { scoreGroup } from '../eval/tasks/group-scores.js';
import type { GroupReport } from '../eval/tasks/group-scores.js';
import { openTasks } from '../eval/tasks/groups.js';
import { sessionModel } from '../eval/tasks/model.js';
import { modelId, taskRoom } from '../eval/tasks/open.js';
import { loadOwnCode } from '../eval/tasks/own-code.js';
import { runTask } from '../eval/tasks/run.js';
import type { TaskReport, TaskScore } from '../eval/tasks/run.js';
import { openParts } from '../train/open.js';
import type { Parts } from '../train/open.js';
import { EXIT } from './exit.js';
import { engineLimits, partsOf } from './options.js';
import type { ModelOptions } from './options.js';
import type { Output } from './output.js';
import { seenFinder, seenLines, seenReport } from './trained-on.js';
import type { TrainedOnOptions } from './trained-on.js';

export interface TaskOptions extends ModelOptions, Pick<TrainedOnOptions, 'trainedOn'> {
  readonly task: readonly string[];
  readonly taskData?: readonly string[];
  readonly taskPath?: readonly string[];
  readonly chat?: boolean;
  readonly oneTurn?: boolean;
  readonly system?: string;
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
  const { tasks, groups } = await openTasks(options.task, options.taskPath); // what is wrong with a task is said before a model is read
  const own = await loadOwnCode(tasks);
  const parts = await partsOf(output, options);
  const chat = chatOf(options, parts);
  const context = Math.min(options.maxLength ?? Infinity, parts.model.spec.rope.maxPositions);
  const batchTokens = Math.max(options.batchTokens, Math.min(context, 8192));
  await using opened = await openParts(parts, { ...engineLimits(options), ...taskRoom(context, batchTokens, options.atOnce) });
  const id = modelId({ fingerprint: parts.model.fingerprint, tokenizer: parts.tokenizer.hash, dtype: `${options.dtype} ${context}`, adapter: parts.adapter?.tensors ?? [] });
  const model = sessionModel({ session: opened.session, slot: opened.slot, tokenizer: parts.tokenizer, id, batchTokens, atOnce: options.atOnce, maxLength: context });
  const cache = options.answers ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'whetstone', 'answers', `${id.slice(0, 16)}.jsonl`);
  const find = await seenFinder(output, options);
  const seen: (ReadonlyMap<number, SeenRow> | undefined)[] = [];
  const reports: TaskReport[] = [];
  for (const task of tasks) {
    reports.push(await runTask(task, model, {
      cache, files, ...own, ...(chat === undefined ? {} : { chat }), ...(options.system === undefined ? {} : { system: options.system }),
      ...(find === undefined ? {} : { findSeen: async (texts) => {
        const found = await find(texts.map((text, row) => ({ set: task.task, row: row + 1, index: row, text })));
        seen.push(found);
        return new Set(found?.keys());
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
  const together = groups.map((group) => scoreGroup(group, reports));
  const names = new Map([...tasks.map(({ task, alias }) => [task, alias] as const), ...groups.map(({ name, alias }) => [name, alias] as const)]);
  output.result({ tasks: results, groups: together, model: options.model, adapter: options.adapter ?? null, device: opened.device, answers: cache },
    () => [table(reports, together, names), ...reports.flatMap(({ rows }, i) => seenLines(seen[i] ?? new Map(), rows))].join('\n'));
  return EXIT.ok;
}

function chatOf({ chat, oneTurn = false }: TaskOptions, { template, model }: Parts): TaskChat | undefined {
  if (oneTurn && !chat) throw new EngineError('--one-turn: expected --chat too, without which there are no turns', { code: 'ERR_INVALID_ARGUMENT', argument: 'one-turn', expected: '--chat', received: 'nothing' });
  if (!chat) return undefined;
  if (template === undefined) throw dataError({ file: model.folder, field: 'chat_template' }, '--chat: the model has no chat template. Leave --chat out, or give the model one');
  return { template, multiturn: !oneTurn };
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

function table(reports: readonly TaskReport[], groups: readonly GroupReport[], aliases: ReadonlyMap<string, string | undefined>): string {
  const named = (name: string): string => aliases.get(name) ?? name;
  const lines = (name: string, rows: number, shots: string, scores: readonly TaskScore[]): string[][] => scores.map(({ metric, filter, value, stderr, interval }) => [
    name, String(rows), shots, filter === 'none' ? metric : `${metric} (${filter})`, value.toFixed(4), stderr === null ? '' : `± ${stderr.toFixed(4)}`,
    interval === null ? '' : `${interval[0].toFixed(4)} to ${interval[1].toFixed(4)}`,
  ]);
  const rows = [
    ...reports.flatMap(({ task, shots, rows: n, scores, clean }) => [
      ...lines(named(task), n, String(shots), scores), ...(clean === undefined ? [] : lines(`${named(task)} (clean)`, clean.rows, String(shots), clean.scores)),
    ]),
    ...groups.flatMap(({ group, rows: n, scores }) => lines(named(group), n, '', scores)),
  ];
  const head = ['task', 'rows', 'shots', 'metric', 'value', 'standard error', '95 % interval'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows].map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd()).join('\n');
}
