// Strings of a JSON schema as expressions: lengths, patterns, formats, and names that must not be some others.

import { bounds, refuse } from './json-checks.js';
import type { Keywords } from './json-checks.js';
import { chars, either, EMPTY, inverse, literal, mapChars, repeat, sequence, subtract } from './expression.js';
import type { Expression, Ranges } from './expression.js';
import { parseRegex } from './regex.js';

const HEX: Ranges = [[0x30, 0x39], [0x41, 0x46], [0x61, 0x66]];
const hex = chars(HEX);
/** What stands in a JSON string as it is: neither quote, backslash nor control character. */
const PLAIN: Ranges = subtract(inverse([]), [[0, 0x1f], [0x22, 0x22], [0x5c, 0x5c]]);
const escape = sequence(literal('\\'), either(chars([...'"\\/bfnrt'].map((c) => [c.charCodeAt(0), c.charCodeAt(0)] as const)),
  sequence(literal('u'), either( // no half of a surrogate pair: a value must be text
    sequence(chars(subtract(HEX, [[0x44, 0x44], [0x64, 0x64]])), hex, hex, hex),
    sequence(chars([[0x44, 0x44], [0x64, 0x64]]), chars([[0x30, 0x37]]), hex, hex)))));
const character = either(chars(PLAIN), escape);
const quoted = (inside: Expression): Expression => sequence(literal('"'), inside, literal('"'));

const DATE = '\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])';
const TIME = '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)';
const WORD = '[a-z0-9]{1,20}';
const HOST = `${WORD}(-${WORD}){0,4}(\\.[a-z]{2,12}){1,3}`;
/** Each is a part of what the format allows: everything written is of it, not everything of it is written. */
const FORMATS: Readonly<Record<string, string>> = {
  date: DATE, time: TIME, 'date-time': `${DATE}T${TIME}`,
  duration: 'P(\\d{1,6}D(T\\d{1,4}H(\\d{1,4}M(\\d{1,4}S)?)?)?|T\\d{1,6}[HMS]|\\d{1,6}[YMW])',
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}',
  email: `${WORD}([._-]${WORD}){0,4}@${HOST}`, hostname: HOST,
  uri: `https?://${HOST}(:[1-9]\\d{1,3})?(/[A-Za-z0-9._~-]{1,40}){0,8}/?(\\?[A-Za-z0-9._~=&-]{1,80})?(#[A-Za-z0-9._~-]{1,40})?`,
  ipv4: '((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)',
  ipv6: '([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}',
};

export function stringOf(schema: Keywords, at: string): Expression {
  const { pattern, format } = schema;
  const [min, max] = bounds(schema, 'minLength', 'maxLength', at);
  if (pattern === undefined && format === undefined) return quoted(repeat(character, min, max));
  if (schema.minLength !== undefined || schema.maxLength !== undefined || (pattern !== undefined && format !== undefined)) throw refuse(at, 'pattern, format and lengths together');
  const regex = pattern ?? FORMATS[String(format)];
  if (typeof regex !== 'string') throw refuse(`${at}/${pattern === undefined ? 'format' : 'pattern'}`, `${JSON.stringify(pattern ?? format)} (formats: ${Object.keys(FORMATS).join(', ')})`);
  // JSON Schema looks for a pattern anywhere; written here it stands for the whole text, and nothing in it is escaped.
  return quoted(mapChars(parseRegex(regex), (ranges) => subtract(ranges, inverse(PLAIN))));
}

const LONGEST_NAME = 64;

/** A name of 1 to 64 characters, none of it escaped, that is none of these. */
export function nameExcept(names: readonly string[]): Expression {
  // Names that must be escaped are never written by this, so they need not be kept out.
  return quoted(other(names.filter((name) => JSON.stringify(name) === `"${name}"`).map((name) => Array.from(name)), 0));
}

/** What may follow `depth` characters that the names have in common, so that the whole is none of them. */
function other(names: readonly (readonly string[])[], depth: number): Expression {
  if (names.length === 0) return repeat(chars(PLAIN), depth === 0 ? 1 : 0, LONGEST_NAME);
  const next = new Map<string, (readonly string[])[]>();
  for (const name of names) if (name.length > depth) next.set(name[depth]!, [...next.get(name[depth]!) ?? [], name]);
  const firsts = [...next.keys()].map((char) => [char.codePointAt(0)!, char.codePointAt(0)!] as const);
  const ways = [sequence(chars(subtract(PLAIN, firsts)), repeat(chars(PLAIN), 0, LONGEST_NAME))];
  for (const [char, some] of next) ways.push(sequence(literal(char), other(some, depth + 1)));
  return either(...(depth > 0 && names.every((name) => name.length !== depth) ? [EMPTY, ...ways] : ways));
}
