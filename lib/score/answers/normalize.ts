// Answers in the form that SQuAD compares: lower case, without the 32 ASCII punctuation marks, without the words a, an
// and the, single spaces. Word borders are those of Unicode letters and digits, as in Python.

import { splitWords } from '../text/space.js';

const PUNCTUATION = /[!-/:-@[-`{-~]/g;
const ARTICLE = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

export function answerWords(text: string): readonly string[] {
  return splitWords(text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLE, ' '));
}

export function normalizeAnswer(text: string): string {
  return answerWords(text).join(' ');
}

/** How many words two lists share, each as often as both have it. */
export function sharedWords(a: readonly string[], b: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of a) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of b) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    shared++;
  }
  return shared;
}
