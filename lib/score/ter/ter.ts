// Translation edit rate (Snover et al., 2006): edits and phrase shifts that turn an answer into its closest reference,
// by the mean length of its references, in percent. Lower is better. Equal to sacreBLEU 2.6.0.

import { corpusScore } from '../corpus/score.js';
import { Vocabulary } from '../corpus/vocabulary.js';
import type { CorpusMetric, RoundedScore, SumKind } from '../corpus/metric.js';
import type { CorpusScore, ResampleOptions } from '../corpus/score.js';
import type { References, Segments } from '../corpus/segments.js';
import { ShiftSearch } from './shifts.js';
import { terWords } from './tokenize.js';
import type { TerTokenizerOptions } from './tokenize.js';

const { fround, min, trunc } = Math;

export type TerOptions = TerTokenizerOptions;

export interface TerScore extends CorpusScore {
  readonly edits: number;
  /** Sum of the mean lengths of the references. */
  readonly referenceLength: number;
}

export class Ter implements CorpusMetric {
  readonly name = 'TER';
  readonly higherIsBetter = false;
  readonly width = 2;
  readonly items;
  readonly #options: TerOptions;

  constructor(options: TerOptions = {}) {
    this.#options = options;
    this.items = [
      ['case', options.caseSensitive ? 'mixed' : 'lc'], ['tok', 'tercom'], ['norm', options.normalized ?? false],
      ['punct', !options.noPunct], ['asian', options.asianSupport ?? false],
    ] as const;
  }

  /** A segment: edits, mean length of the references. */
  statistics({ answers, references }: Segments): Float64Array {
    const all = new Float64Array(2 * answers.length);
    const vocabulary = new Vocabulary();
    const search = new ShiftSearch();
    const read = (text: string): Int32Array => vocabulary.numbers(terWords(text, this.#options));
    // The reference normalises its references twice, which splits a few more words ("o'neil's" before a number).
    const readTwice = (text: string): Int32Array => this.#options.normalized ? read(terWords(text, this.#options).join(' ')) : read(text);
    for (let row = 0; row < answers.length; row++) {
      const answer = read(answers[row]!);
      let [edits, length] = [Infinity, 0];
      for (const text of references[row]!) {
        const reference = readTwice(text);
        length += reference.length;
        edits = min(edits, search.edits(answer, reference));
      }
      all[2 * row] = edits;
      all[2 * row + 1] = length / references[row]!.length;
    }
    return all;
  }

  score(sums: ArrayLike<number>, kind: SumKind): RoundedScore {
    const [edits, length] = [sums[0]!, sums[1]!];
    if (length <= 0) return { score: edits > 0 ? 100 : 0, single: false };
    if (kind !== 'single') return { score: 100 * (edits / length), single: false };
    return { score: fround(100 * fround(edits / length)), single: true };
  }
}

/** TER of a corpus. `references[i]` is what `hypotheses[i]` is held against: a text, or several. */
export function ter(hypotheses: readonly string[], references: References, options: TerOptions & ResampleOptions = {}): TerScore {
  const { result, sums } = corpusScore(new Ter(options), hypotheses, references, options);
  return { ...result, edits: trunc(sums[0]!), referenceLength: sums[1]! };
}

/** TER of one sentence. */
export function sentenceTer(hypothesis: string, references: string | readonly string[], options: TerOptions = {}): TerScore {
  return ter([hypothesis], [references], options);
}
