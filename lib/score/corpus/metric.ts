// What the corpus scores (BLEU, chrF, TER) have in common: counts of each segment, which add up, and a score of the
// sums. Resampling and paired tests need no more than that.

import type { ReferenceCount, Segments } from './segments.js';

/**
 * Where sums come from decides how the reference rounds: exact whole numbers, sums in single precision (it keeps the
 * counts of a bootstrap so, and NumPy then divides in single precision too), or 64-bit integers of a permutation.
 */
export type SumKind = 'exact' | 'single' | 'integer';

export interface RoundedScore {
  readonly score: number;
  /** The score itself is a single-precision number. */
  readonly single: boolean;
}

export type SignatureItem = readonly [name: string, value: string | number | boolean | undefined];

export interface CorpusMetric {
  /** BLEU, chrF2, chrF2++, TER. */
  readonly name: string;
  /** Better scores are higher. */
  readonly higherIsBetter: boolean;
  /** Numbers a segment. */
  readonly width: number;
  /** Counts of all segments, `width` a segment. */
  statistics(segments: Segments): Float64Array;
  score(sums: ArrayLike<number>, kind: SumKind): RoundedScore;
  /** The items of its own for the signature. */
  readonly items: readonly SignatureItem[];
}

export function sumStatistics(statistics: Float64Array, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (let at = 0; at < statistics.length; at += width) {
    for (let j = 0; j < width; j++) sums[j] = sums[j]! + statistics[at + j]!;
  }
  return sums;
}

/** The version of sacreBLEU whose numbers these are. */
export const REFERENCE_VERSION = '2.6.0';

const SHORT: Readonly<Record<string, string>> = {
  version: 'v', nrefs: '#', bs: 'bs', ar: 'ar', seed: 'rs', case: 'c', eff: 'e', smooth: 's', space: 's', norm: 'nr', punct: 'pn', asian: 'as',
};

export interface SignatureOptions {
  readonly references: ReferenceCount;
  /** Resamples of an interval or a paired bootstrap. */
  readonly resamples?: number | undefined;
  /** Trials of an approximate randomisation. */
  readonly trials?: number | undefined;
  readonly seed?: number | undefined;
}

/** How the score came about, in the words of sacreBLEU: `nrefs:1|case:mixed|…|version:2.6.0`. */
export function signatureOf(metric: CorpusMetric, options: SignatureOptions, short = false): string {
  const items: SignatureItem[] = [
    ['nrefs', options.references], ['bs', options.resamples], ['ar', options.trials], ['seed', options.seed],
    ...metric.items, ['version', REFERENCE_VERSION],
  ];
  const letters: Readonly<Record<string, string>> = metric.name === 'TER' ? { ...SHORT, tok: 't' } : SHORT;
  return items.filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${short ? letters[name] ?? name : name}:${value === true ? 'yes' : value === false ? 'no' : value}`)
    .join('|');
}
