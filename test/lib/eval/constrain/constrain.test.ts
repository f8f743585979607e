// Constraints: the automata agree with JavaScript's own regular expressions and with a validator of JSON schemas, and
// everything that is refused is named. Tokens are those of the embedded model.
import fc from 'fast-check';
import { join } from 'node:path';
import { z } from 'zod';
import { Automaton, DEAD } from '../../../../lib/eval/constrain/automaton.js';
import { constrain, satisfies } from '../../../../lib/eval/constrain/constraint.js';
import { chars, inverse } from '../../../../lib/eval/constrain/expression.js';
import { schemaGrammar } from '../../../../lib/eval/constrain/json-schema.js';
import type { JsonSchema } from '../../../../lib/eval/constrain/json-schema.js';
import { parseRegex } from '../../../../lib/eval/constrain/regex.js';
import { byteSequences } from '../../../../lib/eval/constrain/utf8.js';
import { TextTokenizer } from '../../../../lib/text/tokenizer.js';

const STOP = 2;
let tokenizer: TextTokenizer;
beforeAll(async () => { tokenizer = await TextTokenizer.load(join(__dirname, '..', '..', '..', '..', 'models', 'pebble')); });

const PATTERNS = [
  'abc', 'a|bc|', 'a*b+c?', '(ab)*', '(a|b)*abb', '[a-c]{2,4}', '[^a-y]', '.{0,3}', '\\d{3}-\\d{4}', '(?:\\w+ )*\\w+', '\\s*\\S+', '[+-]?\\d+(\\.\\d+)?',
  '(a*)*', '(a?){3}', 'é+|[à-ü]x', '[\\u{1F600}-\\u{1F64F}]{1,2}', '日本(語)?', '(?<year>\\d{4})', 'a{0}b', '[-a]', '[a\\-c]', '\\W\\D', '[\\d.]+', 'x{2,}', '\\x41\\u0042\\n',
];

test.each(PATTERNS)('/%s/ matches what JavaScript matches', (pattern) => {
  const own = new Automaton({ start: parseRegex(pattern), rules: new Map() });
  const theirs = new RegExp(`^(?:${pattern})$`, 'u');
  const alphabet = [...new Set([...'ab', 'c', '0', '7', '.', '-', '+', ' ', '\n', 'é', 'à', 'x', '日', '本', '語', '😀', 'B', 'A', '_', '\u2028', '\ufeff', ...pattern])];
  fc.assert(fc.property(fc.array(fc.constantFrom(...alphabet), { maxLength: 9 }).map((parts) => parts.join('')), (text) => {
    expect([text, own.matches(text)]).toEqual([text, theirs.test(text)]);
  }), { numRuns: 150, seed: 5 });
  fc.assert(fc.property(fc.stringMatching(theirs), (text) => text !== Buffer.from(text).toString() || own.matches(text)), { numRuns: 25, seed: 7 });
});

test.each([
  ['(?=a)b', 'lookahead'], ['(?<!a)b', 'lookahead'], ['(a)\\1', 'back reference'], ['\\bword', 'border'], ['a^b', 'inside'], ['(', '"("'], [')', '")"'], ['[a', '"["'], ['*a', 'nothing to repeat'],
  ['a{3,2}', 'ends before'], ['[z-a]', 'ends before'], ['a**', 'repetition of a repetition'], ['\\p{L}', 'escape \\p'], ['\\ud800', 'no character'], ['(?i)a', 'group'], ['a\\', 'at the end'],
])('/%s/ is refused: %s', (pattern, word) => {
  expect(() => parseRegex(pattern)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(word) }));
});

