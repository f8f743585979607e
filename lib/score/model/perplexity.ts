// Perplexities of a corpus from sums, never from means of batches: e^(nll/n) by tokens, words and bytes, and bits per
// byte nll/(bytes·ln 2). Words are runs between white space and bytes those of UTF-8, as in lm-evaluation-harness.

import { invalid } from '../invalid.js';
import { exp } from '../numeric/libm.js';

export interface TextLoss {
  /** Sum of -ln p over the scored tokens. */
  readonly nll: number;
  readonly tokens: number;
  readonly words: number;
  readonly bytes: number;
}

export interface Perplexities {
  readonly token: number;
  readonly word: number;
  readonly byte: number;
  readonly bitsPerByte: number;
}

/** How lm-evaluation-harness counts a text: pieces between white space (empty ones at the ends too), bytes of UTF-8. */
export function measureText(text: string): Pick<TextLoss, 'words' | 'bytes'> {
  return { words: text.split(/[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/).length, bytes: Buffer.byteLength(text, 'utf8') };
}

/** Perplexities of all texts together. */
export function perplexities(texts: readonly TextLoss[]): Perplexities {
  if (texts.length === 0) throw invalid('texts', 'at least one', texts);
  const sum = (pick: (text: TextLoss) => number): number => texts.reduce((total, text) => total + pick(text), 0);
  const nll = sum((text) => text.nll);
  const bytes = sum((text) => text.bytes);
  return {
    token: exp(nll / sum((text) => text.tokens)), word: exp(nll / sum((text) => text.words)),
    byte: exp(nll / bytes), bitsPerByte: nll / bytes / Math.LN2,
  };
}
