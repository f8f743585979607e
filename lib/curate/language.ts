// The language of a text, by n-grams (the package eld, medium size, 60 languages), and whether an answer is in the language of
// its question. Short texts are not judged.
import { eld } from 'eld/medium';

/** Characters that a text needs before its language is said. */
export const ENOUGH_CHARACTERS = 40;
/** Characters that are looked at: more of them change the answer rarely and cost time always. */
const LOOKED_AT = 400;

/** Code, addresses and numbers say nothing about a language. */
function spoken(text: string): string {
  const start = text.length > 4 * LOOKED_AT ? text.slice(0, 4 * LOOKED_AT) : text;
  return start.replace(/```[\s\S]*?(?:```|$)|`[^`\n]*`|https?:\/\/\S+|[<{[][^<>{}[\]]*[>}\]]|[\d_=+*/\\|#$%^&~]+/g, ' ').replace(/\s+/g, ' ')
    .trim().slice(0, LOOKED_AT);
}

/** A character of Chinese, Japanese or Korean says as much as two or three letters. */
function weightOf(words: string): number {
  return words.length + 2 * (words.match(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/g)?.length ?? 0);
}

/** ISO 639-1 code of the language; undefined when the text is too short or undecided. */
export function languageOf(text: string, least = ENOUGH_CHARACTERS): string | undefined {
  const words = spoken(text);
  if (weightOf(words) < least) return undefined;
  const { language } = eld.detect(words);
  return language === '' ? undefined : language;
}

/** Words that ask for another language than the one they are in. */
const ASKS = /\btranslat|\bin (?:english|french|german|spanish|italian|portuguese|chinese|mandarin|japanese|korean|russian|arabic|hindi|dutch|polish|turkish|swedish|latin|greek)\b|übersetz|auf (?:deutsch|englisch|französisch)|tradu[cisz]|en (?:español|inglés|français|anglais)|翻译|翻譯|訳して|英語|英文|перевед|на английск|번역/i;

/** Function words of English: with several of them in both, question and answer are English, and nothing has to be counted. */
const ENGLISH = /\b(?:the|of|and|are|that|for|with|how|what|many|you|they|she|he|there|each|this)\b/gi;

function plainlyEnglish(text: string): boolean {
  return new Set(text.slice(0, 400).toLowerCase().match(ENGLISH)).size >= 3;
}

/** Both languages when an answer is surely in another one than its question and nothing asks for that. */
export function languageMismatch(question: string, answer: string): { readonly question: string; readonly answer: string } | undefined {
  if (question.length < ENOUGH_CHARACTERS / 2 || answer.length < ENOUGH_CHARACTERS / 2 || ASKS.test(question)) return undefined;
  if (plainlyEnglish(question) && plainlyEnglish(answer)) return undefined;
  const from = surely(question);
  const to = from === undefined ? undefined : surely(answer);
  return from === undefined || to === undefined || from === to ? undefined : { question: from, answer: to };
}

function surely(text: string): string | undefined {
  const words = spoken(text);
  if (weightOf(words) < ENOUGH_CHARACTERS) return undefined;
  const result = eld.detect(words);
  if (!result.isReliable()) return undefined;
  const [first = 0, second = 0] = Object.values(result.getScores()).sort((a, b) => b - a);
  return first - second > 0.06 ? result.language : undefined;
}
