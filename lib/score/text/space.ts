// White space as Python's str.split, strip and rstrip see it. It differs from JavaScript's: the separators U+001C to
// U+001F and U+0085 count, U+FEFF does not.

const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const WORDS = new RegExp(`[^${SPACE}]+`, 'g');
const RUNS = new RegExp(`[${SPACE}]+`, 'g');
const HEAD = new RegExp(`^[${SPACE}]+`);

export function isSpace(code: number): boolean {
  return code <= 0x20 ? (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x20)
    : code === 0x85 || code === 0xa0 || code === 0x1680 || (code >= 0x2000 && code <= 0x200a) || code === 0x2028 ||
      code === 0x2029 || code === 0x202f || code === 0x205f || code === 0x3000;
}

/** text.split(): the words between white space. */
export function splitWords(text: string): readonly string[] {
  return text.match(WORDS) ?? [];
}

/** text without any white space. */
export function withoutSpace(text: string): string {
  return text.replace(RUNS, '');
}

export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--;
  return end === text.length ? text : text.slice(0, end);
}

export function strip(text: string): string {
  return stripEnd(text).replace(HEAD, '');
}
