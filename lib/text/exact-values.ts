// Numbers and keys that JavaScript would change (marked by lib/data/exact.ts) on their way through the Jinja engine: a
// number goes in as a number that stands for it, so that templates still see a number, and comes out as it was written;
// keys keep their order.
import { EXACT_CLOSE, EXACT_KEY, EXACT_OPEN } from '../record.js';

const MARK = new RegExp(`[${EXACT_OPEN}${EXACT_KEY}]`);
const NUMBER = new RegExp(`^${EXACT_OPEN}([^${EXACT_CLOSE}]*)${EXACT_CLOSE}$`);
/** Sixteen digits, the last six of which count: below 2^53, so that the engine writes them as they are. */
const COUNTED = 1_000_000;

export class ExactValues {
  readonly #texts: string[] = [];
  readonly #base: number;

  private constructor(base: number) {
    this.#base = base;
  }

  /** Undefined where nothing is marked, which is nearly always. */
  static of(values: readonly unknown[]): ExactValues | undefined {
    const all = JSON.stringify(values);
    if (!MARK.test(all)) return undefined;
    for (let base = 8_100_000_000; base < 9_000_000_000; base += 1_234_567) if (!all.includes(String(base))) return new ExactValues(base);
    return undefined;
  }

  /** The value as the engine gets it. */
  put(value: unknown): unknown {
    if (typeof value === 'string') {
      const text = NUMBER.exec(value)?.[1];
      if (text === undefined || this.#texts.length >= COUNTED) return value;
      return this.#base * COUNTED + this.#texts.push(text) - 1;
    }
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.put(item));
    const entries = Object.entries(value).map(([key, item]) => [key.startsWith(EXACT_KEY) ? key.slice(1) : key, this.put(item)] as const);
    return Object.keys(value).some((key) => key.startsWith(EXACT_KEY)) ? inOrder(entries) : Object.fromEntries(entries);
  }

  /** What the engine wrote, with every number as it stood in the file. */
  take(text: string): string {
    return text.replaceAll(new RegExp(`${this.#base}(\\d{6})`, 'g'), (all, place: string) => this.#texts[Number(place)] ?? all);
  }
}

/** An object whose keys come in this order, whole numbers too. */
function inOrder(entries: readonly (readonly [string, unknown])[]): object {
  const values = new Map(entries);
  return new Proxy({}, {
    ownKeys: () => [...values.keys()],
    get: (_, key) => values.get(key as string),
    has: (_, key) => values.has(key as string),
    getOwnPropertyDescriptor: (_, key) => (values.has(key as string)
      ? { value: values.get(key as string), enumerable: true, configurable: true, writable: true } : undefined),
  });
}
