// Fingerprints of runs of words under a salt: whether a text holds a run of another one can be said without having the other text.
// For sealed test sets, whose rows nobody who trains may read.
import { toRecord } from '../data/formats/format.js';
import type { Detection } from '../data/formats/format.js';
import { openRecords } from '../data/records.js';
import type { RawRow, Source } from '../data/source.js';
import { isEngineError } from '../errors.js';
import { evaluationRow } from './contamination-index.js';
import { LEAST_OWN, RUN_OF_WORDS, isCommonCount, wordsOf } from './decontaminate.js';

const BYTES = 8;

/** A number below 2^53 for each run of thirteen words, with its place. */
function* printsOf(text: string, salt: string): Generator<number> {
  const words = wordsOf(text).map((word) => hash(word, salt));
  for (let end = RUN_OF_WORDS; end <= words.length; end++) {
    let [high, low] = [0x9e3779b9, 0x85ebca6b];
    for (let i = end - RUN_OF_WORDS; i < end; i++) {
      high = Math.imul(high ^ words[i]!.high, 0x01000193) ^ (high >>> 13);
      low = Math.imul(low + words[i]!.low, 0x5bd1e995) ^ (low >>> 15);
    }
    yield (high >>> 0) * 0x200000 + ((low >>> 0) & 0x1fffff);
  }
}

function hash(word: string, salt: string): { readonly high: number; readonly low: number } {
  let [high, low] = [0x811c9dc5, 0x27d4eb2f];
  for (const text of [salt, word]) {
    for (let i = 0; i < text.length; i++) {
      high = Math.imul(high ^ text.charCodeAt(i), 0x01000193);
      low = Math.imul(low ^ text.charCodeAt(i), 0x85ebca6b) ^ (low >>> 13);
    }
  }
  return { high, low };
}

/** All runs of some texts but those that many of them have, as base64. */
export function packRunPrints(texts: Iterable<string>, salt: string): string {
  const rows = new Map<number, number>();
  for (const text of texts) for (const print of new Set(printsOf(text, salt))) rows.set(print, (rows.get(print) ?? 0) + 1);
  const own = [...rows].filter(([, count]) => !isCommonCount(count)).map(([print]) => print).sort((a, b) => a - b);
  const bytes = Buffer.alloc(own.length * BYTES);
  own.forEach((print, i) => bytes.writeDoubleLE(print, i * BYTES));
  return bytes.toString('base64');
}

/** Of what the rows ask, where they are of a known format; else of all their texts. */
export async function printRuns(source: Source, salt: string): Promise<string> {
  const detection = await openRecords(source).then((records) => records.detection).catch(() => undefined);
  const texts: string[] = [];
  for await (const raw of source) texts.push(askedOf(raw, detection));
  return packRunPrints(texts, salt);
}

function askedOf(raw: RawRow, detection: Detection | undefined): string {
  try {
    if (detection !== undefined) return evaluationRow(toRecord(raw, detection.format, detection.mapping)).text;
  } catch (error) {
    if (!isEngineError(error, 'ERR_DATA')) throw error;
  }
  const strings = (value: unknown): string[] => (typeof value === 'string' ? [value] : typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : []);
  return strings(raw.value).join('\n');
}

/** Looks for the runs of a sealed set in training texts, as `Decontaminator` does for an open one. */
export class RunPrints {
  readonly #prints = new Set<number>();
  readonly #common = new Set<number>();

  constructor(packed: string, readonly salt: string) {
    const bytes = Buffer.from(packed, 'base64');
    for (let at = 0; at + BYTES <= bytes.length; at += BYTES) this.#prints.add(bytes.readDoubleLE(at));
  }

  /** What many of these training texts say proves nothing. */
  learnCommon(texts: readonly string[]): void {
    const counts = new Map<number, number>();
    for (const text of texts) for (const print of new Set(printsOf(text, this.salt))) if (this.#prints.has(print)) counts.set(print, (counts.get(print) ?? 0) + 1);
    for (const [print, count] of counts) if (isCommonCount(count, texts.length)) this.#common.add(print);
  }

  /** Behind or before common runs, as many runs must be known as there have to be words of its own. */
  holds(text: string): boolean {
    let [known, beside] = [0, false];
    const enough = (): boolean => known > 0 && (!beside || known >= LEAST_OWN);
    for (const print of printsOf(text, this.salt)) {
      if (this.#common.has(print)) {
        beside = true;
        if (enough()) return true;
        known = 0;
      } else if (this.#prints.has(print)) known++;
      else {
        if (enough()) return true;
        [known, beside] = [0, false];
      }
    }
    return enough();
  }
}
