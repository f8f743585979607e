// How varied texts are: distinct words and pairs, entropy, the type-token ratio of windows of one length, and the Vendi score of a
// sample: the number of rows that are really different.

export interface Diversity {
  readonly rows: number;
  readonly words: number;
  /** Different words, pairs and triples for each one counted. */
  readonly distinct: readonly [number, number, number];
  /** Shannon entropy of words, pairs and triples, in bits. */
  readonly entropy: readonly [number, number, number];
  /** Mean share of different words in windows of 100; undefined without one. */
  readonly typeToken: number | undefined;
  /** Effective number of rows in a sample, and the sample's size. */
  readonly vendi: { readonly score: number; readonly rows: number };
  readonly warnings: readonly string[];
}

const WINDOW = 100;
const SAMPLE = 160;
/** Words after which n-grams are no longer counted: the tables would not stay small. */
const MOST_WORDS = 200_000;
const WORD = /[\p{L}\p{N}']+/gu;

/** Collects rows one at a time; memory is bounded. */
export class DiversityMeter {
  readonly #counts: readonly Map<string, number>[] = [new Map(), new Map(), new Map()];
  readonly #totals = [0, 0, 0];
  readonly #sample: string[][] = [];
  #rows = 0;
  #words = 0;
  #windows = 0;
  #typeTokens = 0;
  #random = 1;

  add(text: string): void {
    const words = text.toLowerCase().match(WORD) ?? [];
    this.#rows++;
    this.#words += words.length;
    this.#keep(words);
    if (this.#words > MOST_WORDS) return;
    for (let n = 0; n < 3; n++) {
      const counts = this.#counts[n]!;
      for (let at = 0; at + n < words.length; at++) {
        const gram = n === 0 ? words[at]! : words.slice(at, at + n + 1).join(' ');
        counts.set(gram, (counts.get(gram) ?? 0) + 1);
        this.#totals[n]!++;
      }
    }
    for (let at = 0; at + WINDOW <= words.length; at += WINDOW) {
      this.#windows++;
      this.#typeTokens += new Set(words.slice(at, at + WINDOW)).size / WINDOW;
    }
  }

  /** A fair sample of all rows, whatever their number. */
  #keep(words: readonly string[]): void {
    const row = words.slice(0, 400);
    if (this.#sample.length < SAMPLE) {
      this.#sample.push(row);
      return;
    }
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    const place = Math.floor((this.#random / 4294967296) * this.#rows);
    if (place < SAMPLE) this.#sample[place] = row;
  }

  result(): Diversity {
    const entropy = this.#counts.map((counts, n) => {
      let bits = 0;
      for (const count of counts.values()) bits -= (count / this.#totals[n]!) * Math.log2(count / this.#totals[n]!);
      return bits;
    });
    const vendi = vendiScore(this.#sample);
    const rows = this.#sample.length;
    return {
      rows: this.#rows,
      words: this.#words,
      distinct: this.#counts.map((counts, n) => (this.#totals[n] === 0 ? 0 : counts.size / this.#totals[n]!)) as [number, number, number],
      entropy: entropy as [number, number, number],
      typeToken: this.#windows === 0 ? undefined : this.#typeTokens / this.#windows,
      vendi: { score: vendi, rows },
      warnings: rows >= 20 && vendi < 0.3 * rows
        ? [`rows are alike: a sample of ${rows} counts as ${vendi.toFixed(1)} different ones. Remove near duplicates, or mix in other data`] : [],
    };
  }
}

/**
 * exp of the entropy of the eigenvalues of the similarity matrix, over cosines of TF-IDF vectors of words: 1 when all rows are the
 * same, their number when no two share anything.
 */
export function vendiScore(rows: readonly (readonly string[])[]): number {
  const n = rows.length;
  if (n === 0) return 0;
  const documents = new Map<string, number>();
  for (const row of rows) for (const word of new Set(row)) documents.set(word, (documents.get(word) ?? 0) + 1);
  const vectors = rows.map((row) => {
    const counts = new Map<string, number>();
    for (const word of row) counts.set(word, (counts.get(word) ?? 0) + 1);
    let norm = 0;
    for (const [word, count] of counts) {
      const weight = count * Math.log(1 + n / documents.get(word)!);
      counts.set(word, weight);
      norm += weight * weight;
    }
    for (const [word, weight] of counts) counts.set(word, weight / Math.sqrt(norm));
    return counts;
  });
  const matrix = vectors.map((a, i) => Float64Array.from(vectors, (b, j) => {
    if (i === j) return 1 / n;
    let dot = 0;
    for (const [word, weight] of a) dot += weight * (b.get(word) ?? 0);
    return dot / n;
  }));
  let entropy = 0;
  for (const value of eigenvalues(matrix)) if (value > 1e-12) entropy -= value * Math.log(value);
  return Math.exp(entropy);
}

/** Of a symmetric matrix, by Jacobi's rotations; the matrix is used up. */
export function eigenvalues(a: readonly Float64Array[]): readonly number[] {
  const n = a.length;
  for (let sweep = 0; sweep < 30; sweep++) {
    let rest = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rest += a[p]![q]! ** 2;
    if (rest < 1e-18) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = a[p]![q]!;
        if (Math.abs(off) < 1e-14) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        const [rowP, rowQ] = [a[p]!, a[q]!];
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * x - s * y;
          a[k]![q] = s * x + c * y;
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [rowP[k]!, rowQ[k]!];
          rowP[k] = c * x - s * y;
          rowQ[k] = s * x + c * y;
        }
      }
    }
  }
  return a.map((row, at) => row[at]!);
}
