// chrF (Popović, 2015) and chrF++ (2017): precision and recall of character n-grams up to six, with chrF++ of one and
// two words as well, averaged over the orders and joined as F-beta with beta 2. Equal to sacreBLEU 2.6.0.

import { invalid } from '../invalid.js';
import { NgramMatcher } from '../corpus/ngrams.js';
import { corpusScore } from '../corpus/score.js';
import { Vocabulary } from '../corpus/vocabulary.js';
import type { CorpusMetric, RoundedScore, SumKind } from '../corpus/metric.js';
import type { CorpusScore, ResampleOptions } from '../corpus/score.js';
import type { References, Segments } from '../corpus/segments.js';
import { withoutSpace } from '../text/space.js';
import { fScore, fScoreSingle } from './f-score.js';
import { chrfWords } from './words.js';

export interface ChrfOptions {
  /** Longest n-gram of characters. @default 6 */
  readonly charOrder?: number;
  /** Longest n-gram of words; 2 makes it chrF++. @default 0 */
  readonly wordOrder?: number;
  /** How many times recall counts as much as precision. @default 2 */
  readonly beta?: number;
  /** @default false */
  readonly lowercase?: boolean;
  /** White space belongs to the n-grams of characters. @default false */
  readonly whitespace?: boolean;
  /** Orders that a text is too short for count as 1e-16, as in chrF++.py, instead of not at all. @default false */
  readonly epsSmoothing?: boolean;
}

const { max } = Math;

const toInt = (name: string, value: number, low: number): number => {
  if (Number.isInteger(value) && value >= low) return value;
  throw invalid(name, `a whole number of at least ${low}`, value);
};

export class Chrf implements CorpusMetric {
  readonly name: string;
  readonly higherIsBetter = true;
  readonly width: number;
  readonly items;
  readonly #chars: number;
  readonly #words: number;
  readonly #beta: number;
  readonly #lowercase: boolean;
  readonly #whitespace: boolean;
  readonly #eps: boolean;
  #points: readonly [Int32Array, Int32Array] = [new Int32Array(1024), new Int32Array(1024)];

  constructor(options: ChrfOptions = {}) {
    this.#chars = toInt('charOrder', options.charOrder ?? 6, 0);
    this.#words = toInt('wordOrder', options.wordOrder ?? 0, 0);
    if (this.#chars + this.#words === 0) throw invalid('charOrder', 'at least 1 when wordOrder is 0', 0);
    this.#beta = toInt('beta', options.beta ?? 2, 0);
    this.#lowercase = options.lowercase ?? false;
    this.#whitespace = options.whitespace ?? false;
    this.#eps = options.epsSmoothing ?? false;
    this.name = `chrF${this.#beta}${'+'.repeat(this.#words)}`;
    this.width = 3 * (this.#chars + this.#words);
    this.items = [
      ['case', this.#lowercase ? 'lc' : 'mixed'], ['eff', !this.#eps], ['nc', this.#chars], ['nw', this.#words], ['space', this.#whitespace],
    ] as const;
  }

  /** A segment, by order: n-grams of the answer, of the best reference, shared. */
  statistics({ answers, references }: Segments): Float64Array {
    const { width } = this;
    const [chars, words] = [this.#chars, this.#words];
    const all = new Float64Array(answers.length * width);
    const [charMatcher, wordMatcher] = [new NgramMatcher(chars), new NgramMatcher(words)];
    const vocabulary = new Vocabulary();
    const shared = new Float64Array(chars + words);
    const now = new Float64Array(width);
    const split = (text: string): Int32Array => words === 0 ? NO_WORDS : vocabulary.numbers(chrfWords(text));
    for (let row = 0; row < answers.length; row++) {
      const answer = this.#lower(answers[row]!);
      const length = this.#read(answer, 0);
      const answerWords = split(answer);
      charMatcher.load(this.#points[0], length);
      if (words > 0) wordMatcher.load(answerWords, answerWords.length);
      let best = -1;
      for (const text of references[row]!) {
        const reference = this.#lower(text);
        const otherLength = this.#read(reference, 1);
        const otherWords = split(reference);
        shared.fill(0);
        charMatcher.match(this.#points[1], otherLength, shared);
        if (words > 0) wordMatcher.match(otherWords, otherWords.length, shared, chars);
        for (let n = 0; n < chars + words; n++) {
          const [mine, theirs, less] = n < chars ? [length, otherLength, n] : [answerWords.length, otherWords.length, n - chars];
          const inReference = max(0, theirs - less);
          now[3 * n] = inReference > 0 ? max(0, mine - less) : 0;
          now[3 * n + 1] = inReference;
          now[3 * n + 2] = shared[n]!;
        }
        const score = references[row]!.length === 1 ? 0 : fScore(now, this.#beta, this.#eps);
        if (score > best) {
          best = score;
          all.set(now, row * width);
        }
      }
    }
    return all;
  }

  score(sums: ArrayLike<number>, kind: SumKind): RoundedScore {
    return kind === 'single' ? fScoreSingle(sums, this.#beta, this.#eps) : { score: fScore(sums, this.#beta, this.#eps), single: false };
  }

  #lower(text: string): string {
    return this.#lowercase ? text.toLowerCase() : text;
  }

  /** Code points of a text into one of the two buffers; how many. */
  #read(text: string, into: 0 | 1): number {
    const body = this.#whitespace ? text : withoutSpace(text);
    if (this.#points[into].length < body.length) {
      const grown = new Int32Array(2 * body.length);
      this.#points = into === 0 ? [grown, this.#points[1]] : [this.#points[0], grown];
    }
    const points = this.#points[into];
    let count = 0;
    for (let i = 0; i < body.length; i++) {
      let code = body.charCodeAt(i);
      if (code >= 0xd800 && code < 0xe000) {
        code = body.codePointAt(i)!;
        if (code > 0xffff) i++;
      }
      points[count++] = code;
    }
    return count;
  }
}

const NO_WORDS = new Int32Array(0);

/**
 * chrF of a corpus; with `wordOrder: 2` chrF++. `references[i]` is what `hypotheses[i]` is held against: a text, or
 * several, of which the closest counts.
 */
export function chrf(hypotheses: readonly string[], references: References, options: ChrfOptions & ResampleOptions = {}): CorpusScore {
  return corpusScore(new Chrf(options), hypotheses, references, options).result;
}

/** chrF of one sentence. */
export function sentenceChrf(hypothesis: string, references: string | readonly string[], options: ChrfOptions = {}): CorpusScore {
  return chrf([hypothesis], [references], options);
}
