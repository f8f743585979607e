// The rows of a task, from local files: `data_files` as the YAML has them, or files given beside it.

import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { dataError } from '../../errors.js';
import { openSource } from '../../data/source.js';
import type { TaskConfig } from './config.js';
import type { Doc } from './template.js';

/** Kinds of files that `dataset_path` may name instead of a data set of the hub. */
const KINDS = new Set(['json', 'csv', 'parquet', 'text']);

/** Rows of one split. `files`: split to files, over what the task says. */
export async function readSplit(task: TaskConfig, split: string, files: Readonly<Record<string, string | readonly string[]>> = {}): Promise<Doc[]> {
  const docs: Doc[] = [];
  for await (const { value } of (await openSource(filesOf(task, split, files))).rows()) docs.push(value);
  if (docs.length === 0) throw dataError({ file: task.file, field: split }, 'expected at least one row, came none');
  return docs;
}

function filesOf(task: TaskConfig, split: string, files: Readonly<Record<string, string | readonly string[]>>): string | readonly string[] {
  const own = files[split];
  if (own !== undefined) return own;
  if (task.datasetPath === undefined || !KINDS.has(task.datasetPath)) {
    throw dataError({ file: task.file, field: 'dataset_path' },
      `"${task.datasetPath ?? ''}" is no local data set. Fetch its files and say where the split lies (--task-data ${split}=FILE), or use dataset_path: json with data_files`);
  }
  const { data_files: given, ...rest } = task.datasetKwargs as { data_files?: string | readonly string[] | Readonly<Record<string, string | readonly string[]>> };
  delete (rest as Record<string, unknown>).trust_remote_code;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw dataError({ file: task.file, field: `dataset_kwargs.${unknown}` }, 'is not understood. Only data_files is');
  // A plain list is the split "train", as in the data sets library.
  const found = given === undefined ? undefined : typeof given === 'string' || Array.isArray(given) ? (split === 'train' ? given as string | readonly string[] : undefined)
    : (given as Readonly<Record<string, string | readonly string[]>>)[split];
  if (found === undefined) throw dataError({ file: task.file, field: 'dataset_kwargs.data_files' }, `expected files for the split "${split}", came none. Name them, or give --task-data ${split}=FILE`);
  return [found].flat().map((name) => (existsSync(resolve(name)) ? resolve(name) : resolve(dirname(task.file), name)));
}
