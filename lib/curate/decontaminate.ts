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
/** Runs of more texts than this are a phrase or a template that proves nothing; GPT-3's authors and lm-eval have the same number. */
const COMMON = 10;
/** … and of more than this part of them, among training texts. */
const COMMON_SHARE = 0.01;
/** Part of a run's words that must not be common ones: a template and two words behind it are no find. */
const OWN_SHARE = 0.5;

/** Words of a run, unless another number is asked for, and how many of them must be a row's own. */
export const RUN_OF_WORDS = 13;
export const LEAST_OWN = Math.ceil(RUN_OF_WORDS * OWN_SHARE);

/** So many texts (of so many that were looked at) have a run that it proves nothing. */
export const isCommonCount = (count: number, of = 0): boolean => count > Math.max(COMMON, of * COMMON_SHARE);

export const wordsOf = (text: string): string[] => text.normalize('NFKC').toLowerCase().match(WORD) ?? [];

interface Place {
  readonly text: number;
  readonly at: number;
}

interface Text {
  readonly from: EvaluationText;
  readonly words: readonly string[];
  readonly ids: Int32Array;
  /** 1 for words in a run that many texts have. */
  readonly common: Uint8Array;
}

export class Decontaminator {
  readonly mode: DecontaminationMode;
  readonly size: number;
  readonly #least: { readonly characters: number; readonly share: number };
  readonly #texts: Text[] = [];
  readonly #ids = new Map<string, number>();
  readonly #runs = new Map<number, Place[]>();
  /** Runs that many training texts have. */
  readonly #common = new Set<number>();
  #tooShort = 0;
  #settled = true;

  constructor(options: DecontaminationOptions = {}) {
    this.mode = options.mode ?? '13-gram';
    this.size = options.size ?? (this.mode === '13-gram' ? RUN_OF_WORDS : 8);
    this.#least = { characters: options.leastCharacters ?? 50, share: options.leastShare ?? 0.5 };
  }

  get rows(): number {
    return this.#texts.length;
  }

  /** Evaluation rows with too few words, or too few of their own: nothing of them can be found. */
  get tooShort(): number {
    this.#settle();
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
    const text = this.#texts.push({ from, words, ids, common: new Uint8Array(ids.length) }) - 1;
    for (const [key, at] of runs(ids, this.size)) {
      const places = this.#runs.get(key);
      if (places === undefined) this.#runs.set(key, [{ text, at }]);
      else if (places.length <= COMMON && places.at(-1)!.text !== text) places.push({ text, at });
    }
    this.#settled = false;
  }

  /**
   * Learns from some training texts of one kind what many of them say: a system prompt, an instruction. Such words of an
   * evaluation row prove nothing.
   */
  learnCommon(texts: Iterable<string>): void {
    const counts = new Map<number, number>();
    let seen = 0;
    for (const text of texts) {
      seen++;
      for (const key of new Set(Array.from(this.#known(wordsOf(text)), ([one]) => one))) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    for (const [key, count] of counts) if (isCommonCount(count, seen)) this.#common.add(key);
    this.#settled = false;
  }

  /** The worst hit of a training row, or undefined. */
  check(text: string): Contamination | undefined {
    return this.hits(text)[0];
  }

  /** The worst hit of each evaluation row that a training row holds text of, the worst first. */
  hits(text: string): readonly Contamination[] {
    this.#settle();
    const words = wordsOf(text);
    const ids = Int32Array.from(words, (word) => this.#ids.get(word) ?? -1);
    const worst = new Map<number, { readonly begin: number; readonly end: number }>();
    /** Where the common piece of a text at a shift ends, so that it is followed once. */
    const followed = new Map<number, number>();
    for (const [key, at] of runs(ids, this.size)) {
      if (this.#isCommon(key)) continue;
      for (const place of this.#runs.get(key) ?? []) {
        const { ids: own } = this.#texts[place.text]!;
        const shift = place.text * 2 ** 26 + (place.at - at + 2 ** 25);
        if (at < (followed.get(shift) ?? 0) || !same(own, place.at, ids, at, this.size)) continue;
        let begin = place.at;
        let end = place.at + this.size;
        for (let back = at; begin > 0 && back > 0 && own[begin - 1] === ids[back - 1]; back--) begin--;
        while (end < own.length && at + end - place.at < ids.length && own[end] === ids[at + end - place.at]) end++;
        followed.set(shift, at + end - place.at);
        const known = worst.get(place.text);
        if (this.#proves(place.text, begin, end) && (known === undefined || end - begin > known.end - known.begin)) worst.set(place.text, { begin, end });
      }
    }
    return [...worst].map(([at, piece]) => this.#described(this.#texts[at]!, piece)).sort((a, b) => b.words - a.words);
  }

  #described({ from, words }: Text, { begin, end }: { readonly begin: number; readonly end: number }): Contamination {
    return { set: from.set, row: from.row, overlap: words.slice(begin, end).join(' '), words: end - begin, share: (end - begin) / words.length, evaluation: from.text };
  }

  /** Enough of the piece's words are the row's own; with 8-gram-lcs it must also be long. */
  #proves(at: number, begin: number, end: number): boolean {
    const { words, common } = this.#texts[at]!;
    if (ownWords(common.subarray(begin, end)) < this.size * OWN_SHARE) return false;
    return this.mode === '13-gram' || (words.slice(begin, end).join(' ').length >= this.#least.characters && (end - begin) / words.length >= this.#least.share);
  }

  #isCommon(key: number): boolean {
    return this.#common.has(key) || isCommonCount(this.#runs.get(key)?.length ?? 0);
  }

  /** Runs of a text that some evaluation row has. */
  *#known(words: readonly string[]): Generator<readonly [number, number]> {
    const ids = Int32Array.from(words, (word) => this.#ids.get(word) ?? -1);
    for (const run of runs(ids, this.size)) if (this.#runs.has(run[0])) yield run;
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#tooShort = 0;
    for (const { ids, common } of this.#texts) {
      common.fill(0);
      for (const [key, at] of runs(ids, this.size)) if (this.#isCommon(key)) common.fill(1, at, at + this.size);
      if (ids.length < this.size || ownWords(common) < this.size * OWN_SHARE) this.#tooShort++;
    }
  }
}

const ownWords = (common: Uint8Array): number => common.reduce((own, one) => own - one, common.length);

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
