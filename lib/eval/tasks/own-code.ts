// The TypeScript functions of tasks: `!function module.name` is the export `name` of module.ts (or .mts, .js, .mjs)
// beside the YAML that says so, where the harness looks for module.py.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dataError, describe } from '../../errors.js';
import { exportOf, importOwn, MODULE_ENDS } from '../own-functions.js';
import type { TaskConfig } from './config.js';
import type { CustomMetric } from './metrics.js';
import type { TaskFunctions } from './prompt.js';
import { isFunction } from './yaml.js';
import type { FunctionName } from './yaml.js';

export interface OwnCode {
  readonly functions: TaskFunctions;
  readonly metrics: Readonly<Record<string, CustomMetric>>;
}

/** Loads what the tasks name, as far as it is there; a function that is missing is told by the run that needs it. */
export async function loadOwnCode(tasks: readonly TaskConfig[]): Promise<OwnCode> {
  const functions: Record<string, (...args: never[]) => unknown> = {};
  const metrics: Record<string, CustomMetric> = {};
  const modules = new Map<string, Promise<Readonly<Record<string, unknown>>>>();
  const find = async ({ functionName, folder }: FunctionName): Promise<{ readonly file: string; readonly value: unknown } | undefined> => {
    const dot = functionName.lastIndexOf('.');
    if (folder === undefined || dot < 1) return undefined;
    const stem = join(folder, functionName.slice(0, dot).replaceAll('.', '/'));
    const file = MODULE_ENDS.map((end) => stem + end).find((one) => existsSync(one));
    if (file === undefined) return undefined;
    const module = modules.get(file) ?? importOwn(file);
    modules.set(file, module);
    return { file, value: exportOf(await module, functionName.slice(dot + 1), file) };
  };
  for (const task of tasks) {
    const named = task.metrics.flatMap((metric) => (metric.function === undefined ? [] : [metric.function]));
    for (const name of named) {
      const found = await find(name);
      if (found !== undefined) metrics[name.functionName] = metricOf(found.value, name.functionName, found.file);
    }
    for (const name of functionsOf(task)) {
      const found = await find(name);
      if (found === undefined) continue;
      if (typeof found.value !== 'function') throw dataError({ file: found.file }, `${name.functionName}: expected a function, came ${describe(found.value)}`);
      functions[name.functionName] = found.value as (...args: never[]) => unknown;
    }
  }
  return { functions, metrics };
}

/** A function is a score whose mean is taken; an object may have an aggregate of its own. */
function metricOf(value: unknown, name: string, file: string): CustomMetric {
  if (typeof value === 'function') return { score: value as CustomMetric['score'] };
  if (typeof value === 'object' && value !== null && typeof (value as Partial<CustomMetric>).score === 'function') return value as CustomMetric;
  throw dataError({ file }, `${name}: expected a function (answer, target, row) => number, or an object with it as score, came ${describe(value)}`);
}

function functionsOf(task: TaskConfig): readonly FunctionName[] {
  const { fewshot } = task;
  const fields = [task.processDocs, task.processResults, task.docToText, task.docToTarget, task.docToChoice, task.decontaminationQuery, fewshot.samples, fewshot.docToText, fewshot.docToTarget, fewshot.docToChoice,
    ...task.metrics.map(({ aggregation }) => aggregation)];
  return fields.filter((field): field is FunctionName => isFunction(field));
}
