// Replaces what was found by pseudonyms: the same value gets the same one all through a conversation, and different values
// different ones.
import { findPii } from './detect.js';
import type { PiiKind, PiiSpan } from './detect.js';

/** `tags`: <EMAIL_1>. `realistic`: values of the same form out of ranges that nobody owns. */
export type PseudonymStyle = 'tags' | 'realistic';

const REALISTIC: Readonly<Record<PiiKind, (n: number) => string>> = {
  email: (n) => `person${n}@example.com`,
  phone: (n) => `+1 202-555-01${String((n - 1) % 100).padStart(2, '0')}`,
  ip: (n) => (n < 255 ? `192.0.2.${n}` : `198.51.100.${n % 255}`),
  card: (n) => `0000 0000 0000 ${String(n).padStart(4, '0')}`,
  iban: (n) => `XX00 0000 0000 ${String(n).padStart(4, '0')}`,
  'national-id': (n) => `000-00-${String(n).padStart(4, '0')}`,
  secret: (n) => `EXAMPLE_SECRET_${n}`,
};

/** One conversation's pseudonyms. */
export class Pseudonyms {
  readonly #given = new Map<string, string>();
  readonly #counts = new Map<PiiKind, number>();

  constructor(readonly style: PseudonymStyle = 'tags', readonly kinds?: readonly PiiKind[]) {}

  /** How many values of each kind have one. */
  get counts(): ReadonlyMap<PiiKind, number> {
    return this.#counts;
  }

  of({ kind, value }: Pick<PiiSpan, 'kind' | 'value'>): string {
    const plain = kind === 'email' ? value.toLowerCase() : kind === 'secret' ? value : value.replace(/[^0-9A-Za-z:.]/g, '').toUpperCase();
    const key = `${kind} ${plain}`;
    const known = this.#given.get(key);
    if (known !== undefined) return known;
    const number = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, number);
    const name = this.style === 'tags' ? `<${kind.toUpperCase().replace('-', '_')}_${number}>` : REALISTIC[kind](number);
    this.#given.set(key, name);
    return name;
  }

  /** The text with pseudonyms, and what they stand for. */
  replace(text: string): { readonly text: string; readonly spans: readonly PiiSpan[] } {
    const spans = findPii(text, this.kinds);
    if (spans.length === 0) return { text, spans };
    let out = '';
    let at = 0;
    for (const span of spans) {
      out += text.slice(at, span.start) + this.of(span);
      at = span.end;
    }
    return { text: out + text.slice(at), spans };
  }

  /** Every string of a value, at any depth; keys stay. */
  replaceIn<T>(value: T): T {
    if (typeof value === 'string') return this.replace(value).text as T;
    if (Array.isArray(value)) return value.map((item) => this.replaceIn(item) as unknown) as T;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.replaceIn(item) as unknown])) as T;
  }
}
