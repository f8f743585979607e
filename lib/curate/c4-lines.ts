// What C4's filter leaves of a text that it keeps: lines that say something and end a sentence, without citations. As datatrove
// writes it, byte for byte; which texts are kept at all says quality.ts.
import type { QualityLimits } from './quality.js';

/** White space and line ends as Python has them. */
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const SPACES = new RegExp(`${SPACE}+`, 'u');
const AROUND = new RegExp(`^${SPACE}+|${SPACE}+$`, 'gu');
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/u;
const CITATION = /\[\p{Nd}*\]|\[edit\]|\[citation needed\]/gu;
const SENTENCE_END = /[.?!"']$/u;
const POLICY = /terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies/u;

const stripped = (text: string): string => text.replace(AROUND, '');

/** Longer than so many characters, whatever they take in UTF-16. */
const isLonger = (word: string, most: number): boolean => word.length > most && [...word].length > most;

export function c4Lines(text: string, { minWordsInLine = 3, maxWordLength = 1000 }: Pick<QualityLimits, 'minWordsInLine' | 'maxWordLength'> = {}): string {
  const kept: string[] = [];
  for (const raw of text.split(LINE_END)) {
    const whole = stripped(raw);
    const words = whole.split(SPACES).filter((word) => word !== '');
    if (words.length < minWordsInLine || words.some((word) => isLonger(word, maxWordLength))) continue;
    const line = whole.replace(CITATION, '');
    if (!SENTENCE_END.test(line) || line.endsWith('...')) continue;
    const lower = line.toLowerCase();
    if (!lower.includes('javascript') && !POLICY.test(lower)) kept.push(line);
  }
  return stripped(kept.join('\n'));
}
