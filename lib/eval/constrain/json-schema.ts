// JSON schemas as constraints: the text is one JSON value of the schema, properties in the order in which they are
// declared. Keywords that are not understood are refused by name, never ignored.

import { isKeywords, list, refuse } from './json-checks.js';
import type { JsonSchema, Keywords } from './json-checks.js';
import { EMPTY, call, either, literal } from './expression.js';
import type { Expression, Grammar } from './expression.js';
import { mergeSchemas } from './json-merge.js';
import { anyInteger, anyNumber, integersIn, multiplesOf, numbersIn } from './json-numbers.js';
import type { NumberRange } from './json-numbers.js';
import { arrayOf, objectOf } from './json-objects.js';
import type { Schemas } from './json-objects.js';
import { stringOf } from './json-strings.js';

export type { JsonSchema } from './json-checks.js';

/** Keywords that say nothing about which texts are allowed. */
const REMARKS: ReadonlySet<string> = new Set(['title', 'description', 'default', 'examples', '$schema', '$id', '$comment', '$defs', 'definitions', 'deprecated', 'readOnly', 'writeOnly']);
const OF_NUMBERS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
/** Keywords by the type that they belong to. */
const OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'unevaluatedProperties', 'patternProperties', 'propertyNames', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: OF_NUMBERS, integer: OF_NUMBERS, boolean: [], null: [],
};
const TYPES = ['object', 'array', 'string', 'number', 'boolean', 'null'];
/** Calls of rules inside each other for values of any kind have no end; sets of properties in any order would. */
const ANY = '(any)';
const DEEPEST = 64;
/** Whole parts of bounds have at most 15 digits: that many are exact. */
const LARGEST_BOUND = 1e15;

/** The grammar of a schema's values. Throws ERR_INVALID_ARGUMENT with the place in the schema. */
export function schemaGrammar(schema: JsonSchema): Grammar {
  const compiler = new Compiler(schema);
  const start = compiler.value(schema, '#');
  return { start, rules: compiler.rules };
}

class Compiler implements Schemas {
  readonly rules = new Map<string, Expression>();
  readonly #root: JsonSchema;
  readonly #shared = new Map<Expression, string>();
  #depth = 0;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  value(schema: JsonSchema, at: string): Expression {
    if (this.#depth === DEEPEST) throw refuse(at, `a schema inside ${DEEPEST} others (through allOf a $ref has no end)`);
    this.#depth++;
    const expression = this.#value(schema, at);
    this.#depth--;
    return expression;
  }