test('every character is written in exactly one of the ways for its range', () => {
  const all = byteSequences([[0, 0xd7ff], [0xe000, 0x10ffff]]);
  for (const code of [0, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x3ffff, 0x10ffff]) {
    const bytes = [...Buffer.from(String.fromCodePoint(code))];
    const ways = all.filter((way) => way.length === bytes.length && way.every(([from, to], i) => bytes[i]! >= from && bytes[i]! <= to));
    expect([code, ways.length]).toEqual([code, 1]);
  }
  const none = new Automaton({ start: chars(inverse([])), rules: new Map() });
  expect(none.matches('\u00ff')).toBe(true);
  let at = none.start;
  for (const byte of [0xed, 0xa0]) at = none.next(at, byte); // half of a surrogate pair
  expect(at).toBe(DEAD);
});

const PERSON = {
  type: 'object', required: ['name', 'tags'], additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 12 }, age: { type: 'integer', minimum: 17, maximum: 342 },
    height: { type: ['number', 'null'] }, kind: { enum: ['cat', 'dog', 3, null] },
    tags: { type: 'array', items: { type: 'string', pattern: '[a-z]{2,3}' }, minItems: 1, maxItems: 3 }, ok: { type: 'boolean' },
  },
} as const;
const TREE = { $ref: '#/$defs/node', $defs: { node: { type: 'object', required: ['v'], additionalProperties: false, properties: { v: { type: 'integer' }, kids: { type: 'array', items: { $ref: '#/$defs/node' } } } } } } as const;

