// ROUGE (Lin, 2004): shared n-grams (rouge1 … rouge9), the longest common subsequence of words (rougeL), and the same
// sentence by sentence with union and clipping (rougeLsum; sentences end at line breaks). Precision is by the words of
// the prediction, recall by those of the target. Equal to google's rouge_score 0.1.2 with its own tokenizer.

import { invalid } from '../invalid.js';
import { NgramMatcher } from '../corpus/ngrams.js';
import { Vocabulary } from '../corpus/vocabulary.js';
import { lcsLength, markLcs } from './lcs.js';
import { rougeTokenizer } from './tokenize.js';
import type { RougeTokenizer } from './tokenize.js';

export type RougeType = 'rouge1' | 'rouge2' | 'rouge3' | 'rouge4' | 'rouge5' | 'rouge6' | 'rouge7' | 'rouge8' | 'rouge9' | 'rougeL' | 'rougeLsum';

export interface RougeScore {
  readonly precision: number;
  readonly recall: number;
  readonly fmeasure: number;
}

export type RougeScores<T extends RougeType = RougeType> = Readonly<Record<T, RougeScore>>;

export interface RougeOptions<T extends RougeType = RougeType> {
  /** @default ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] */
  readonly types?: readonly T[];
  /** Cut words of more than three letters to their stems. @default false */
  readonly stemmer?: boolean;
  /** 'google' is the reference; 'unicode' also sees words of other scripts. @default 'google' */
  readonly tokenizer?: RougeTokenizer;
}

const TYPES = /^rouge([1-9]|L|Lsum)$/;
const NOTHING: RougeScore = { precision: 0, recall: 0, fmeasure: 0 };

function rated(hits: number, targetCount: number, predictionCount: number): RougeScore {
  const precision = hits / predictionCount;
  const recall = hits / targetCount;
  return { precision, recall, fmeasure: precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0 };
}

/** Scores many pairs with one set of options; words and stems are remembered between them. */
export class RougeScorer<T extends RougeType = RougeType> {
  readonly types: readonly T[];
  readonly #tokens: (text: string) => readonly string[];
  readonly #vocabulary = new Vocabulary();
  readonly #matchers = new Map<number, NgramMatcher>();
  readonly #longest: number;

  constructor(options: RougeOptions<T> = {}) {
    const types = options.types ?? (['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] as readonly RougeType[] as readonly T[]);
    for (const type of types) {
      if (!TYPES.test(type)) throw invalid('types', 'rouge1 to rouge9, rougeL or rougeLsum', type);
    }
    const tokenizer = options.tokenizer ?? 'google';
    if (tokenizer !== 'google' && tokenizer !== 'unicode') throw invalid('tokenizer', 'google or unicode', tokenizer);
    this.types = types;
    this.#tokens = rougeTokenizer(tokenizer, options.stemmer ?? false);
    this.#longest = Math.max(0, ...types.map((type) => Number(/\d/.exec(type)?.[0] ?? 0)));
  }

  /** Scores of a prediction against one target. */
  score(target: string, prediction: string): RougeScores<T> {
    const whole = this.types.some((type) => type !== 'rougeLsum');
    const [left, right] = whole ? [this.#read(target), this.#read(prediction)] : [NO_WORDS, NO_WORDS];
    const shared = this.#sharedNgrams(left, right);
    return Object.fromEntries(this.types.map((type): [T, RougeScore] => {
      if (type === 'rougeLsum') return [type, this.#summary(target, prediction)];
      if (type === 'rougeL') {
        return [type, left.length === 0 || right.length === 0 ? NOTHING : rated(lcsLength(left, right), left.length, right.length)];
      }
      const n = Number(type[5]);
      return [type, rated(shared[n - 1]!, Math.max(left.length - n + 1, 1), Math.max(right.length - n + 1, 1))];
    })) as RougeScores<T>;
  }

  /** For each type the target with the highest F-measure, the first of equals. */
  scoreMulti(targets: readonly string[], prediction: string): RougeScores<T> {
    if (targets.length === 0) throw invalid('targets', 'at least one text', targets);
    const all = targets.map((target) => this.score(target, prediction));
    return Object.fromEntries(this.types.map((type) =>
      [type, all.map((scores) => scores[type]).reduce((best, next) => next.fmeasure > best.fmeasure ? next : best)])) as RougeScores<T>;
  }

  #read(text: string): Int32Array {
    return this.#vocabulary.numbers(this.#tokens(text));
  }

  #sharedNgrams(target: Int32Array, prediction: Int32Array): Int32Array {
    const shared = new Int32Array(this.#longest);
    if (this.#longest === 0) return shared;
    let matcher = this.#matchers.get(this.#longest);
    if (matcher === undefined) this.#matchers.set(this.#longest, matcher = new NgramMatcher(this.#longest));
    matcher.load(prediction, prediction.length);
    matcher.match(target, target.length, shared);
    return shared;
  }

  #sentences(text: string): readonly Int32Array[] {
    return text.split('\n').filter((line) => line !== '').map((line) => this.#read(line));
  }

  #summary(target: string, prediction: string): RougeScore {
    const [left, right] = [this.#sentences(target), this.#sentences(prediction)];
    const size = (sentences: readonly Int32Array[]): number => sentences.reduce((sum, words) => sum + words.length, 0);
    const [targetCount, predictionCount] = [size(left), size(right)];
    if (targetCount === 0 || predictionCount === 0) return NOTHING;
    const leftOver = countWords(right);
    const leftOverHere = countWords(left);
    let hits = 0;
    for (const sentence of left) {
      const taken = new Uint8Array(sentence.length);
      for (const other of right) markLcs(sentence, other, taken);
      for (let i = 0; i < taken.length; i++) {
        const word = sentence[i]!;
        const [there, here] = [leftOver.get(word) ?? 0, leftOverHere.get(word)!];
        if (!taken[i] || there === 0 || here === 0) continue;
        hits++;
        leftOver.set(word, there - 1);
        leftOverHere.set(word, here - 1);
      }
    }
    return rated(hits, targetCount, predictionCount);
  }
}

const NO_WORDS = new Int32Array(0);

function countWords(sentences: readonly Int32Array[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const words of sentences) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** ROUGE of one prediction. The target comes first, as in rouge_score. */
export function rouge<T extends RougeType = RougeType>(
  target: string | readonly string[], prediction: string, options: RougeOptions<T> = {},
): RougeScores<T> {
  const scorer = new RougeScorer(options);
  return typeof target === 'string' ? scorer.score(target, prediction) : scorer.scoreMulti(target, prediction);
}