  #value(schema: JsonSchema, at: string): Expression {
    if (schema === true) return this.#any();
    if (schema === false) throw refuse(at, 'false, which allows no value');
    if (!isKeywords(schema)) throw refuse(at, `${JSON.stringify(schema)} instead of a schema`);
    const { nullable, ...rest } = schema;
    if (nullable !== undefined) return nullable === true ? either(this.value(rest, at), literal('null')) : this.value(rest, at);
    const keys = Object.keys(schema).filter((key) => !REMARKS.has(key));
    const without = (name: string): Keywords => Object.fromEntries(Object.entries(schema).filter(([key]) => key !== name));
    if (keys.includes('$ref') && keys.length === 1) return this.#reference(schema.$ref, at);
    if (keys.includes('$ref')) return this.value(this.#both(this.#target(schema.$ref, at), without('$ref'), at), at);
    if (keys.includes('allOf')) {
      const parts = list(schema.allOf, `${at}/allOf`) as readonly JsonSchema[];
      if (parts.length === 1 && keys.length === 1) return this.value(parts[0]!, `${at}/allOf/0`);
      return this.value(parts.reduce<JsonSchema>((all, part, i) => this.#both(all, part, `${at}/allOf/${i}`), without('allOf')), at);
    }
    for (const name of ['anyOf', 'oneOf']) {
      if (!keys.includes(name)) continue;
      const parts = list(schema[name], `${at}/${name}`) as readonly JsonSchema[];
      return either(...parts.map((part, i) => this.value(keys.length === 1 ? part : this.#both(without(name), part, `${at}/${name}/${i}`), `${at}/${name}/${i}`)));
    }
    return this.#simple(schema, keys, at);
  }

  /** A schema without others beside it. */
  #simple(schema: Keywords, keys: readonly string[], at: string): Expression {
    const only = (...allowed: readonly string[]): void => {
      const other = keys.find((key) => !allowed.includes(key));
      if (other !== undefined) throw refuse(`${at}/${other}`, `the keyword "${other}" here`);
    };
    if (keys.includes('const') || keys.includes('enum')) {
      only('const', 'enum', 'type');
      const types = schema.type === undefined ? TYPES : [schema.type].flat() as string[];
      const values = (keys.includes('enum') ? list(schema.enum, `${at}/enum`) : [schema.const])
        .filter((value) => typesOf(value).some((type) => types.includes(type)) && (!keys.includes('const') || JSON.stringify(value) === JSON.stringify(schema.const)));
      if (values.length === 0) throw refuse(`${at}/${keys.includes('enum') ? 'enum' : 'const'}`, 'no value of the type');
      return either(...values.map((value) => literal(JSON.stringify(value))));
    }
    if (keys.length === 0) return this.#any();
    const types = schema.type === undefined ? [this.#guess(keys, at)] : typeof schema.type === 'string' ? [schema.type] : list(schema.type, `${at}/type`) as string[];
    for (const type of types) if (OF_TYPE[type] === undefined) throw refuse(`${at}/type`, `the type ${JSON.stringify(type)}`);
    only('type', ...types.flatMap((type) => OF_TYPE[type]!));
    return either(...types.map((type) => this.#typed(type, schema, at)));
  }

  #guess(keys: readonly string[], at: string): string {
    const type = Object.keys(OF_TYPE).find((name) => OF_TYPE[name]!.includes(keys[0]!));
    if (type === undefined) throw refuse(`${at}/${keys[0]}`, `the keyword "${keys[0]}"`);
    return type;
  }

  #typed(type: string, schema: Keywords, at: string): Expression {
    switch (type) {
      case 'object': return objectOf(schema, at, this);
      case 'array': return arrayOf(schema, at, this);
      case 'string': return stringOf(schema, at);
      case 'integer': case 'number': return this.#number(type, schema, at);
      case 'boolean': return either(literal('true'), literal('false'));
      default: return literal('null');
    }
  }

  #number(type: 'integer' | 'number', schema: Keywords, at: string): Expression {
    const range = rangeOf(schema, at);
    const { multipleOf } = schema;
    if (multipleOf !== undefined) {
      const places = [...Array(16).keys()].find((count) => multipleOf === Number(`1e-${count}`));
      const whole = Number.isSafeInteger(multipleOf) && (multipleOf as number) > 0;
      const found = places !== undefined && type === 'number' && places > 0 ? numbersIn(range, places) : multipleOf === 1 ? integersIn(range) : whole ? multiplesOf(multipleOf as number, range, this.rules) : undefined;
      if (found === undefined) throw refuse(`${at}/multipleOf`, `${JSON.stringify(multipleOf)} with these bounds`);
      return found;
    }
    if (Object.keys(range).length === 0) return type === 'integer' ? anyInteger : anyNumber;
    const found = type === 'integer' ? integersIn(range) : numbersIn(range);
    if (found === undefined) throw refuse(at, `no number: a minimum of ${range.low ?? '-∞'}${range.lowOpen ? ' (exclusive)' : ''} and a maximum of ${range.high ?? '∞'}${range.highOpen ? ' (exclusive)' : ''}`);
    return found;
  }

  shared(expression: Expression): Expression {
    if (expression === EMPTY || expression.kind === 'call') return expression;
    const known = this.#shared.get(expression);
    if (known !== undefined) return call(known);
    const name = `(part ${this.#shared.size})`;
    this.#shared.set(expression, name);
    this.rules.set(name, expression);
    return call(name);
  }

  #any(): Expression {
    if (!this.rules.has(ANY)) {
      this.rules.set(ANY, EMPTY); // so that it can call itself while it is made
      this.rules.set(ANY, either(...TYPES.map((type) => this.#typed(type, {}, '#'))));
    }
    return call(ANY);
  }

  /** Both must hold; what they refer to is put in their place. */
  #both(a: JsonSchema, b: JsonSchema, at: string): JsonSchema {
    return mergeSchemas(this.#flat(a, at), this.#flat(b, at), at, REMARKS);
  }

  #flat(schema: JsonSchema, at: string): JsonSchema {
    if (!isKeywords(schema) || (schema.$ref === undefined && schema.allOf === undefined)) return schema;
    if (++this.#depth > DEEPEST) throw refuse(at, 'a $ref to itself through allOf');
    const { $ref, allOf, ...rest } = schema;
    const parts = [...($ref === undefined ? [] : [this.#target($ref, at)]), ...(allOf === undefined ? [] : list(allOf, `${at}/allOf`) as JsonSchema[])];
    const flat = parts.reduce<JsonSchema>((all, part) => this.#both(all, part, at), rest);
    this.#depth--;
    return flat;
  }

  #reference(reference: unknown, at: string): Expression {
    const target = this.#target(reference, at);
    const name = reference as string;
    if (!this.rules.has(name)) {
      this.rules.set(name, EMPTY);
      this.rules.set(name, this.value(target, name));
    }
    return call(name);
  }

  /** What "#/…" points at. */
  #target(reference: unknown, at: string): JsonSchema {
    if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference)) throw refuse(`${at}/$ref`, `${JSON.stringify(reference)} (only places in the same schema, such as "#/$defs/name")`);
    let target: unknown = this.#root;
    for (const part of reference.split('/').slice(1)) {
      const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      target = typeof target === 'object' && target !== null && Object.hasOwn(target, name) ? (target as Record<string, unknown>)[name] : undefined;
    }
    if (target === undefined) throw refuse(`${at}/$ref`, `"${reference}", which is no place in the schema`);
    return target as JsonSchema;
  }
}

/** The types that a value has. */
function typesOf(value: unknown): readonly string[] {
  if (typeof value === 'number') return Number.isInteger(value) ? ['number', 'integer'] : ['number'];
  return [value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value];
}

function rangeOf(schema: Keywords, at: string): NumberRange {
  const value = (name: string): number | undefined => {
    const bound = schema[name];
    if (bound === undefined || (typeof bound === 'number' && Math.abs(bound) <= LARGEST_BOUND)) return bound as number | undefined;
    throw refuse(`${at}/${name}`, `${JSON.stringify(bound)} instead of a number up to 10^15`);
  };
  const [low, above, high, below] = [value('minimum'), value('exclusiveMinimum'), value('maximum'), value('exclusiveMaximum')];
  const lowOpen = above !== undefined && above >= (low ?? -Infinity);
  const highOpen = below !== undefined && below <= (high ?? Infinity);
  const [from, to] = [lowOpen ? above : low, highOpen ? below : high];
  return { ...(from === undefined ? {} : { low: from, lowOpen }), ...(to === undefined ? {} : { high: to, highOpen }) };
}
