// The words of ROUGE. 'google' is rouge_score: lower case, then runs of a-z and 0-9 and nothing else, so texts without
// Latin letters have no words at all. 'unicode' is a mode of its own: words as Unicode's text segmentation finds them,
// and the characters of scripts that do not put spaces between words one by one.

import { porterStem } from './porter.js';

export type RougeTokenizer = 'google' | 'unicode';

/** Scripts written without spaces between words. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
const MARKED_LETTER = /[\p{L}\p{N}\p{So}]\p{M}*/gu;

let segmenter: Intl.Segmenter | undefined;

function unicodeWords(text: string): readonly string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'word' });
  const words: string[] = [];
  for (const { segment } of segmenter.segment(text.normalize('NFC').toLowerCase())) {
    if (!LETTER_OR_DIGIT.test(segment)) continue;
    if (UNSPACED.test(segment)) words.push(...segment.match(MARKED_LETTER) ?? []);
    else words.push(segment);
  }
  return words;
}

const GOOGLE = /[a-z0-9]+/g;

/** A function from a text to its words; stems are remembered, so keep it for a whole corpus. */
export function rougeTokenizer(name: RougeTokenizer, stemmer: boolean): (text: string) => readonly string[] {
  const split = name === 'google' ? (text: string): readonly string[] => text.toLowerCase().match(GOOGLE) ?? [] : unicodeWords;
  if (!stemmer) return split;
  const stems = new Map<string, string>();
  return (text) => split(text).map((word) => {
    if (word.length <= 3 || (name === 'unicode' && !/^[a-z0-9]+$/.test(word))) return word;
    let stem = stems.get(word);
    if (stem === undefined) stems.set(word, stem = porterStem(word));
    return stem;
  });
}
