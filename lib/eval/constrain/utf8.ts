// Ranges of characters as ranges of bytes: tokens may end inside a character, so automata run over UTF-8.

import type { Ranges } from './expression.js';

/** One way to write characters: a range for each byte. */
export type ByteSequence = readonly (readonly [from: number, to: number])[];

const ENDS = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/** All ways to write characters of these ranges. Surrogates must have been taken out. */
export function byteSequences(ranges: Ranges): ByteSequence[] {
  const out: ByteSequence[] = [];
  for (const [low, high] of ranges) {
    let from = low;
    for (const end of ENDS) {
      if (from > end || from > high) continue;
      split(from, Math.min(high, end), out);
      from = end + 1;
    }
  }
  return out;
}

/** Splits a range of characters of one length until each byte varies on its own. */
function split(from: number, to: number, out: ByteSequence[]): void {
  const count = length(from);
  for (let tail = 1; tail < count; tail++) {
    const mask = (1 << (6 * tail)) - 1;
    if ((from & ~mask) === (to & ~mask)) continue;
    if ((from & mask) !== 0) {
      split(from, from | mask, out);
      split((from | mask) + 1, to, out);
      return;
    }
    if ((to & mask) !== mask) {
      split(from, (to & ~mask) - 1, out);
      split(to & ~mask, to, out);
      return;
    }
  }
  const [a, b] = [encode(from), encode(to)];
  out.push(a.map((byte, i) => [byte, b[i]!] as const));
}

function length(char: number): number {
  return 1 + ENDS.findIndex((end) => char <= end);
}

function encode(char: number): number[] {
  const count = length(char);
  if (count === 1) return [char];
  const bytes = Array.from({ length: count }, (_, i) => 0x80 | ((char >> (6 * (count - 1 - i))) & 0x3f));
  bytes[0] = (0xf00 >> count) & 0xff | (char >> (6 * (count - 1)));
  return bytes;
}
