// Groups and tags of tasks: files that name others, found in folders as lm-evaluation-harness finds them. Keys of a group
// that are not about it go over those of its tasks.

import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { dataError, describe } from '../../errors.js';
import { checkTask } from './config.js';
import type { TaskConfig } from './config.js';
import { TaskIndex } from './index-names.js';
import type { Entry } from './index-names.js';
import { YamlFiles } from './yaml.js';
import type { Plain } from './yaml.js';

/** One score of a group, made of a score that its tasks have. */
export interface GroupMetric {
  readonly metric: string;
  /** Absent: every filter that a task has. */
  readonly filters: readonly string[] | undefined;
  /** Tasks count by their rows; else all alike. */
  readonly weightBySize: boolean;
}

export interface TaskGroup {
  readonly file: string;
  readonly name: string;
  readonly alias: string | undefined;
  readonly children: readonly (TaskConfig | TaskGroup)[];
  readonly metrics: readonly GroupMetric[];
  readonly version: string | number | undefined;
}

export interface OpenedTasks {
  /** Every task once, in order. */
  readonly tasks: readonly TaskConfig[];
  /** Every group, those inside others before them. */
  readonly groups: readonly TaskGroup[];
}

const GROUP_KEYS = new Set(['group', 'group_alias', 'task', 'aggregate_metric_list', 'metadata']);

export const isGroup = (node: TaskConfig | TaskGroup): node is TaskGroup => 'children' in node;

/** The tasks at the leaves of a group, in order. */
export function leaves(node: TaskConfig | TaskGroup): readonly TaskConfig[] {
  return isGroup(node) ? node.children.flatMap(leaves) : [node];
}

/**
 * Tasks by file, or by name in `folders`: tasks, groups, tags. What a group names is looked for there too, and in the
 * folder of the group. Rejects with ERR_DATA naming the file and the key.
 */
export async function openTasks(names: readonly string[], folders: readonly string[] = []): Promise<OpenedTasks> {
  const files = new YamlFiles();
  const index = new TaskIndex(files);
  const nodes: (TaskConfig | TaskGroup)[] = [];
  for (const name of names) {
    if (existsSync(name) || (folders.length === 0 && /\.ya?ml$/.test(name))) {
      const file = resolve(name);
      nodes.push(...await new Builder(index, [...folders, dirname(file)]).file(file, await files.read(file)));
    } else nodes.push(...await new Builder(index, folders).named(name, {}, { file: name, field: 'task' }));
  }
  const tasks = new Map<string, { readonly task: TaskConfig; readonly from: number }>();
  for (const [from, node] of nodes.entries()) {
    for (const task of leaves(node)) {
      const other = tasks.get(task.task);
      if (other !== undefined && (other.from !== from || JSON.stringify(other.task) !== JSON.stringify(task))) {
        throw dataError({ file: task.file, field: 'task' }, `"${task.task}" comes twice${other.from === from ? ', with different keys' : ''}. Name it once`);
      }
      tasks.set(task.task, { task, from });
    }
  }
  return { tasks: [...tasks.values()].map(({ task }) => task), groups: nodes.flatMap(groupsIn) };
}

function groupsIn(node: TaskConfig | TaskGroup): readonly TaskGroup[] {
  return isGroup(node) ? [...node.children.flatMap(groupsIn), node] : [];
}

/** Where a name stands, for messages. */
interface Spot {
  readonly file: string;
  readonly field: string;
}

class Builder {
  readonly #open: string[] = [];

  constructor(private readonly index: TaskIndex, private readonly folders: readonly string[]) {}

