// Task files as they lie on the disk: YAML with `include` and `!function`, read to plain keys and values. Which keys mean
// what is said in config.ts for tasks and in groups.ts for groups.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { dataError, describe } from '../../errors.js';

/** `!function module.name` in the YAML: a TypeScript function of that name stands in for the Python one. */
export interface FunctionName {
  readonly functionName: string;
  /** Folder of the file that names it: its module lies there. Absent where a task was made in code. */
  readonly folder?: string;
}
export type Plain = Readonly<Record<string, unknown>>;

export function isFunction(value: unknown): value is FunctionName {
  return typeof value === 'object' && value !== null && 'functionName' in value;
}

/** Reads files once each, however many include them. Rejects with ERR_DATA naming the file. */
export class YamlFiles {
  readonly #known = new Map<string, Promise<Plain>>();

  /** All keys of a file: what it includes first, in order, its own over that. */
  async read(file: string, from: readonly string[] = []): Promise<Plain> {
    const path = resolve(file);
    if (from.includes(path)) throw dataError({ file: path, field: 'include' }, 'includes itself. Remove the include');
    const own = this.#known.get(path) ?? readOne(path);
    this.#known.set(path, own);
    const { include, ...keys } = await own;
    let base: Plain = {};
    for (const name of include === undefined ? [] : [include].flat()) base = { ...base, ...await this.read(resolve(dirname(path), String(name)), [...from, path]) };
    return { ...base, ...keys };
  }
}

async function readOne(file: string): Promise<Plain> {
  let value: unknown;
  try {
    const tag = { tag: '!function', resolve: (text: string): FunctionName => ({ functionName: text, folder: dirname(file) }) };
    value = parse(await readFile(file, 'utf8'), { customTags: [tag] });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw dataError({ file }, missing ? 'no such file. Give the path of a task in YAML' : `expected a task in YAML, came ${(error as Error).message}`, { cause: error });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Plain;
  throw dataError({ file }, `expected keys and values, came ${describe(value)}`);
}
