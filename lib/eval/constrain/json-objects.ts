// Objects and arrays of a JSON schema as expressions. Properties come in the order in which they are declared, after them
// others where the schema allows more.

import { bounds, list, refuse } from './json-checks.js';
import type { JsonSchema, Keywords } from './json-checks.js';
import { EMPTY, either, literal, optional, repeat, sequence } from './expression.js';
import type { Expression } from './expression.js';
import { nameExcept } from './json-strings.js';

/** What they need of the reader of schemas. */
export interface Schemas {
  value(schema: JsonSchema, at: string): Expression;
  /** A part that is used twice becomes a rule, so that it is not written out twice. */
  shared(expression: Expression): Expression;
}

const space = optional(literal(' '));
const comma = sequence(literal(','), space);
const colon = sequence(literal(':'), space);

export function objectOf(schema: Keywords, at: string, schemas: Schemas): Expression {
  const more = schema.unevaluatedProperties === false ? false : schema.additionalProperties as JsonSchema | undefined;
  const declared = (schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const required = (schema.required === undefined ? [] : list(schema.required, `${at}/required`)) as string[];
  const unknown = required.filter((name) => !Object.hasOwn(declared, name));
  if (unknown.length > 0 && more === false) throw refuse(`${at}/required`, `the required property "${unknown[0]!}", which additionalProperties forbids,`);
  const names = [...Object.keys(declared), ...new Set(unknown)];
  const [min, max] = bounds(schema, 'minProperties', 'maxProperties', at);
  const other = otherPair(schema, at, schemas, names, more);
  if (names.length > 0 && (schema.propertyNames !== undefined || schema.patternProperties !== undefined)) throw refuse(at, 'propertyNames or patternProperties beside properties');
  if (required.length > max || (other === undefined && names.length < min)) throw refuse(at, 'a number of properties that cannot be reached');
  const pairs = names.map((name) => sequence(literal(JSON.stringify(name)), colon, Object.hasOwn(declared, name)
    ? schemas.value(declared[name]!, `${at}/properties/${name}`) : schemas.value(more ?? true, `${at}/required/${name}`)));
  // What may follow from property `i` on when `count` stand before it. Counts matter up to the bounds only.
  const most = max === Infinity ? Math.max(min, 1) : max;
  const known = new Map<string, Expression | undefined>();
  const from = (i: number, count: number): Expression | undefined => {
    const key = `${i} ${Math.min(count, most)}`;
    if (!known.has(key)) known.set(key, shared(following(i, Math.min(count, most))));
    return known.get(key);
  };
  const shared = (expression: Expression | undefined): Expression | undefined => expression && schemas.shared(expression);
  const following = (i: number, count: number): Expression | undefined => {
    const before = count === 0 ? EMPTY : comma;
    if (i === names.length) {
      const [least, left] = [Math.max(0, min - count), max === Infinity ? Infinity : max - count];
      if (other === undefined || left === 0) return least === 0 ? EMPTY : undefined;
      const some = sequence(before, other, repeat(sequence(comma, other), Math.max(0, least - 1), left - 1));
      return least === 0 ? optional(some) : some;
    }
    const after = max !== Infinity && count >= max ? undefined : from(i + 1, count + 1);
    const with_ = after && sequence(before, pairs[i]!, after);
    const without = required.includes(names[i]!) ? undefined : from(i + 1, count);
    return with_ === undefined || without === undefined ? with_ ?? without : either(with_, without);
  };
  const inside = following(0, 0);
  if (inside === undefined) throw refuse(at, 'a number of properties that cannot be reached');
  return sequence(literal('{'), inside, literal('}'));
}

/** A property that is not declared, or nothing: undeclared ones come only where that is said, or none is declared. */
function otherPair(schema: Keywords, at: string, schemas: Schemas, names: readonly string[], more: JsonSchema | undefined): Expression | undefined {
  const patterns = Object.entries((schema.patternProperties ?? {}) as Readonly<Record<string, JsonSchema>>);
  if (patterns.length > 0) {
    const [[pattern, value], ...others] = patterns as [[string, JsonSchema]];
    if (others.length > 0 || (more !== undefined && more !== false)) throw refuse(`${at}/patternProperties`, 'several patterns, or additionalProperties beside one,');
    return sequence(schemas.value({ type: 'string', pattern }, `${at}/patternProperties`), colon, schemas.value(value, `${at}/patternProperties/${pattern}`));
  }
  if (more === false || (more === undefined && names.length > 0)) return undefined;
  const name = schema.propertyNames === undefined ? nameExcept(names) : schemas.value({ allOf: [{ type: 'string' }, schema.propertyNames] }, `${at}/propertyNames`);
  return sequence(name, colon, schemas.value(more ?? true, `${at}/additionalProperties`));
}

export function arrayOf(schema: Keywords, at: string, schemas: Schemas): Expression {
  const first = schema.prefixItems === undefined ? [] : (list(schema.prefixItems, `${at}/prefixItems`) as JsonSchema[]).map((item, i) => schemas.value(item, `${at}/prefixItems/${i}`));
  const [min, max] = bounds({ minItems: first.length, ...schema }, 'minItems', 'maxItems', at);
  // After places with schemas of their own more come only where `items` says which.
  const item = schema.items === false || (schema.items === undefined && first.length > 0) ? undefined : schemas.value((schema.items ?? true) as JsonSchema, `${at}/items`);
  if (item === undefined && min > first.length) throw refuse(`${at}/minItems`, `${min} with only ${first.length} places in prefixItems`);
  const rest = (i: number): Expression => {
    if (i >= max) return EMPTY;
    const before = i === 0 ? EMPTY : comma;
    if (i < first.length) {
      const one = sequence(before, first[i]!, rest(i + 1));
      return i < min ? one : optional(one);
    }
    if (item === undefined) return EMPTY;
    const some = sequence(before, item, repeat(sequence(comma, item), Math.max(0, min - i - 1), max - i - 1));
    return i < min ? some : optional(some);
  };
  return sequence(literal('['), rest(0), literal(']'));
}
