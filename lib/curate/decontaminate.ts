// Training rows that hold text of an evaluation set: runs of 13 words as lm-eval has it, or runs of 8 words that then have to lie
// in a common piece of some length. An index of the evaluation set is kept; training rows stream past it.

export type DecontaminationMode = '13-gram' | '8-gram-lcs';

export interface EvaluationText {
  /** Of which set, and which row of it. */
  readonly set: string;
  readonly row: number;
  readonly text: string;
}

export interface Contamination {
  readonly set: string;
  readonly row: number;
  /** The longest common run of words, as the evaluation row has it. */
  readonly overlap: string;
  readonly words: number;
  /** Part of the evaluation row's words in it. */
  readonly share: number;
  readonly evaluation: string;
}

export interface DecontaminationOptions {
  readonly mode?: DecontaminationMode | undefined;
  /** Words of a run; absent: 13, or 8. */
  readonly size?: number | undefined;
  /** 8-gram-lcs: characters that the common piece needs at least, and the part of the evaluation row. */
  readonly leastCharacters?: number | undefined;
  readonly leastShare?: number | undefined;
}

const WORD = /[\p{L}\p{N}]+/gu;
/** Runs of this many evaluation rows of one set are a phrase of its template. */
const COMMON = 10;

const wordsOf = (text: string): string[] => text.normalize('NFKC').toLowerCase().match(WORD) ?? [];

interface Place {
  readonly text: number;
  readonly at: number;
}

export class Decontaminator {
  readonly mode: DecontaminationMode;
  readonly size: number;
  readonly #least: { readonly characters: number; readonly share: number };
  readonly #texts: { readonly from: EvaluationText; readonly ids: Int32Array; readonly words: readonly string[] }[] = [];
  readonly #ids = new Map<string, number>();
  readonly #runs = new Map<number, Place[]>();
  #tooShort = 0;

  constructor(options: DecontaminationOptions = {}) {
    this.mode = options.mode ?? '13-gram';
    this.size = options.size ?? (this.mode === '13-gram' ? 13 : 8);
    this.#least = { characters: options.leastCharacters ?? 50, share: options.leastShare ?? 0.5 };
  }

  get rows(): number {
    return this.#texts.length;
  }

  /** Evaluation rows with fewer words than a run: nothing of them can be found. */
  get tooShort(): number {
    return this.#tooShort;
  }

  /** Adds a row of an evaluation set. */
  add(from: EvaluationText): void {
    const words = wordsOf(from.text);
    const ids = Int32Array.from(words, (word) => {
      const known = this.#ids.get(word);
      if (known !== undefined) return known;
      this.#ids.set(word, this.#ids.size);
      return this.#ids.size - 1;
    });
    const text = this.#texts.push({ from, ids, words }) - 1;
    if (words.length < this.size) this.#tooShort++;
    for (const [key, at] of runs(ids, this.size)) {
      const places = this.#runs.get(key);
      if (places === undefined) this.#runs.set(key, [{ text, at }]);
      else if (places.length <= COMMON && places.at(-1)!.text !== text) places.push({ text, at });
    }
  }

  /** The worst hit of a training row, or undefined. */
  check(text: string): Contamination | undefined {
    const words = wordsOf(text);
    const ids = Int32Array.from(words, (word) => this.#ids.get(word) ?? -1);
    let worst: { readonly place: Place; readonly begin: number; readonly length: number } | undefined;
    for (const [key, at] of runs(ids, this.size)) {
      // A run of many evaluation rows belongs to their template, not to one of them.
      const places = this.#runs.get(key);
      if (places === undefined || places.length > COMMON) continue;
      for (const place of places) {
        const { ids: own } = this.#texts[place.text]!;
        if (!same(own, place.at, ids, at, this.size)) continue;
        let begin = place.at;
        let end = place.at + this.size;
        for (let back = at; begin > 0 && back > 0 && own[begin - 1] === ids[back - 1]; back--) begin--;
        for (let on = at + this.size; end < own.length && on < ids.length && own[end] === ids[on]; on++) end++;
        if (worst === undefined || end - begin > worst.length) worst = { place, begin, length: end - begin };
      }
    }
    if (worst === undefined) return undefined;
    const { from, words: own } = this.#texts[worst.place.text]!;
    const overlap = own.slice(worst.begin, worst.begin + worst.length).join(' ');
    const share = worst.length / own.length;
    if (this.mode === '8-gram-lcs' && (overlap.length < this.#least.characters || share < this.#least.share)) return undefined;
    return { set: from.set, row: from.row, overlap, words: worst.length, share, evaluation: from.text };
  }
}

function same(a: Int32Array, from: number, b: Int32Array, at: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (a[from + i] !== b[at + i]) return false;
  return true;
}

/** A number for each run of `size` known words, with its place. */
function* runs(ids: Int32Array, size: number): Generator<readonly [number, number]> {
  for (let at = 0, known = 0; at < ids.length; at++) {
    known = ids[at]! < 0 ? 0 : known + 1;
    if (known < size) continue;
    let high = 0x9e3779b9;
    let low = 0x85ebca6b;
    for (let i = at - size + 1; i <= at; i++) {
      high = Math.imul(high ^ ids[i]!, 0x01000193);
      low = Math.imul(low + ids[i]!, 0x5bd1e995) ^ (low >>> 15);
    }
    yield [(high >>> 0) * 0x200000 + ((low >>> 0) & 0x1fffff), at - size + 1];
  }
}
