// Quality filters for text as it comes from the web: Gopher's, C4's and FineWeb's, with datatrove's defaults and its names for
// the reasons. Judged in native code. For chat rows see chat.ts.
import { native } from './native.js';

export type QualityFilter = 'gopher-quality' | 'gopher-repetition' | 'c4' | 'fineweb';

export const QUALITY_FILTERS: readonly QualityFilter[] = ['gopher-quality', 'gopher-repetition', 'c4', 'fineweb'];

/** In the order of Reason in native/text/quality.h; '' keeps the text. */
const REASONS = [
  '',
  'gopher_short_doc', 'gopher_long_doc', 'gopher_below_avg_threshold', 'gopher_above_avg_threshold', 'gopher_too_many_hashes',
  'gopher_too_many_ellipsis', 'gopher_too_many_bullets', 'gopher_too_many_end_ellipsis', 'gopher_below_alpha_threshold',
  'gopher_enough_stop_words',
  'dup_para_frac', 'dup_para_char_frac', 'dup_line_frac', 'dup_line_char_frac',
  'top_2_gram', 'top_3_gram', 'top_4_gram',
  ...[5, 6, 7, 8, 9, 10].map((n) => `duplicated_${n}_n_grams`),
  'lorem_ipsum', 'curly_bracket', 'too_few_sentences',
  'empty', 'line_punct_ratio', 'short_line_ratio', 'char_dup_ratio', 'list_ratio',
  'empty',
] as const;

/** Limits by name; absent: datatrove's default, which stands behind each. */
export interface QualityLimits {
  /** Gopher, words that are more than punctuation: 50 to 100000. */
  readonly minWords?: number;
  readonly maxWords?: number;
  /** Mean characters of a word: 3 to 10. */
  readonly minAverage?: number;
  readonly maxAverage?: number;
  /** Hashes, and ellipses, for each word: 0.1. */
  readonly maxSymbols?: number;
  /** Part of lines that begin with a bullet: 0.9; that end in an ellipsis: 0.3. */
  readonly maxBullets?: number;
  readonly maxEllipsis?: number;
  /** Part of words with a letter: 0.8. */
  readonly minAlpha?: number;
  /** Different ones of "the be to of and that have with": 2. */
  readonly minStopWords?: number;
  /** Repetition, parts of lines and paragraphs (0.3) and of their characters (0.2). */
  readonly dupLines?: number;
  readonly dupParagraphs?: number;
  readonly dupLineCharacters?: number;
  readonly dupParagraphCharacters?: number;
  /** Characters in the commonest n words: 0.2, 0.18, 0.16. */
  readonly top2?: number;
  readonly top3?: number;
  readonly top4?: number;
  /** Characters in repeated n words: 0.15 down to 0.1. */
  readonly dup5?: number;
  readonly dup6?: number;
  readonly dup7?: number;
  readonly dup8?: number;
  readonly dup9?: number;
  readonly dup10?: number;
  /** C4: sentences (5), words in a line that counts (3), characters of its longest word (1000). */
  readonly minSentences?: number;
  readonly minWordsInLine?: number;
  readonly maxWordLength?: number;
  /** FineWeb: lines that end a sentence (0.12), short lines (0.67 of 30 characters), repeated characters (0.01), lines for each word (0.3). */
  readonly linePunctuation?: number;
  readonly shortLines?: number;
  readonly shortLineLength?: number;
  readonly duplicateCharacters?: number;
  readonly newLines?: number;
}

export interface QualityOptions {
  readonly filters?: readonly QualityFilter[] | undefined;
  readonly limits?: QualityLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** For each text the reason of each filter, in the order of QUALITY_FILTERS; '' where it is kept or the filter was not asked. */
export async function judgeQuality(texts: readonly string[], options: QualityOptions = {}): Promise<readonly (readonly string[])[]> {
  const { filters = QUALITY_FILTERS, limits = {}, signal } = options;
  const which = filters.reduce((bits, filter) => bits | (1 << QUALITY_FILTERS.indexOf(filter)), 0);
  const given = Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined)) as Record<string, number>;
  const out = new Uint8Array(texts.length * 4);
  await native(signal, (addon, ticket) => addon.textFilters(ticket, texts, which, given, out));
  return texts.map((_, row) => QUALITY_FILTERS.map((_filter, at) => REASONS[out[row * 4 + at]!]!));
}

/** The first reason against a text, as "filter: reason", or ''. */
export function firstReason(reasons: readonly string[]): string {
  const at = reasons.findIndex((reason) => reason !== '');
  return at < 0 ? '' : `${QUALITY_FILTERS[at]}: ${reasons[at]}`;
}
