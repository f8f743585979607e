// What the parts of the schema reader share: the shape of a schema, lists and bounds in it, and how it is refused.

import { EngineError } from '../../errors.js';

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };
export type Keywords = { readonly [keyword: string]: unknown };

export function isKeywords(schema: unknown): schema is Keywords {
  return typeof schema === 'object' && schema !== null && !Array.isArray(schema);
}

export function list(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw refuse(at, `${JSON.stringify(value)} instead of a list`);
}

/** Two whole numbers, from 0 to 10,000; the second may be infinite. */
export function bounds(schema: Keywords, least: string, most: string, at: string): readonly [number, number] {
  const read = (name: string, absent: number): number => {
    const value = schema[name];
    if (value === undefined) return absent;
    if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > 10_000) throw refuse(`${at}/${name}`, `${JSON.stringify(value)} instead of a whole number from 0 to 10000`);
    return value as number;
  };
  const [min, max] = [read(least, 0), read(most, Infinity)];
  if (min > max) throw refuse(at, `${least} ${min} above ${most} ${max}`);
  return [min, max];
}

export function refuse(at: string, what: string): EngineError {
  return new EngineError(
    `JSON schema, ${at}: ${what} cannot be a constraint. See "Constraints" in docs/evaluation.md for what can`,
    { code: 'ERR_INVALID_ARGUMENT', argument: 'jsonSchema', expected: 'keywords that are understood', received: at });
}