/** Writes texts by drawing allowed tokens at random; ends where it can with a chance. */
function write(schema: JsonSchema | { regex: string }, seed: number, most = 250): string {
  const masks = constrain(typeof schema === 'object' && 'regex' in schema ? schema as { regex: string } : { jsonSchema: schema as JsonSchema }, tokenizer, { stopTokens: [STOP], vocabulary: tokenizer.size });
  let random = seed;
  const draw = (): number => { random = (Math.imul(random, 1664525) + 1013904223) >>> 0; return random / 2 ** 32; };
  const decoder = tokenizer.stream({ continues: true });
  let [state, text] = [masks.start, ''];
  for (let i = 0; !masks.ended(state); i++) {
    const mask = masks.mask(state);
    const ids = Array.from({ length: tokenizer.size }, (_, id) => id).filter((id) => (mask[id >>> 5]! >>> (id & 31)) & 1);
    // Short tokens lead out of strings: quotes and brackets. Late in the text only they are drawn.
    const short = ids.filter((id) => id !== STOP && tokenizer.textBytes(id)!.length <= 1 && /["\]},0]/.test(tokenizer.textBytes(id)!.toString()));
    const pool = i > most / 2 && short.length > 0 ? short : ids;
    const id = masks.complete(state) && (i > most || draw() < 0.3) ? STOP : pool[Math.floor(draw() * pool.length)]!;
    if (id === STOP) break;
    text += decoder.push(id);
    state = masks.next(state, id);
    expect(state).not.toBe(DEAD);
    if (i > 3 * most) throw new Error(`no end: ${text}`);
  }
  return text + decoder.end();
}

const SCHEMAS: readonly [string, JsonSchema][] = [
  ['a person', PERSON], ['a tree', TREE], ['any value', true], ['a date', { type: 'string', format: 'date-time' }],
  ['a union', { anyOf: [{ type: 'integer', exclusiveMinimum: -5, maximum: 12 }, { const: { a: ['x"y', 1.5] } }, { type: 'null' }] }],
  ['a pair', { type: 'array', prefixItems: [{ type: 'boolean' }, { type: 'number' }] }],
  ['a map', { type: 'object', additionalProperties: { type: 'integer', minimum: 0 }, minProperties: 1, maxProperties: 2 }],
  ['decimals', { type: 'array', items: { type: 'number', exclusiveMinimum: -1.25, maximum: 10 }, minItems: 2, maxItems: 4 }], ['prices', { type: 'number', minimum: 0.5, exclusiveMaximum: 200, multipleOf: 0.01 }],
  ['sevens', { type: 'array', items: { type: 'integer', multipleOf: 7 }, minItems: 1, maxItems: 3 }], ['a few multiples', { type: 'integer', minimum: -20, maximum: 90, multipleOf: 15 }],
  ['an open object', { type: 'object', properties: { name: { type: 'string', maxLength: 4 }, no: { type: 'null' } }, required: ['name', 'other'], additionalProperties: { type: 'boolean' } }],
  ['two of four', { type: 'object', properties: { a: { type: 'null' }, b: { type: 'null' }, c: { type: 'null' }, d: { type: 'null' } }, required: ['c'], minProperties: 2, maxProperties: 2 }],
  ['names by pattern', { type: 'object', patternProperties: { '^[a-c]{2}$': { type: 'integer', minimum: 0, maximum: 9 } }, additionalProperties: false, minProperties: 1, maxProperties: 3 }],
  ['names of a list', { type: 'object', propertyNames: { enum: ['x', 'y'] }, additionalProperties: { type: 'null' }, maxProperties: 1 }],
  ['places and more', { type: 'array', prefixItems: [{ type: 'boolean' }, { type: 'null' }], items: { type: 'integer', minimum: 1, maximum: 3 }, minItems: 1, maxItems: 4 }],
  ['an heir', { allOf: [{ $ref: '#/$defs/base' }, { properties: { kids: { type: 'array', items: { $ref: '#/$defs/base' }, maxItems: 2 }, id: { maximum: 50 } }, required: ['kids'] }], $defs: { base: { type: 'object', properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] } } }],
  ['one of two, and more', { type: 'object', properties: { kind: { enum: ['a', 'b'] } }, required: ['kind'], oneOf: [{ type: 'object', properties: { kind: { const: 'a' }, n: { type: 'integer' } }, required: ['n'] }, { type: 'object', properties: { kind: { const: 'b' }, s: { type: 'string', maxLength: 3 } }, required: ['s'] }] }],
  ['an address', { type: 'string', format: 'uri' }], ['a number in a web of nodes', { type: 'string', format: 'ipv6' }],
];

test.each(SCHEMAS)('random tokens under a constraint write %s', (_, schema) => {
  const validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  const automaton = new Automaton(schemaGrammar(schema));
  for (let seed = 1; seed <= 4; seed++) {
    const text = write(schema, seed);
    const value: unknown = JSON.parse(text);
    expect(validator.safeParse(value).error).toBeUndefined();
    expect(automaton.matches(text)).toBe(true);
  }
});

test('values outside a schema are not allowed', () => {
  const good = '{"name":"Ann","age":18,"tags":["ab"]}';
  expect(satisfies({ jsonSchema: PERSON }, good)).toBe(true);
  expect(satisfies({ jsonSchema: PERSON }, good.replaceAll(',', ', ').replaceAll(':', ': '))).toBe(true);
  for (const bad of ['{}', good.replace('Ann', ''), good.replace('18', '16'), good.replace('18', '343'), good.replace('ab', 'abcd'), good.replace('"ab"', ''), `${good} `, good.slice(0, -1),
    good.replace('18', '18.5'), good.replace('"age":18,', '"age":18,"x":1,'), good.replace('Ann', 'A\nn'), '{"tags":["ab"],"name":"Ann"}', good.replace('}', ',}')]) {
    expect([bad, satisfies({ jsonSchema: PERSON }, bad)]).toEqual([bad, false]);
  }
  expect(satisfies({ jsonSchema: TREE }, '{"v":1,"kids":[{"v":2,"kids":[{"v":3}]},{"v":4}]}')).toBe(true);
  expect(satisfies({ jsonSchema: TREE }, '{"v":1,"kids":[{"kids":[]}]}')).toBe(false);
  expect(satisfies({ choices: ['yes', 'no', 'yes, sir'] }, 'yes')).toBe(true);
  expect(satisfies({ choices: ['yes', 'no'] }, 'maybe')).toBe(false);
});

test.each([[-5, 12], [0, 0], [17, 342], [99, 100], [-1000, -7], [1, 100000], [-3, -3]])('whole numbers from %d to %d', (minimum, maximum) => {
  const automaton = new Automaton(schemaGrammar({ type: 'integer', minimum, maximum }));
  const around = [minimum - 1, minimum, minimum + 1, -1, 0, 1, 9, 10, 99, 100, 101, 999, 1000, maximum - 1, maximum, maximum + 1];
  for (const value of around) expect([value, automaton.matches(String(value))]).toEqual([value, value >= minimum && value <= maximum]);
  expect(automaton.matches('-0')).toBe(false);
  expect(automaton.matches('007')).toBe(false);
});

/** Decimals of at most 15 digits, so that what is written and what is read are the same number. */
const decimal = fc.tuple(fc.integer({ min: -99999, max: 99999 }), fc.integer({ min: 0, max: 3 })).map(([value, places]) => Number((value / 10 ** places).toFixed(places)));
const written = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 1200 }), fc.constantFrom('', '0', '5', '25', '00', '999', '1230', '49999', '50001')).map(([minus, whole, places]) => `${minus ? '-' : ''}${whole}${places === '' ? '' : `.${places}`}`);

