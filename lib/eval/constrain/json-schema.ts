// JSON schemas as constraints: the text is one JSON value of the schema, properties in the order in which they are
// declared. Keywords that are not understood are refused by name, never ignored.

import { EngineError } from '../../errors.js';
import { EMPTY, call, chars, either, inverse, literal, mapChars, optional, repeat, sequence, subtract } from './expression.js';
import type { Expression, Grammar, Ranges } from './expression.js';
import { parseRegex } from './regex.js';

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

const HEX: Ranges = [[0x30, 0x39], [0x41, 0x46], [0x61, 0x66]];
const hex = chars(HEX);
/** What stands in a JSON string as it is: neither quote, backslash nor control character. */
const PLAIN: Ranges = subtract(inverse([]), [[0, 0x1f], [0x22, 0x22], [0x5c, 0x5c]]);
const escape = sequence(literal('\\'), either(chars([...'"\\/bfnrt'].map((c) => [c.charCodeAt(0), c.charCodeAt(0)] as const)),
  sequence(literal('u'), either( // no half of a surrogate pair: a value must be text
    sequence(chars(subtract(HEX, [[0x44, 0x44], [0x64, 0x64]])), hex, hex, hex),
    sequence(chars([[0x44, 0x44], [0x64, 0x64]]), chars([[0x30, 0x37]]), hex, hex)))));
const character = either(chars(PLAIN), escape);
const digit = chars([[0x30, 0x39]]);
const integer = parseRegex('-?(0|[1-9][0-9]{0,15})');
const number = sequence(integer, optional(sequence(literal('.'), repeat(digit, 1, 16))), optional(parseRegex('[eE][+-]?[0-9]{1,2}')));
const quoted = (inside: Expression): Expression => sequence(literal('"'), inside, literal('"'));
const space = optional(literal(' '));
const comma = sequence(literal(','), space);
const colon = sequence(literal(':'), space);

const FORMATS: Readonly<Record<string, string>> = {
  date: '\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])',
  time: '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)',
  'date-time': '\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)',
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}',
  email: '[a-z0-9]+([._-][a-z0-9]+){0,4}@[a-z0-9]+(-[a-z0-9]+){0,4}(\\.[a-z]{2,12}){1,3}',
  ipv4: '((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)',
};

/** Keywords that say nothing about which texts are allowed. */
const REMARKS = new Set(['title', 'description', 'default', 'examples', '$schema', '$id', '$comment', '$defs', 'definitions', 'deprecated', 'readOnly', 'writeOnly']);
/** Keywords by the type that they belong to. */
const OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'], number: [], boolean: [], null: [],
};
const TYPES = ['object', 'array', 'string', 'number', 'boolean', 'null'];
/** Calls of rules inside each other for values of any kind have no end; sets of properties in any order would. */
const ANY = '(any)';

/** The grammar of a schema's values. Throws ERR_INVALID_ARGUMENT with the place in the schema. */
export function schemaGrammar(schema: JsonSchema): Grammar {
  const compiler = new Compiler(schema);
  const start = compiler.value(schema, '#');
  return { start, rules: compiler.rules };
}

