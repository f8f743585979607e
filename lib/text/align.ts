// Which characters of a text each token covers. The tokenizer gives no offsets, so the tokens' bytes are laid along
// the text; every byte must be accounted for, otherwise there is no answer (and never a wrong one).
import type { TokenSurface } from './token-bytes.js';

/** Character (UTF-16) ranges of tokens: [begin[i], end[i]). Tokens that are part of one character share its range. */
export interface TokenSpans {
  readonly begin: Int32Array;
  readonly end: Int32Array;
}

/** Tries the text as it is, then its normal forms (tokenizers such as Qwen's compose characters before they split). */
export function alignTokens(text: string, ids: ArrayLike<number>, surface: TokenSurface): TokenSpans | undefined {
  const direct = walk(text, ids, surface);
  if (direct !== undefined) return direct;
  for (const form of ['NFC', 'NFKC', 'NFD', 'NFKD'] as const) {
    const normal = normalise(text, form);
    if (normal === undefined) continue;
    const spans = walk(normal.text, ids, surface);
    if (spans === undefined) continue;
    return {
      begin: spans.begin.map((at) => normal.begin[at] as number),
      end: spans.end.map((at) => normal.end[at] as number),
    };
  }
  return undefined;
}

function walk(text: string, ids: ArrayLike<number>, surface: TokenSurface): TokenSpans | undefined {
  const bytes = Buffer.from(text);
  const chars = bytes.length === text.length ? undefined : charOfByte(text, bytes.length);
  const spaceAt = (byte: number): number => {
    const char = text[chars === undefined ? byte : (chars[byte] as number)];
    return char !== undefined && byte < bytes.length && /[\s\x85]/.test(char) ? Buffer.byteLength(char) : 0;
  };
  const begin = new Int32Array(ids.length);
  const end = new Int32Array(ids.length);
  let at = 0;
  for (let i = 0; i < ids.length; i++) {
    const token = surface.bytes(ids[i] as number);
    if (token === undefined) return undefined;
    let from = at;
    let size = matchAt(bytes, from, token);
    // An added token may swallow the white space around it (lstrip, rstrip): those bytes belong to no token.
    for (let skip = spaceAt(from); size === -1 && skip > 0; skip = spaceAt(from))
      size = matchAt(bytes, (from += skip), token);
    if (size === -1) return undefined;
    at = from + size;
    begin[i] = chars === undefined ? from : (chars[from] as number);
    end[i] = chars === undefined ? at : charEnd(chars, bytes, at, text.length);
  }
  for (let skip = spaceAt(at); skip > 0; skip = spaceAt(at)) at += skip;
  return at === bytes.length ? { begin, end } : undefined;
}

/**
 * Bytes of the text that the token covers at `at`, or -1. A space that the tokenizer put before a word is not
 * there.
 */
function matchAt(bytes: Buffer, at: number, token: Buffer): number {
  if (equalAt(bytes, at, token, 0)) return token.length;
  if (token[0] === 32 && equalAt(bytes, at, token, 1)) return token.length - 1;
  return -1;
}

function equalAt(bytes: Buffer, at: number, token: Buffer, skip: number): boolean {
  const size = token.length - skip;
  if (at + size > bytes.length) return false;
  for (let i = 0; i < size; i++) if (bytes[at + i] !== token[skip + i]) return false;
  return true;
}

/** For each byte (and the end) the index of its character. */
function charOfByte(text: string, size: number): Int32Array {
  const chars = new Int32Array(size + 1);
  let byte = 0;
  for (let i = 0; i < text.length;) {
    const code = text.codePointAt(i) as number;
    const length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    chars.fill(i, byte, byte + length);
    byte += length;
    i += code > 0xffff ? 2 : 1;
  }
  chars[size] = text.length;
  return chars;
}

/** The end of the character that the byte before `at` belongs to. */
function charEnd(chars: Int32Array, bytes: Buffer, at: number, length: number): number {
  let next = at;
  while (next < bytes.length && ((bytes[next] as number) & 0xc0) === 0x80) next++;
  return next >= bytes.length ? length : (chars[next] as number);
}

interface Normalised {
  readonly text: string;
  /** For each character of the normal form: where the cluster it came from begins and ends in the original. */
  readonly begin: Int32Array;
  /** Indexed by an end position (exclusive), like `end` of a span. */
  readonly end: Int32Array;
}

/** A base character with its marks, or a run of Hangul letters: what normalisation may change together. */
const CLUSTER = /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+\p{M}*|[^\p{M}]\p{M}*|\p{M}+/gsu;

function normalise(text: string, form: 'NFC' | 'NFKC' | 'NFD' | 'NFKD'): Normalised | undefined {
  const whole = text.normalize(form);
  if (whole === text) return undefined;
  const begin = new Int32Array(whole.length + 1);
  const end = new Int32Array(whole.length + 1);
  let at = 0;
  for (const match of text.matchAll(CLUSTER)) {
    const piece = match[0].normalize(form);
    // Only true when normalising the clusters one by one is the same as normalising the whole.
    if (!whole.startsWith(piece, at)) return undefined;
    begin.fill(match.index, at, at + piece.length);
    end.fill(match.index + match[0].length, at + 1, at + piece.length + 1);
    at += piece.length;
  }
  begin[whole.length] = text.length;
  return at === whole.length ? { text: whole, begin, end } : undefined;
}