test('decimals are allowed exactly between the bounds, open or not', () => {
  fc.assert(fc.property(decimal, decimal, fc.constantFrom('minimum', 'exclusiveMinimum'), fc.constantFrom('maximum', 'exclusiveMaximum'), fc.array(written, { minLength: 20, maxLength: 20 }), (a, b, low, high, texts) => {
    const [from, to] = [Math.min(a, b), Math.max(a, b)];
    fc.pre(from < to);
    const automaton = new Automaton(schemaGrammar({ type: 'number', [low]: from, [high]: to }));
    for (const text of [...texts, String(from), String(to), `${from}${Number.isInteger(from) ? '.' : ''}0`, `${to}${Number.isInteger(to) ? '.' : ''}0001`]) {
      const value = Number(text);
      const inside = (low === 'minimum' ? value >= from : value > from) && (high === 'maximum' ? value <= to : value < to) && !/^-0(\.0*)?$/.test(text);
      expect([from, to, low, high, text, automaton.matches(text)]).toEqual([from, to, low, high, text, inside]);
    }
  }), { numRuns: 120, seed: 11 });
  const automaton = new Automaton(schemaGrammar({ type: 'number', exclusiveMaximum: 10 }));
  expect(['9.99999999999999', '9.9999999999999999', '-123456789.25', '10', '1e1', '-0.5'].map((text) => automaton.matches(text))).toEqual([true, false, true, false, false, true]);
});

test('multiples, by remainders and written out', () => {
  const [all, few] = [new Automaton(schemaGrammar({ type: 'integer', multipleOf: 12, minimum: 0 })), new Automaton(schemaGrammar({ type: 'number', multipleOf: 12, exclusiveMinimum: -13, maximum: 30 }))];
  for (let value = -30; value < 400; value++) {
    expect([value, all.matches(String(value)), few.matches(String(value))]).toEqual([value, value >= 0 && value % 12 === 0, Math.abs(value % 12) === 0 && value > -13 && value <= 30]);
  }
  expect(all.matches(String(12 * 123456789))).toBe(true);
});

test('what is not declared never has the name of what is', () => {
  const automaton = new Automaton(schemaGrammar({ type: 'object', properties: { ab: { type: 'null' }, abc: { type: 'null' }, 'q"': { type: 'null' } }, additionalProperties: { type: 'integer' } }));
  for (const [text, allowed] of [['{"ab":null,"x":1}', true], ['{"ab":1}', false], ['{"abc":1}', false], ['{"a":1,"abd":2,"abcd":3}', true], ['{"q\\"":null,"q":1}', true], ['{"x":1,"ab":null}', false], ['{"":1}', false]] as const) {
    expect([text, automaton.matches(text)]).toEqual([text, allowed]);
  }
});

