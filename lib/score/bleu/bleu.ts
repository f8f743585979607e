// BLEU (Papineni et al., 2002): BP · exp(mean of ln p_n), p_n the share of n-grams of the answers that a reference has,
// BP = exp(1 - r/c) when the answers (c words) are shorter than the closest references (r). Equal to sacreBLEU 2.6.0.

import { invalid } from '../invalid.js';
import { exp, log } from '../numeric/libm.js';
import { fixed } from '../text/fixed.js';
import { stripEnd } from '../text/space.js';
import { NgramMatcher } from '../corpus/ngrams.js';
import { Vocabulary } from '../corpus/vocabulary.js';
import { corpusScore } from '../corpus/score.js';
import type { CorpusMetric, RoundedScore, SumKind } from '../corpus/metric.js';
import type { CorpusScore, ResampleOptions } from '../corpus/score.js';
import type { References, Segments } from '../corpus/segments.js';
import { BLEU_TOKENIZERS, bleuTokenizer } from './tokenizers.js';
import type { BleuTokenizer } from './tokenizers.js';

/** What happens to an order without a match: nothing, a small count, k added to every order above 1, or halving. */
export type BleuSmoothing = 'none' | 'floor' | 'add-k' | 'exp';

export interface BleuOptions {
  /** @default '13a' */
  readonly tokenizer?: BleuTokenizer;
  /** @default false */
  readonly lowercase?: boolean;
  /** @default 'exp' */
  readonly smoothing?: BleuSmoothing;
  /** Of 'floor' (0.1 if absent) and 'add-k' (1 if absent). */
  readonly smoothingValue?: number;
  /** Longest n-gram. @default 4 */
  readonly maxOrder?: number;
  /** Leave out orders that the answers are too short for; meant for single sentences. @default false */
  readonly effectiveOrder?: boolean;
}

export interface BleuScore extends CorpusScore {
  /** Matched n-grams by order, smoothed ones included. */
  readonly counts: readonly number[];
  readonly totals: readonly number[];
  /** Percentages. */
  readonly precisions: readonly number[];
  readonly brevityPenalty: number;
  readonly hypothesisLength: number;
  readonly referenceLength: number;
  /** The words that sacreBLEU prints behind the score. */
  readonly detail: string;
}

const { abs, fround, max, trunc } = Math;
const DEFAULT_VALUE: Readonly<Record<BleuSmoothing, number | undefined>> = { none: undefined, floor: 0.1, 'add-k': 1, exp: undefined };

interface Parts extends RoundedScore {
  readonly counts: readonly number[];
  readonly totals: readonly number[];
  readonly precisions: readonly number[];
  readonly brevityPenalty: number;
}

export class Bleu implements CorpusMetric {
  readonly name = 'BLEU';
  readonly higherIsBetter = true;
  readonly width: number;
  readonly items;
  readonly #order: number;
  readonly #smoothing: BleuSmoothing;
  readonly #value: number;
  readonly #effective: boolean;
  readonly #lowercase: boolean;
  readonly #tokens: (line: string) => readonly string[];

  constructor(options: BleuOptions = {}) {
    const { tokenizer = '13a', lowercase = false, smoothing = 'exp', maxOrder = 4, effectiveOrder = false } = options;
    if (!BLEU_TOKENIZERS.includes(tokenizer)) throw invalid('tokenizer', `one of ${BLEU_TOKENIZERS.join(', ')}`, tokenizer);
    if (!(smoothing in DEFAULT_VALUE)) throw invalid('smoothing', 'one of none, floor, add-k, exp', smoothing);
    if (!Number.isInteger(maxOrder) || maxOrder < 1) throw invalid('maxOrder', 'a whole number of at least 1', maxOrder);
    const value = options.smoothingValue ?? DEFAULT_VALUE[smoothing] ?? 0;
    if (!(value >= 0 && value < Infinity)) throw invalid('smoothingValue', 'a number of at least 0', value);
    this.#order = maxOrder;
    this.#smoothing = smoothing;
    this.#value = value;
    this.#effective = effectiveOrder;
    this.#lowercase = lowercase;
    this.#tokens = bleuTokenizer(tokenizer);
    this.width = 2 + 2 * maxOrder;
    const valued = DEFAULT_VALUE[smoothing] !== undefined;
    this.items = [
      ['case', lowercase ? 'lc' : 'mixed'], ['eff', effectiveOrder], ['tok', tokenizer],
      ['smooth', valued ? `${smoothing}[${fixed(value, 2)}]` : smoothing],
    ] as const;
  }

