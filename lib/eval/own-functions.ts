// Functions of the user's own, in a module that a task or a configuration names: JavaScript or TypeScript, loaded once;
// what such a function throws or returns is told with its name and its row.

import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dataError, describe } from '../errors.js';
import type { Place } from '../errors.js';
import { stripTypes } from './sandbox/typescript.js';

export const MODULE_ENDS = ['.ts', '.mts', '.js', '.mjs'] as const;

/** What a module exports. The module is run: name only files that you trust. */
export async function importOwn(file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file);
  if (!existsSync(path)) throw dataError({ file: path }, 'no such file, expected a module in TypeScript or JavaScript. Correct the path');
  try {
    return await (/\.m?ts$/.test(path) && !stripsTypes() ? importStripped(path) : load(path));
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_UNSUPPORTED') throw error;
    throw dataError({ file: path }, `the module cannot be loaded: ${(error as Error).message}. Correct it`, { cause: error });
  }
}

/** Node 22.18 and newer import TypeScript as it is. */
function stripsTypes(): boolean {
  const { typescript = false } = process.features as { readonly typescript?: string | false };
  return typescript !== false;
}

/** Older versions of Node: a copy without types, beside the file so that what it imports is found. */
async function importStripped(path: string): Promise<Readonly<Record<string, unknown>>> {
  const copy = `${path}.${process.pid}.mjs`;
  await writeFile(copy, stripTypes(await readFile(path, 'utf8')));
  try {
    return await load(copy);
  } finally {
    await rm(copy, { force: true });
  }
}

async function load(path: string): Promise<Readonly<Record<string, unknown>>> {
  return await import(pathToFileURL(path).href) as Record<string, unknown>;
}

/** An export by name; ERR_DATA lists what there is. */
export function exportOf(module: Readonly<Record<string, unknown>>, name: string, file: string): unknown {
  if (Object.hasOwn(module, name)) return module[name];
  throw dataError({ file }, `expected an export "${name}", came ${Object.keys(module).map((one) => `"${one}"`).join(', ') || 'none'}. Export it from ${basename(file)}`);
}

/** Calls a function that must give a finite number. `what` names it in messages. */
export function ownNumber(call: () => unknown, what: string, place: Place): number {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    throw dataError(place, `${what} threw ${String(error)}. Correct the function`, { cause: error });
  }
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  const hint = value instanceof Promise ? '. It must not be async' : '';
  throw dataError(place, `${what} gave ${typeof value === 'number' ? value : describe(value)}, expected a finite number${hint}. Correct the function`);
}
