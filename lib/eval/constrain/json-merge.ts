// Two schemas that both must hold, as one: what allOf says, and what stands beside $ref, anyOf and oneOf.

import { isKeywords, refuse } from './json-checks.js';
import type { JsonSchema, Keywords } from './json-checks.js';

type Rule = (a: unknown, b: unknown, at: string) => unknown;

const largest: Rule = (a, b) => Math.max(a as number, b as number);
const smallest: Rule = (a, b) => Math.min(a as number, b as number);
const union: Rule = (a, b) => [...new Set([...a as unknown[], ...b as unknown[]])];
const both: Rule = (a, b) => ({ allOf: [a, b] });

const RULES: Readonly<Record<string, Rule>> = {
  minimum: largest, exclusiveMinimum: largest, minLength: largest, minItems: largest, minProperties: largest,
  maximum: smallest, exclusiveMaximum: smallest, maxLength: smallest, maxItems: smallest, maxProperties: smallest,
  required: union, items: both, propertyNames: both,
  type: (a, b, at) => {
    const [left, right] = [[a].flat(), [b].flat()] as [string[], string[]];
    // Whole numbers are numbers.
    const common = [...left.filter((type) => right.includes(type) || (type === 'integer' && right.includes('number'))), ...right.filter((type) => type === 'integer' && left.includes('number') && !left.includes('integer'))];
    if (common.length === 0) throw refuse(`${at}/type`, `${left.join(', ')} and ${right.join(', ')} at once`);
    return common;
  },
  enum: (a, b, at) => {
    const known = new Set((b as unknown[]).map((value) => JSON.stringify(value)));
    const common = (a as unknown[]).filter((value) => known.has(JSON.stringify(value)));
    if (common.length === 0) throw refuse(`${at}/enum`, 'two lists without a common value');
    return common;
  },
  properties: (a, b) => {
    const [left, right] = [a as Keywords, b as Keywords];
    return { ...left, ...Object.fromEntries(Object.entries(right).map(([name, schema]) => [name, Object.hasOwn(left, name) ? both(left[name], schema, '') : schema])) };
  },
};

/** `remarks`: keywords that allow and forbid nothing. */
export function mergeSchemas(a: JsonSchema, b: JsonSchema, at: string, remarks: ReadonlySet<string>): JsonSchema {
  if (a === true || b === true) return a === true ? b : a;
  if (!isKeywords(a) || !isKeywords(b)) throw refuse(at, 'false, which allows no value');
  const merged: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    if (!Object.hasOwn(a, key) || remarks.has(key) || JSON.stringify(a[key]) === JSON.stringify(value)) merged[key] = value;
    else if (RULES[key] !== undefined) merged[key] = RULES[key](a[key], value, at);
    else throw refuse(`${at}/${key}`, `the keyword "${key}" twice, with different values,`);
  }
  closed(a, b, at);
  closed(b, a, at);
  return merged;
}

/** A schema that allows no more properties than its own forbids those of the other. */
function closed(a: Keywords, b: Keywords, at: string): void {
  if (a.additionalProperties !== false) return;
  const name = Object.keys((b.properties ?? {}) as Keywords).find((one) => !Object.hasOwn((a.properties ?? {}) as Keywords, one));
  if (name !== undefined) throw refuse(`${at}/additionalProperties`, `false beside another schema's property "${name}" (unevaluatedProperties says what is meant)`);
}