  /** A segment: words of the answer, words of the closest reference, matches by order, n-grams by order. */
  statistics({ answers, references }: Segments): Float64Array {
    const [order, width] = [this.#order, this.width];
    const all = new Float64Array(answers.length * width);
    const vocabulary = new Vocabulary();
    const matcher = new NgramMatcher(order);
    const read = (text: string): Int32Array =>
      vocabulary.numbers(this.#tokens(stripEnd(this.#lowercase ? text.toLowerCase() : text)));
    for (let row = 0; row < answers.length; row++) {
      const at = row * width;
      const words = read(answers[row]!);
      matcher.load(words, words.length);
      let closest = -1;
      for (const reference of references[row]!) {
        const other = read(reference);
        matcher.matchMore(other, other.length, all, at + 2);
        const [now, best] = [abs(words.length - other.length), abs(words.length - closest)];
        if (closest < 0 || now < best || (now === best && other.length < closest)) closest = other.length;
      }
      all[at] = words.length;
      all[at + 1] = closest;
      for (let n = 0; n < order; n++) all[at + 2 + order + n] = max(0, words.length - n);
    }
    return all;
  }

  score(sums: ArrayLike<number>, kind: SumKind): RoundedScore {
    return this.parts(sums, kind);
  }

  parts(sums: ArrayLike<number>, kind: SumKind): Parts {
    const order = this.#order;
    const round = kind === 'single' ? fround : (value: number): number => value;
    const put = kind === 'integer' ? trunc : round; // the reference adds k in place, to numbers of the sums' type
    const [answer, reference] = [sums[0]!, sums[1]!];
    const counts = Array.from({ length: order }, (_, n) => sums[2 + n]!);
    const totals = Array.from({ length: order }, (_, n) => sums[2 + order + n]!);
    const precisions = Array.from({ length: order }, () => 0);
    const brevityPenalty = answer >= reference ? 1 : answer > 0 ? exp(1 - reference / answer) : 0;
    if (counts.every((count) => count === 0)) return { score: 0, single: false, counts, totals, precisions, brevityPenalty };

    let halved = 1;
    let effective = order;
    for (let n = 0; n < order; n++) {
      if (this.#smoothing === 'add-k' && n > 0) {
        counts[n] = put(counts[n]! + round(this.#value));
        totals[n] = put(totals[n]! + round(this.#value));
      }
      const total = totals[n]!;
      if (total === 0) break;
      if (this.#effective) effective = n + 1;
      if (counts[n] !== 0) precisions[n] = round(round(100 * counts[n]!) / total);
      else if (this.#smoothing === 'exp') {
        halved *= 2;
        precisions[n] = round(100 / round(halved * total));
      } else if (this.#smoothing === 'floor') precisions[n] = round(round(100 * this.#value) / total);
    }
    let sum = 0;
    for (let n = 0; n < effective; n++) sum += precisions[n] === 0 ? -9999999999 : log(precisions[n]!);
    const score = brevityPenalty * exp(sum / effective);
    return { score, single: false, counts, totals, precisions, brevityPenalty };
  }
}

/**
 * BLEU of a corpus. `references[i]` is what `hypotheses[i]` is held against: a text, or several.
 *
 *     bleu(['The dog bit the man.'], [['The dog bit the man.', 'The dog had bit the man.']]).score // 100.00000000000004
 */
export function bleu(hypotheses: readonly string[], references: References, options: BleuOptions & ResampleOptions = {}): BleuScore {
  const metric = new Bleu(options);
  const { result, sums } = corpusScore(metric, hypotheses, references, options);
  const { counts, totals, precisions, brevityPenalty } = metric.parts(sums, 'exact');
  const [hypothesisLength, referenceLength] = [sums[0]!, sums[1]!];
  const ratio = referenceLength === 0 ? 0 : hypothesisLength / referenceLength;
  const detail = `${precisions.map((p) => fixed(p, 1)).join('/')} (BP = ${fixed(brevityPenalty, 3)} ratio = ${fixed(ratio, 3)} ` +
    `hyp_len = ${hypothesisLength} ref_len = ${referenceLength})`;
  return { ...result, counts, totals, precisions, brevityPenalty, hypothesisLength, referenceLength, detail };
}

/** BLEU of one sentence; effective order is on unless switched off, as is recommended. */
export function sentenceBleu(hypothesis: string, references: string | readonly string[], options: BleuOptions = {}): BleuScore {
  return bleu([hypothesis], [references], { effectiveOrder: true, ...options });
}
