// Membership of a code point in a table of runs.

import { NUMBERS, PUNCTUATION, SYMBOLS } from './unicode-tables.js';

/** A regular-expression class body of the runs of a table. */
function classOf(table: string): string {
  const parts: string[] = [];
  let at = 0;
  const edges = table.split(' ').map((gap) => (at += parseInt(gap, 36)));
  for (let i = 0; i < edges.length; i += 2) {
    const [first, last] = [edges[i]!, (edges[i + 1] ?? 0x110000) - 1];
    parts.push(`\\u{${first.toString(16)}}${last > first ? `-\\u{${last.toString(16)}}` : ''}`);
  }
  return parts.join('');
}

/** Bodies of character classes for regular expressions with the `u` flag. */
export const NUMBER_CLASS = classOf(NUMBERS);
export const PUNCTUATION_CLASS = classOf(PUNCTUATION);
export const SYMBOL_CLASS = classOf(SYMBOLS);
