// What a MinHash is made of, and the settings of the tools that people compare with.

export interface MinHashOptions {
  /** What a shingle is made of: words of the simplified text, words as they stand (lower case), or characters. */
  readonly shingle: 'words' | 'plain-words' | 'characters';
  /** Words or characters in a shingle. */
  readonly size: number;
  readonly bands: number;
  /** Hashes in a band. */
  readonly rows: number;
  readonly seed: number;
  /** A text shorter than one shingle: taken whole, or never a near duplicate. */
  readonly short: 'whole' | 'skip';
  /**
   * Two rows that share a band are joined when their signatures agree by at least this much; 0: always. Joining always is what
   * datatrove and NeMo Curator do; it merges rows that are merely alike.
   */
  readonly threshold: number;
}

export type MinHashPreset = 'datatrove' | 'nemo' | 'data-juicer';

/** Bands and rows are the tools' defaults; the threshold is where their own banding finds about half of all pairs. */
export const MINHASH_PRESETS: Readonly<Record<MinHashPreset, MinHashOptions>> = {
  datatrove: { shingle: 'words', size: 5, bands: 14, rows: 8, seed: 1, short: 'whole', threshold: 0.65 },
  nemo: { shingle: 'characters', size: 24, bands: 20, rows: 13, seed: 42, short: 'whole', threshold: 0.7 },
  'data-juicer': { shingle: 'plain-words', size: 5, bands: 25, rows: 10, seed: 42, short: 'whole', threshold: 0.7 },
};

/** A preset with some of its settings changed. */
export function minHashOptions(preset: MinHashPreset = 'datatrove', change: Partial<MinHashOptions> = {}): MinHashOptions {
  return { ...MINHASH_PRESETS[preset], ...change };
}

/** The chance that banding finds a pair of this Jaccard similarity. */
export function chanceOfCandidate(similarity: number, { bands, rows }: Pick<MinHashOptions, 'bands' | 'rows'>): number {
  return 1 - (1 - similarity ** rows) ** bands;
}