class Compiler {
  readonly rules = new Map<string, Expression>();
  readonly #root: JsonSchema;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  value(schema: JsonSchema, at: string): Expression {
    if (schema === true) return this.#any();
    if (schema === false) throw refuse(at, 'false, which allows no value');
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) throw refuse(at, `${JSON.stringify(schema)} instead of a schema`);
    const keys = Object.keys(schema).filter((key) => !REMARKS.has(key));
    const only = (...allowed: readonly string[]): void => {
      const other = keys.find((key) => !allowed.includes(key));
      if (other !== undefined) throw refuse(`${at}/${other}`, `the keyword "${other}" here`);
    };
    if (keys.includes('$ref')) {
      only('$ref');
      return this.#reference(schema.$ref, at);
    }
    if (keys.includes('const')) {
      only('const', 'type');
      return literal(JSON.stringify(schema.const));
    }
    if (keys.includes('enum')) {
      only('enum', 'type');
      const values = list(schema.enum, `${at}/enum`);
      return either(...values.map((value) => literal(JSON.stringify(value))));
    }
    for (const name of ['anyOf', 'oneOf', 'allOf']) {
      if (!keys.includes(name)) continue;
      only(name);
      const parts = list(schema[name], `${at}/${name}`) as readonly JsonSchema[];
      if (name === 'allOf' && parts.length > 1) throw refuse(`${at}/allOf`, 'allOf with more than one schema');
      return either(...parts.map((part, i) => this.value(part, `${at}/${name}/${i}`)));
    }
    if (keys.length === 0) return this.#any();
    const types = schema.type === undefined ? this.#guess(keys, at) : typeof schema.type === 'string' ? [schema.type] : list(schema.type, `${at}/type`) as string[];
    for (const type of types) if (OF_TYPE[type] === undefined) throw refuse(`${at}/type`, `the type ${JSON.stringify(type)}`);
    only('type', ...types.flatMap((type) => OF_TYPE[type]!));
    return either(...types.map((type) => this.#typed(type, schema, at)));
  }

  #guess(keys: readonly string[], at: string): string[] {
    const type = Object.keys(OF_TYPE).find((name) => OF_TYPE[name]!.includes(keys[0]!));
    if (type === undefined || type === 'integer') throw refuse(`${at}/${keys[0]}`, `the keyword "${keys[0]}"${type === undefined ? '' : ' without a type'}`);
    return [type];
  }

  #typed(type: string, schema: { readonly [keyword: string]: unknown }, at: string): Expression {
    switch (type) {
      case 'object': return this.#object(schema, at);
      case 'array': return this.#array(schema, at);
      case 'string': return this.#string(schema, at);
      case 'integer': return this.#integer(schema, at);
      case 'number': return number;
      case 'boolean': return either(literal('true'), literal('false'));
      default: return literal('null');
    }
  }

  #object(schema: { readonly [keyword: string]: unknown }, at: string): Expression {
    const properties = (schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
    const names = Object.keys(properties);
    const required = (schema.required === undefined ? [] : list(schema.required, `${at}/required`)) as string[];
    const unknown = required.find((name) => !names.includes(name));
    if (unknown !== undefined) throw refuse(`${at}/required`, `the required property "${unknown}" without a schema under properties`);
    const { additionalProperties: more } = schema;
    const [min, max] = bounds(schema, 'minProperties', 'maxProperties', at);
    if (names.length > 0 && (schema.minProperties !== undefined || schema.maxProperties !== undefined)) throw refuse(at, 'minProperties and maxProperties beside properties');
    // Objects without declared properties hold any; beside declared ones more come only where that is said.
    const free = more === undefined ? names.length === 0 : more !== false;
    const rest = free ? sequence(quoted(repeat(chars(PLAIN), 1, 64)), colon, this.value(more === undefined ? true : more as JsonSchema, `${at}/additionalProperties`)) : undefined;
    if (names.length === 0) return sequence(literal('{'), rest === undefined ? EMPTY : separated(rest, min, max), literal('}'));
    if (rest !== undefined) throw refuse(`${at}/additionalProperties`, 'additionalProperties beside properties (a name could come twice)');
    const pairs = names.map((name) => sequence(literal(JSON.stringify(name)), colon, this.value(properties[name]!, `${at}/properties/${name}`)));
    // `after[i]`: what may follow from property i on when something stands before it; `first[i]`: when nothing does.
    let [after, first]: [Expression, Expression] = [EMPTY, EMPTY];
    for (let i = names.length - 1; i >= 0; i--) {
      const [with_, without] = [sequence(comma, pairs[i]!, this.#shared(after)), after];
      const begin = sequence(pairs[i]!, this.#shared(after));
      const must = required.includes(names[i]!);
      first = must ? begin : either(begin, first);
      after = must ? with_ : either(with_, this.#shared(without));
    }
    return sequence(literal('{'), first, literal('}'));
  }

  /** A part used twice is a rule, so that optional properties do not double the network each time. */
  #shared(expression: Expression): Expression {
    if (expression === EMPTY || expression.kind === 'call') return expression;
    const known = this.#sharedRules.get(expression);
    if (known !== undefined) return call(known);
    const name = `(part ${this.#sharedRules.size})`;
    this.#sharedRules.set(expression, name);
    this.rules.set(name, expression);
    return call(name);
  }

  readonly #sharedRules = new Map<Expression, string>();

  #array(schema: { readonly [keyword: string]: unknown }, at: string): Expression {
    const [min, max] = bounds(schema, 'minItems', 'maxItems', at);
    if (schema.prefixItems !== undefined) {
      const items = (list(schema.prefixItems, `${at}/prefixItems`) as JsonSchema[]).map((item, i) => this.value(item, `${at}/prefixItems/${i}`));
      if (schema.items !== undefined && schema.items !== false) throw refuse(`${at}/items`, 'items beside prefixItems');
      if ((schema.minItems ?? items.length) !== items.length || (schema.maxItems ?? items.length) !== items.length) throw refuse(at, 'minItems or maxItems beside prefixItems');
      return sequence(literal('['), ...items.flatMap((item, i) => (i === 0 ? [item] : [comma, item])), literal(']'));
    }
    const item = schema.items === undefined ? this.#any() : this.value(schema.items as JsonSchema, `${at}/items`);
    return sequence(literal('['), separated(item, min, max), literal(']'));
  }

  #string(schema: { readonly [keyword: string]: unknown }, at: string): Expression {
    const { pattern, format } = schema;
    const [min, max] = bounds(schema, 'minLength', 'maxLength', at);
    if (pattern !== undefined || format !== undefined) {
      if (schema.minLength !== undefined || schema.maxLength !== undefined || (pattern !== undefined && format !== undefined)) throw refuse(at, 'pattern, format and lengths together');
      const regex = pattern ?? FORMATS[String(format)];
      if (typeof regex !== 'string') throw refuse(`${at}/${pattern === undefined ? 'format' : 'pattern'}`, `${JSON.stringify(pattern ?? format)} (formats: ${Object.keys(FORMATS).join(', ')})`);
      // JSON Schema looks for a pattern anywhere; written here it stands for the whole text, and nothing in it is escaped.
      return quoted(mapChars(parseRegex(regex), (ranges) => subtract(ranges, inverse(PLAIN))));
    }
    return quoted(repeat(character, min, max));
  }

  #integer(schema: { readonly [keyword: string]: unknown }, at: string): Expression {
    const value = (name: string): number | undefined => {
      const bound = schema[name];
      if (bound !== undefined && !Number.isSafeInteger(bound)) throw refuse(`${at}/${name}`, `${JSON.stringify(bound)} instead of a whole number`);
      return bound as number | undefined;
    };
    const [above, below] = [value('exclusiveMinimum'), value('exclusiveMaximum')];
    const low = Math.max(value('minimum') ?? -Infinity, above === undefined ? -Infinity : above + 1);
    const high = Math.min(value('maximum') ?? Infinity, below === undefined ? Infinity : below - 1);
    if (low === -Infinity && high === Infinity) return integer;
    if (low > high) throw refuse(at, `a minimum of ${low} above the maximum of ${high}`);
    return integersBetween(low, high);
  }

  #any(): Expression {
    if (!this.rules.has(ANY)) {
      this.rules.set(ANY, EMPTY); // so that it can call itself while it is made
      this.rules.set(ANY, either(...TYPES.map((type) => this.#typed(type, {}, '#'))));
    }
    return call(ANY);
  }

  #reference(reference: unknown, at: string): Expression {
    if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference)) throw refuse(`${at}/$ref`, `${JSON.stringify(reference)} (only places in the same schema, such as "#/$defs/name")`);
    if (this.rules.has(reference)) return call(reference);
    let target: unknown = this.#root;
    for (const part of reference.split('/').slice(1)) {
      const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      target = typeof target === 'object' && target !== null && Object.hasOwn(target, name) ? (target as Record<string, unknown>)[name] : undefined;
    }
    if (target === undefined) throw refuse(`${at}/$ref`, `"${reference}", which is no place in the schema`);
    this.rules.set(reference, EMPTY);
    this.rules.set(reference, this.value(target as JsonSchema, reference));
    return call(reference);
  }
}

