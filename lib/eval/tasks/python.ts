// The bits of Python that evaluation tasks are written in: how values print, literals, strip, regular expressions.

import { EngineError } from '../../errors.js';

/** What `str(value)` gives. */
export function pythonText(value: unknown): string {
  return typeof value === 'string' ? value : pythonRepr(value);
}

export function pythonRepr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  if (typeof value === 'object') return `{${Object.entries(value).map(([key, item]) => `${quote(key)}: ${pythonRepr(item)}`).join(', ')}}`;
  return String(value);
}

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const names: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', [mark]: `\\${mark}` };
  return mark + Array.from(text, (char) => names[char] ?? (char < ' ' || char === '\x7f' ? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}` : char)).join('') + mark;
}

/** `ast.literal_eval` of lists, tuples, texts, numbers, True, False and None. Undefined when the text is something else. */
export function pythonLiteral(text: string): unknown {
  const reader = { at: 0 };
  try {
    const value = literal(text, reader);
    space(text, reader);
    return reader.at === text.length ? value : undefined;
  } catch {
    return undefined;
  }
}

function space(text: string, reader: { at: number }): void {
  while (/\s/.test(text[reader.at] ?? '')) reader.at++;
}

function literal(text: string, reader: { at: number }): unknown {
  space(text, reader);
  const char = text[reader.at];
  if (char === '[' || char === '(') {
    const end = char === '[' ? ']' : ')';
    const items: unknown[] = [];
    reader.at++;
    for (;;) {
      space(text, reader);
      if (text[reader.at] === end) break;
      items.push(literal(text, reader));
      space(text, reader);
      if (text[reader.at] === ',') reader.at++;
      else if (text[reader.at] !== end) throw new Error('a comma');
    }
    reader.at++;
    return items;
  }
  const rest = text.slice(reader.at);
  const string = /^(?:'((?:[^'\\\n]|\\[\s\S])*)'|"((?:[^"\\\n]|\\[\s\S])*)")/.exec(rest);
  if (string !== null) {
    reader.at += string[0].length;
    return unescape(string[1] ?? string[2] ?? '');
  }
  const word = /^(?:True|False|None|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])/.exec(rest);
  if (word === null) throw new Error('a literal');
  reader.at += word[0].length;
  const named: Readonly<Record<string, unknown>> = { True: true, False: false, None: null };
  return word[0] in named ? named[word[0]] : Number(word[0]);
}

function unescape(text: string): string {
  const names: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\n': '', 0: '\0', a: '\x07', b: '\b', f: '\f', v: '\v' };
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g, (whole, x?: string, u?: string, long?: string, char?: string) => {
    const code = x ?? u ?? long;
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
    return char === '\\' || char === "'" || char === '"' ? char : names[char!] ?? whole;
  });
}

/** What Python's `str.strip` takes for white space. */
const WHITE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const LEADING = new RegExp(`^${WHITE}+`);
const TRAILING = new RegExp(`${WHITE}+$`);
const BETWEEN = new RegExp(`${WHITE}+`);

export const strip = (text: string): string => text.replace(LEADING, '').replace(TRAILING, '');
export const stripEnd = (text: string): string => text.replace(TRAILING, '');
export const startsWithSpace = (text: string): boolean => LEADING.test(text);
export const endsWithSpace = (text: string): boolean => TRAILING.test(text);
/** Pieces of `re.split(r"\s+", text)`: empty ones at the ends count. */
export const wordCount = (text: string): number => text.split(BETWEEN).length;
export const isDigits = (text: string): boolean => /^\p{Nd}+$/u.test(text);

/** A Python pattern as a JavaScript one. Refuses what JavaScript cannot say. */
export function pythonRegex(pattern: string, flags = 'g'): RegExp {
  const inline = /^\(\?([aimsux]+)\)/.exec(pattern);
  const wanted = new Set([...flags, ...(inline?.[1] ?? '')]);
  wanted.delete('a');
  wanted.delete('u');
  const source = pattern.slice(inline?.[0].length ?? 0).replace(/\\([AZ])|\(\?P<|\(\?P=(\w+)\)/g, (part, edge?: string, name?: string) => {
    if (edge !== undefined) return edge === 'A' ? '^' : '$';
    return name === undefined ? '(?<' : `\\k<${name}>`;
  });
  try {
    if (wanted.has('x')) throw new Error('the flag x');
    return new RegExp(source, [...wanted].join(''));
  } catch (error) {
    throw new EngineError(`regular expression ${JSON.stringify(pattern)}: expected one that JavaScript can read too, got ${(error as Error).message}. Write it another way`,
      { code: 'ERR_INVALID_ARGUMENT', argument: 'regex', expected: 'a pattern for JavaScript', received: pattern }, { cause: error });
  }
}

/** `re.findall`: whole matches without groups, the group with one, lists with several. */
export function findAll(regex: RegExp, text: string): (string | string[])[] {
  return [...text.matchAll(regex)].map(([whole, ...groups]) => (
    groups.length === 0 ? whole : groups.length === 1 ? groups[0] ?? '' : groups.map((group) => group ?? '')));
}
