// How varied texts are: distinct words and pairs, entropy, the type-token ratio of windows of one length, what prompts ask for, and
// of a sample self-BLEU and the Vendi score, the number of rows that are really different.
import { selfBleu } from '../score/index.js';
import { askedFor } from './verb-noun.js';
import type { Asked } from './verb-noun.js';

export interface Diversity {
  readonly rows: number;
  readonly words: number;
  /** Different words, pairs and triples for each one counted. */
  readonly distinct: readonly [number, number, number];
  /** Shannon entropy of words, pairs and triples, in bits. */
  readonly entropy: readonly [number, number, number];
  /** Mean share of different words in windows of 100; undefined without one. */
  readonly typeToken: number | undefined;
  /** Mean BLEU of each text of a sample against all others of it (sacreBLEU's, 0 to 100; lower is more varied); undefined for one row. */
  readonly selfBleu: { readonly score: number; readonly rows: number } | undefined;
  /** What prompts ask for, the most frequent first, and how many prompts that was found of. English only. */
  readonly tasks: { readonly prompts: number; readonly found: number; readonly kinds: number; readonly most: readonly (Asked & { readonly rows: number })[] };
  /** Effective number of rows in a sample, and the sample's size. */
  readonly vendi: { readonly score: number; readonly rows: number };
  readonly warnings: readonly string[];
}

const WINDOW = 100;
const SAMPLE = 160;
/** Characters of a text in the sample. */
const SAMPLED = 4000;
/** Of the sample, for self-BLEU, whose work grows with the square: rows, and characters of each. */
const SELF_BLEU = { rows: 50, characters: 2000 } as const;
const TASKS_SHOWN = 40;
/** Kinds of tasks that are counted; what comes first later is not. */
const MOST_TASKS = 100_000;
/** Words after which n-grams are no longer counted: the tables would not stay small. */
const MOST_WORDS = 200_000;
const WORD = /[\p{L}\p{N}']+/gu;

/** Collects rows one at a time; memory is bounded. */
export class DiversityMeter {
  readonly #counts: readonly Map<string, number>[] = [new Map(), new Map(), new Map()];
  readonly #totals = [0, 0, 0];
  readonly #sample: string[] = [];
  readonly #tasks = new Map<string, number>();
  #prompts = 0;
  #found = 0;
  #rows = 0;
  #words = 0;
  #windows = 0;
  #typeTokens = 0;
  #random = 1;

  /** `prompt`: what of the text is asked, if anything. */
  add(text: string, prompt = ''): void {
    const words = text.toLowerCase().match(WORD) ?? [];
    this.#rows++;
    this.#words += words.length;
    this.#keep(text);
    if (prompt !== '') this.#task(prompt);
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
  #keep(text: string): void {
    if (this.#sample.length < SAMPLE) {
      this.#sample.push(copied(text));
      return;
    }
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    const place = Math.floor((this.#random / 4294967296) * this.#rows);
    if (place < SAMPLE) this.#sample[place] = copied(text);
  }

  #task(prompt: string): void {
    this.#prompts++;
    const asked = askedFor(prompt);
    if (asked === undefined) return;
    this.#found++;
    const key = `${asked.verb} ${asked.noun}`;
    const before = this.#tasks.get(key);
    if (before !== undefined || this.#tasks.size < MOST_TASKS) this.#tasks.set(key, (before ?? 0) + 1);
  }

  result(): Diversity {
    const entropy = this.#counts.map((counts, n) => {
      let bits = 0;
      for (const count of counts.values()) bits -= (count / this.#totals[n]!) * Math.log2(count / this.#totals[n]!);
      return bits;
    });
    const vendi = vendiScore(this.#sample.map((text) => (text.toLowerCase().match(WORD) ?? []).slice(0, 400)));
    const few = this.#sample.slice(0, SELF_BLEU.rows).map((text) => text.slice(0, SELF_BLEU.characters));
    const rows = this.#sample.length;
    return {
      rows: this.#rows,
      words: this.#words,
      distinct: this.#counts.map((counts, n) => (this.#totals[n] === 0 ? 0 : counts.size / this.#totals[n]!)) as [number, number, number],
      entropy: entropy as [number, number, number],
      typeToken: this.#windows === 0 ? undefined : this.#typeTokens / this.#windows,
      selfBleu: few.length < 2 ? undefined : { score: selfBleu(few), rows: few.length },
      tasks: {
        prompts: this.#prompts, found: this.#found, kinds: this.#tasks.size,
        most: [...this.#tasks].sort((a, b) => b[1] - a[1]).slice(0, TASKS_SHOWN).map(([key, count]) => {
          const [verb = '', noun = ''] = key.split(' ');
          return { verb, noun, rows: count };
        }),
      },
      vendi: { score: vendi, rows },
      warnings: rows >= 20 && vendi < 0.3 * rows
        ? [`rows are alike: a sample of ${rows} counts as ${vendi.toFixed(1)} different ones. Remove near duplicates, or mix in other data`] : [],
    };
  }
}

/** The beginning of a text, as a string of its own that does not keep the rest in memory. */
const copied = (text: string): string => Buffer.from(text.slice(0, SAMPLED)).toString();

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
