// A JSON reader for files that nobody vouches for: unlike JSON.parse it refuses duplicate keys and deep nesting, and
// keeps numbers as they were written, so that 1.0, 1e3 and integers past 2^53 are not mistaken for extents.
// Used for safetensors headers.

/** A number as its text; `integer()` is undefined unless it is a plain non-negative integer that is exact in a double. */
export class JsonNumber {
  constructor(readonly text: string) {}

  integer(): number | undefined {
    if (!/^(0|[1-9][0-9]*)$/.test(this.text)) return undefined;
    const value = Number(this.text);
    return Number.isSafeInteger(value) ? value : undefined;
  }
}

export type StrictJson = null | boolean | string | JsonNumber | readonly StrictJson[] | ReadonlyMap<string, StrictJson>;

const MAX_DEPTH = 32;
const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** Parses the whole text. Throws a SyntaxError with the character offset and what was expected there. */
export function parseStrictJson(text: string): StrictJson {
  let at = 0;

  const fail = (expected: string): never => {
    const found = at < text.length ? JSON.stringify(text.slice(at, at + 16)) : 'the end';
    throw new SyntaxError(`expected ${expected} at character ${at}, found ${found}`);
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const space = (): void => void match(SPACE);
  const take = (character: string): boolean => {
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const string = (): string => {
    const begin = at;
    if (!take('"')) fail('a string');
    let escaped = false;
    for (; text[at] !== '"'; at += 1) {
      if (text[at] === '\\') {
        escaped = true;
        at += 1; // whatever follows, a quote above all, is part of the escape
      }
      if (at >= text.length) fail('the end of a string');
      if (text.charCodeAt(at) < 0x20) fail('no control character in a string');
    }
    at += 1;
    return escaped ? (JSON.parse(text.slice(begin, at)) as string) : text.slice(begin + 1, at - 1);
  };

  const object = (depth: number): ReadonlyMap<string, StrictJson> => {
    const map = new Map<string, StrictJson>();
    space();
    if (take('}')) return map;
    for (;;) {
      space();
      const keyAt = at;
      const key = string();
      if (map.has(key)) {
        at = keyAt;
        throw new SyntaxError(`key ${JSON.stringify(key)} appears twice (again at character ${keyAt})`);
      }
      space();
      if (!take(':')) fail('":"');
      map.set(key, value(depth));
      space();
      if (take('}')) return map;
      if (!take(',')) fail('"," or "}"');
    }
  };

  const array = (depth: number): readonly StrictJson[] => {
    const list: StrictJson[] = [];
    space();
    if (take(']')) return list;
    for (;;) {
      list.push(value(depth));
      space();
      if (take(']')) return list;
      if (!take(',')) fail('"," or "]"');
    }
  };

  const value = (depth: number): StrictJson => {
    if (depth > MAX_DEPTH) throw new SyntaxError(`nested deeper than ${MAX_DEPTH} levels at character ${at}`);
    space();
    const first = text[at];
    if (first === '"') return string();
    if (take('{')) return object(depth + 1);
    if (take('[')) return array(depth + 1);
    for (const [word, meaning] of [['true', true], ['false', false], ['null', null]] as const) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    return new JsonNumber(match(NUMBER) ?? fail('a value'));
  };

  const result = value(0);
  space();
  if (at !== text.length) fail('the end of the text');
  return result;
}
