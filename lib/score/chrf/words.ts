// The words of chrF++: one ASCII punctuation mark is taken off the end of a word, or else off its start.

import { splitWords } from '../text/space.js';

const MARK = /^[!-/:-@[-`{-~]$/;

export function chrfWords(text: string): readonly string[] {
  const words: string[] = [];
  for (const word of splitWords(text)) {
    const last = word.length - 1;
    if (last === 0) words.push(word);
    else if (MARK.test(word[last]!)) words.push(word.slice(0, last), word[last]!);
    else if (MARK.test(word[0]!)) words.push(word[0]!, word.slice(1));
    else words.push(word);
  }
  return words;
}
