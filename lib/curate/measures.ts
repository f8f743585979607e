// What `whetstone data check` measures beside what would go: lengths, languages, personal data, variety, bias.
import { BiasScan } from './bias.js';
import type { BiasReport } from './bias.js';
import { DiversityMeter } from './diversity.js';
import type { Diversity } from './diversity.js';
import { languageOf } from './language.js';
import { findPii } from './pii/detect.js';

export interface Measures {
  readonly rows: number;
  readonly characters: number;
  /** Characters of a row: the least, quartiles, 95 %, the most. */
  readonly lengths: readonly number[];
  readonly languages: Readonly<Record<string, number>>;
  /** Values found by kind, and rows with any. */
  readonly pii: Readonly<Record<string, number>>;
  readonly piiRows: number;
  readonly diversity: Diversity;
  readonly bias: BiasReport;
}

const LENGTHS_KEPT = 20_000;

export class Meters {
  readonly #diversity = new DiversityMeter();
  readonly #bias = new BiasScan();
  readonly #languages = new Map<string, number>();
  readonly #pii = new Map<string, number>();
  readonly #lengths: number[] = [];
  #rows = 0;
  #characters = 0;
  #piiRows = 0;

  add(text: string, prompt = '', language?: string): void {
    this.#rows++;
    this.#characters += text.length;
    // Every row's length until there are many; then an even sample.
    if (this.#lengths.length < LENGTHS_KEPT) this.#lengths.push(text.length);
    else if (this.#rows % 16 === 0) this.#lengths[(this.#rows / 16) % LENGTHS_KEPT] = text.length;
    this.#diversity.add(text, prompt);
    this.#bias.add(text);
    const said = language ?? languageOf(text) ?? 'unknown';
    this.#languages.set(said, (this.#languages.get(said) ?? 0) + 1);
    const spans = findPii(text);
    if (spans.length > 0) this.#piiRows++;
    for (const { kind } of spans) this.#pii.set(kind, (this.#pii.get(kind) ?? 0) + 1);
  }

  result(): Measures {
    const sorted = [...this.#lengths].sort((a, b) => a - b);
    const most = (counts: ReadonlyMap<string, number>): Record<string, number> =>
      Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]));
    return {
      rows: this.#rows,
      characters: this.#characters,
      lengths: sorted.length === 0 ? [] : [0, 0.25, 0.5, 0.75, 0.95, 1].map((part) => sorted[Math.round(part * (sorted.length - 1))]!),
      languages: most(this.#languages),
      pii: most(this.#pii),
      piiRows: this.#piiRows,
      diversity: this.#diversity.result(),
      bias: this.#bias.result(),
    };
  }
}
