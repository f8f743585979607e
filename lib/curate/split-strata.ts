// Strata of a split: which stratum a row lies in by its fields, its length or its file, and how evenly each stratum came
// out over the parts.
import path from 'node:path';
import { dataError, describe } from '../errors.js';
import type { RawRow } from '../data/source.js';
import { PARTS } from './split.js';

/** The value at a dotted path of the row: `meta.user.id`. A field whose own name holds the dots wins. */
export function fieldOf(value: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(value, name)) return value[name];
  let at: unknown = value;
  for (const part of name.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}

/** A field as a name: text, number or truth value; undefined and null are absent; anything else is an error. */
export function scalarOf(raw: RawRow, name: string): string | undefined {
  const value = fieldOf(raw.value, name);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'object') {
    throw dataError({ file: raw.file, row: raw.row, field: name },
      `expected text, a number or true/false to group by, came ${describe(value)}. Name a field with one value, such as ${name}.id`);
  }
  return String(value);
}

/** Powers of two: rows of 96 and of 100 characters lie in one stratum, whatever other rows there are. */
export function lengthStratum(characters: number): string {
  const power = Math.max(4, Math.ceil(Math.log2(Math.max(1, characters))));
  return power === 4 ? '0–16' : `${2 ** (power - 1) + 1}–${2 ** power}`;
}

export interface StratumOptions {
  /** Names of fields, or `length`, `source` (the file, unless rows have such a field) and `language`. */
  readonly stratify: readonly string[];
  /** Finds the language where rows do not say it. */
  readonly languageOf?: ((text: string) => string) | undefined;
}

/** The name of a row's stratum: its values of all that is asked for. */
export function stratumName(raw: RawRow, text: string, { stratify, languageOf }: StratumOptions): string {
  return stratify.map((name) => {
    const given = scalarOf(raw, name);
    if (name === 'length' && given === undefined) return `length ${lengthStratum(text.length)}`;
    if (name === 'source' && given === undefined) return `source ${path.basename(raw.file)}`;
    if (name === 'language' && given === undefined) return `language ${scalarOf(raw, 'lang') ?? languageOf?.(text) ?? 'unknown'}`;
    return `${name} ${given ?? '(none)'}`;
  }).join(', ');
}

/** Numbers of strata as rows come; afterwards numbered by name, so that the order of rows does not matter. */
export class StratumList {
  readonly #numbers = new Map<string, number>();
  #rows = new Int32Array(1024);
  #count = 0;

  add(name: string): void {
    let number = this.#numbers.get(name);
    if (number === undefined) this.#numbers.set(name, (number = this.#numbers.size));
    if (this.#count === this.#rows.length) {
      const larger = new Int32Array(this.#count * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows[this.#count++] = number;
  }

  finish(): { readonly names: readonly string[]; readonly strata: Int32Array } {
    const names = [...this.#numbers.keys()].sort();
    const place = new Int32Array(names.length);
    for (const [at, name] of names.entries()) place[this.#numbers.get(name)!] = at;
    return { names, strata: this.#rows.subarray(0, this.#count).map((number) => place[number]!) };
  }
}

export interface StratumReport {
  readonly name: string;
  readonly rows: number;
  /** Rows in train, validation, test and aside. */
  readonly parts: readonly number[];
}

/** Rows of each stratum in each part. */
export function countStrata(names: readonly string[], strata: Int32Array, part: Uint8Array): StratumReport[] {
  const counts = names.map(() => PARTS.map(() => 0));
  for (let row = 0; row < part.length; row++) counts[strata[row]!]![part[row]!]!++;
  return names.map((name, at) => ({ name, rows: counts[at]!.reduce((a, b) => a + b, 0), parts: counts[at]! }));
}
