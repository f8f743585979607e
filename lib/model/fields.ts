// Typed access to the fields of a JSON file: a wrong type is ERR_MODEL with file and field; what the graph cannot
// honour is collected, so that one ERR_UNSUPPORTED names everything at once. Used by spec.ts, rope.ts and load.ts.

import { readFile, stat } from 'node:fs/promises';
import { EngineError } from '../errors.js';

/** A short printable form of a JSON value. */
export function showValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** One JSON object and where it came from. Absent and null mean the same, unless `present` is asked. */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #read = new Set<string>();

  constructor(
    object: object,
    readonly file: string,
    /** Shared by nested objects. */
    readonly unsupported: string[] = [],
    readonly prefix = '',
  ) {
    this.#values = new Map(Object.entries(object));
  }

  fail(key: string, expected: string): never {
    const field = this.prefix + key;
    throw new EngineError(`${this.file}: ${field}: expected ${expected}, received ${showValue(this.#values.get(key))}`,
      { code: 'ERR_MODEL', file: this.file, field });
  }

  /** Notes that this field's value cannot be honoured. */
  refuse(key: string, why: string): void {
    this.unsupported.push(`${this.prefix}${key} = ${showValue(this.#values.get(key))}: ${why}`);
  }

  /** Whether the key is written at all, null included. */
  present(key: string): boolean {
    this.#read.add(key);
    return this.#values.has(key);
  }

  raw(key: string): unknown {
    this.#read.add(key);
    return this.#values.get(key) ?? undefined;
  }

  integer(key: string, range?: Range): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (!Number.isSafeInteger(value)) this.fail(key, 'an integer');
    return this.#inRange(key, value as number, range);
  }

  number(key: string, range?: Range): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value)) this.fail(key, 'a number');
    return this.#inRange(key, value as number, range);
  }

  boolean(key: string): boolean | undefined {
    const value = this.raw(key);
    if (value !== undefined && typeof value !== 'boolean') this.fail(key, 'true or false');
    return value as boolean | undefined;
  }

  string(key: string): string | undefined {
    const value = this.raw(key);
    if (value !== undefined && typeof value !== 'string') this.fail(key, 'a string');
    return value as string | undefined;
  }

  strings(key: string): readonly string[] | undefined {
    const value = this.raw(key);
    if (value !== undefined && !(Array.isArray(value) && value.every((item) => typeof item === 'string'))) {
      this.fail(key, 'a list of strings');
    }
    return value as string[] | undefined;
  }

  /** One integer or a list of them, as token ids are written. */
  integers(key: string, range?: Range): readonly number[] | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    const list = Array.isArray(value) ? value : [value];
    if (!list.every((item) => Number.isSafeInteger(item))) this.fail(key, 'an integer or a list of integers');
    for (const item of list) this.#inRange(key, item as number, range);
    return list as number[];
  }

  object(key: string): Fields | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) this.fail(key, 'an object');
    return new Fields(value as object, this.file, this.unsupported, `${this.prefix}${key}.`);
  }

  /** A value that must be there. */
  required<T>(key: string, value: T | undefined): T {
    if (value === undefined) this.fail(key, 'a value (the field is missing)');
    return value as T;
  }

  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** Keys that nobody asked for. */
  unread(): readonly string[] {
    return this.keys().filter((key) => !this.#read.has(key));
  }

  #inRange(key: string, value: number, { min = -Infinity, max = Infinity }: Range = {}): number {
    if (value < min) this.fail(key, `at least ${min}`);
    if (value > max) this.fail(key, `at most ${max}`);
    return value;
  }
}

/** Parses a JSON object that came from `file`; anything else is ERR_MODEL. */
export function parseJsonObject(text: string, file: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch (error) {
    throw new EngineError(`${file}: expected JSON: ${(error as Error).message}`, { code: 'ERR_MODEL', file }, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EngineError(`${file}: expected a JSON object, received ${showValue(value)}`, { code: 'ERR_MODEL', file });
  }
  return value;
}

/** Reads a JSON object from disk; undefined when there is no such file. */
export async function readJsonObject(file: string, maxBytes = 64 * 2 ** 20): Promise<object | undefined> {
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > maxBytes) {
      throw new EngineError(`${file}: expected at most ${maxBytes} bytes of JSON, the file has ${size}`, { code: 'ERR_MODEL', file });
    }
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof EngineError) throw error;
    throw new EngineError(`${file}: cannot be read as UTF-8 text: ${(error as Error).message}`, { code: 'ERR_MODEL', file }, { cause: error });
  }
  return parseJsonObject(text, file);
}