function separated(item: Expression, min: number, max: number): Expression {
  if (max === 0) return EMPTY;
  const some = sequence(item, repeat(sequence(comma, item), Math.max(0, min - 1), max - 1));
  return min === 0 ? optional(some) : some;
}

function bounds(schema: { readonly [keyword: string]: unknown }, least: string, most: string, at: string): readonly [number, number] {
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

/** Whole numbers from `low` to `high`, of which one may be infinite (then up to 16 digits). */
function integersBetween(low: number, high: number): Expression {
  const most = 9_999_999_999_999_999n;
  const from = low === -Infinity ? -most : BigInt(low);
  const to = high === Infinity ? most : BigInt(high);
  const parts: Expression[] = [];
  if (from < 0n) parts.push(sequence(literal('-'), naturals(to < 0n ? -to : 1n, -from)));
  if (to >= 0n) parts.push(naturals(from > 0n ? from : 0n, to));
  return either(...parts);
}

/** Splits at lengths, then digit by digit: 17 to 342 is 1[7-9], [2-9]\d, [12]\d\d, 3[0-3]\d, 34[0-2]. */
function naturals(low: bigint, high: bigint): Expression {
  const parts: Expression[] = [];
  for (let from = low; from <= high;) {
    const length = from.toString().length;
    const end = 10n ** BigInt(length) - 1n;
    parts.push(sameLength(from.toString(), (high < end ? high : end).toString()));
    from = end + 1n;
  }
  return either(...parts);
}

function sameLength(low: string, high: string): Expression {
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeat(digit, low.length, low.length);
  const [a, b] = [low.charCodeAt(0), high.charCodeAt(0)];
  const rest = low.length - 1;
  const one = (from: number, to: number, tail: Expression): Expression => sequence(chars([[from, to]]), tail);
  if (a === b) return one(a, a, sameLength(low.slice(1), high.slice(1)));
  const parts = [one(a, a, sameLength(low.slice(1), '9'.repeat(rest))), one(b, b, sameLength('0'.repeat(rest), high.slice(1)))];
  if (b - a > 1) parts.push(one(a + 1, b - 1, repeat(digit, rest, rest)));
  return either(...parts);
}

function list(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw refuse(at, `${JSON.stringify(value)} instead of a list`);
}

function refuse(at: string, what: string): EngineError {
  return new EngineError(
    `JSON schema, ${at}: ${what} cannot be a constraint. See "Constraints" in docs/evaluation.md for what can`,
    { code: 'ERR_INVALID_ARGUMENT', argument: 'jsonSchema', expected: 'keywords that are understood', received: at });
}
