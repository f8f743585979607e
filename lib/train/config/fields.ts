// Walks the configuration schema: all keys with their defaults and descriptions, and the schema of one key. Used by
// suggestions, `--set`, `whetstone init` and the test that docs/config.md is complete.

import { z } from 'zod';
import { configSchema } from './schema.js';

export interface Field {
  /** Dotted key, as in `train.learningRate`. */
  readonly key: string;
  readonly description: string;
  readonly required: boolean;
  readonly defaultValue: unknown;
  readonly schema: z.ZodType;
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  return schema;
}

function collect(schema: z.ZodType, prefix: string, out: Field[]): void {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return;
  for (const [name, field] of Object.entries(inner.shape as Record<string, z.ZodType>)) {
    const key = `${prefix}${name}`;
    if (unwrap(field) instanceof z.ZodObject) {
      collect(field, `${key}.`, out);
    } else {
      const defaultValue = field.safeParse(undefined);
      out.push({
        key,
        description: field.description ?? '',
        required: !defaultValue.success,
        defaultValue: defaultValue.success ? defaultValue.data : undefined,
        schema: unwrap(field),
      });
    }
  }
}

/** Every key that holds a value, in the order of the schema. */
export function configFields(): readonly Field[] {
  const out: Field[] = [];
  collect(configSchema, '', out);
  return out;
}

/** Every key, sections included. */
export function configKeys(): readonly string[] {
  const keys = new Set<string>();
  for (const { key } of configFields()) {
    const parts = key.split('.');
    for (let i = 1; i <= parts.length; i++) keys.add(parts.slice(0, i).join('.'));
  }
  return [...keys];
}