  async file(file: string, keys: Plain): Promise<readonly (TaskConfig | TaskGroup)[]> {
    return [keys.group === undefined ? this.#task(file, keys, {}) : await this.#group(file, String(keys.group), keys, {})];
  }

  /** What a name stands for; a tag stands for several tasks. */
  async named(name: string, over: Plain, spot: Spot): Promise<readonly (TaskConfig | TaskGroup)[]> {
    const entry = await this.#find(name, spot);
    if (entry.kind === 'group') return [await this.#group(entry.file, name, entry.keys, over)];
    if (entry.kind === 'task') return [this.#task(entry.file, entry.keys, over)];
    const all = [];
    for (const task of [...entry.tasks].sort()) all.push(...await this.named(task, over, spot));
    return all;
  }

  async #find(name: string, spot: Spot): Promise<Entry> {
    const entry = await this.index.find(name, this.folders);
    if (entry !== undefined) return entry;
    throw dataError(spot, `"${name}" is no task, group or tag in ${this.folders.join(', ') || 'any folder: none was given'}. ` +
      `Correct the name, or say where its files lie (--task-path)${this.index.broken(this.folders)}`);
  }

  #task(file: string, keys: Plain, over: Plain): TaskConfig {
    return checkTask({ ...keys, ...over }, file);
  }

  async #group(file: string, name: string, keys: Plain, over: Plain): Promise<TaskGroup> {
    if (this.#open.includes(name)) throw dataError({ file, field: 'task' }, `the group "${name}" is inside itself. Remove it there`);
    this.#open.push(name);
    const { tag: _, ...rest } = keys;
    const defaults = { ...Object.fromEntries(Object.entries(rest).filter(([key]) => !GROUP_KEYS.has(key))), ...over };
    const members = keys.task ?? [];
    // As in the harness, a second child of the same name takes the place of the first.
    const children = new Map<string, TaskConfig | TaskGroup>();
    for (const item of Array.isArray(members) ? members : [members]) {
      for (const child of await this.#member(item, name, file, defaults)) children.set(isGroup(child) ? child.name : child.task, child);
    }
    if (children.size === 0) throw dataError({ file, field: 'task' }, `the group "${name}" has no tasks. Name them under task`);
    this.#open.pop();
    return {
      file, name, alias: keys.group_alias as string | undefined, children: [...children.values()],
      metrics: metricsOf(keys.aggregate_metric_list, file), version: (keys.metadata as { version?: string | number } | undefined)?.version,
    };
  }

  async #member(item: unknown, group: string, file: string, defaults: Plain): Promise<readonly (TaskConfig | TaskGroup)[]> {
    const spot = { file, field: 'task' };
    if (typeof item === 'string') return this.named(item, defaults, spot);
    if (typeof item !== 'object' || item === null || Array.isArray(item)) throw dataError(spot, `expected names, or keys with task or group, came ${describe(item)}`);
    const keys = item as Plain;
    const { group: inner, task: name, ...own } = keys;
    if (inner !== undefined) {
      const known = await this.index.find(String(inner), this.folders);
      const over = { ...defaults, ...Object.fromEntries(Object.entries(keys).filter(([key]) => key !== 'group' && !GROUP_KEYS.has(key))) };
      return known === undefined ? [await this.#group(file, `${group}::${String(inner)}`, keys, defaults)] : this.named(String(inner), over, spot);
    }
    if (typeof name !== 'string') throw dataError(spot, `expected an entry with task or group, came ${describe(item)}`);
    const known = await this.index.find(name, this.folders);
    if (known !== undefined || Object.keys(own).length === 0) return this.named(name, { ...defaults, ...own }, spot);
    return [this.#task(file, { ...defaults, ...own, task: `${group}::${name}` }, {})];
  }
}

function metricsOf(list: unknown, file: string): readonly GroupMetric[] {
  const place = { file, field: 'aggregate_metric_list' };
  const entries = list === undefined || list === null ? [] : Array.isArray(list) ? list as readonly (Plain | null)[] : [list as Plain];
  return entries.map((entry, i) => {
    const { metric, filter_list: filters, aggregation = 'mean', weight_by_size: weightBySize = true, ...rest } = entry ?? {};
    const strange = Object.keys(rest)[0];
    if (typeof metric !== 'string') throw dataError(place, `entry ${i + 1}: expected metric: name, came ${describe(entry)}`);
    if (strange !== undefined) throw dataError(place, `entry ${i + 1}: "${strange}" is not understood`);
    if (aggregation !== 'mean') throw dataError(place, `entry ${i + 1}: expected aggregation: mean, came ${describe(aggregation)}`);
    if (typeof weightBySize !== 'boolean') throw dataError(place, `entry ${i + 1}: expected weight_by_size: true or false, came ${describe(weightBySize)}`);
    return { metric, filters: filters === undefined || filters === null ? undefined : [filters].flat() as string[], weightBySize };
  });
}