test.each([
  [{ type: 'string', minimum: 3 }, '#/minimum'], [{ type: 'object', properties: { a: { not: {} } } }, '#/properties/a/not'], [{ $ref: 'other.json' }, 'only places'], [{ $ref: '#/$defs/x' }, 'no place'],
  [{ type: 'object', properties: { a: true }, propertyNames: { maxLength: 3 } }, 'propertyNames'], [{ allOf: [{ type: 'string' }, { type: 'null' }] }, 'string and null at once'], [{ type: 'thing' }, '"thing"'],
  [{ type: 'object', required: ['a'], additionalProperties: false }, '"a"'], [{ type: 'object', properties: { a: true }, minProperties: 2 }, 'cannot be reached'], [{ allOf: [{ minLength: 1, pattern: 'a' }, { pattern: 'b' }] }, '"pattern" twice'],
  [{ type: 'object', patternProperties: { a: true, b: true } }, 'several patterns'], [{ allOf: [{ properties: { a: true }, additionalProperties: false }, { properties: { b: true } }] }, 'property "b"'],
  [{ $ref: '#/$defs/a', $defs: { a: { allOf: [{ $ref: '#/$defs/a' }, { type: 'null' }] } } }, 'allOf'], [{ type: 'number', multipleOf: 0.3 }, 'multipleOf'], [{ type: 'integer', multipleOf: 7, minimum: 5 }, 'multipleOf'],
  [{ type: 'number', exclusiveMinimum: 3, maximum: 3 }, 'no number'], [{ type: 'integer', minimum: 1e16 }, '10^15'], [{ if: { type: 'null' }, else: true }, '"if"'], [{ type: ['string', 'integer'], enum: [true] }, 'no value of the type'],
  [{ type: 'string', format: 'iri' }, '"iri"'], [{ type: 'integer', minimum: 5, maximum: 4 }, 'minimum of 5'], [false, 'no value'], [{ enum: [] }, 'list'],
  [{ type: 'array', items: { type: 'string' }, uniqueItems: true }, 'uniqueItems'],
])('the schema %j is refused', (schema, words) => {
  expect(() => schemaGrammar(schema as JsonSchema)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(words) }));
});

test('a rule that calls itself before anything is read is refused, and so are bounds without measure', () => {
  expect(() => new Automaton(schemaGrammar({ $ref: '#/$defs/a', $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }, { type: 'null' }] } } }))).toThrow(/calls itself/);
  expect(() => new Automaton({ start: parseRegex('((a{999}){999}){9}'), rules: new Map() })).toThrow(/too large/);
});

test('masks allow exactly the tokens whose bytes are allowed, and the stop token where the text is complete', () => {
  const masks = constrain({ regex: '(The|Then) end\\.?|é' }, tokenizer, { stopTokens: [STOP], vocabulary: tokenizer.size + 40 });
  const allowed = (state: number): number[] => Array.from({ length: tokenizer.size + 40 }, (_, id) => id).filter((id) => (masks.mask(state)[id >>> 5]! >>> (id & 31)) & 1);
  const begins = (id: number): boolean => {
    const text = tokenizer.textBytes(id);
    return text !== undefined && ['The end.', 'Then end.', 'é'].some((whole) => text.length > 0 && Buffer.from(whole).subarray(0, text.length).equals(text));
  };
  expect(allowed(masks.start)).toEqual(Array.from({ length: tokenizer.size }, (_, id) => id).filter(begins));
  let state = masks.start;
  for (const id of tokenizer.encode('The end')) state = masks.next(state, id);
  expect(allowed(state)).toEqual([STOP, ...tokenizer.encode('.')].sort((a, b) => a - b));
  expect([masks.complete(state), masks.ended(state), masks.ended(masks.next(state, tokenizer.encode('.')[0]!))]).toEqual([true, false, true]);
  expect(masks.next(masks.start, STOP)).toBe(DEAD);
});

test('random tokens under a regular expression match it', () => {
  for (let seed = 1; seed <= 10; seed++) expect(write({ regex: '[A-Z][a-zé]{1,20}( [a-z]{2,9}){0,3}[.!?]' }, seed, 60)).toMatch(/^[A-Z][a-zé]{1,20}( [a-z]{2,9}){0,3}[.!?]$/);
});
