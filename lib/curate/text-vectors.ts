// Texts as short vectors for "how alike are these two": words and pairs of words, weighted by how rare they are, folded
// into a fixed width by signed hashing. Needs no model; equal texts have the same vector, texts without a common word
// nearly orthogonal ones.
import { mix } from '../data/shuffle.js';

export const VECTOR_WIDTH = 256;

const WORD = /[\p{L}\p{N}]+/gu;

/** Hashes of the words and pairs of words in a text, as often as they occur. */
function features(text: string): Uint32Array {
  const words: number[] = [];
  for (const [word] of text.toLowerCase().normalize('NFC').matchAll(WORD)) {
    let hash = 0x9747b28c;
    for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
    words.push(mix(hash >>> 0, word.length));
  }
  return Uint32Array.from([...words, ...words.slice(1).map((word, i) => mix(words[i]!, word))]);
}

const BUCKETS = 1 << 18;

/** Collects texts in one pass; vectors can be made when all are in. Keeps 4 bytes a word pair of each text. */
export class TextVectors {
  readonly #features: Uint32Array[] = [];
  readonly #documents = new Uint32Array(BUCKETS);

  add(text: string): void {
    const found = features(text);
    this.#features.push(found);
    for (const bucket of new Set(found.map((feature) => feature % BUCKETS))) this.#documents[bucket]!++;
  }

  get count(): number {
    return this.#features.length;
  }

  /** One after the other, VECTOR_WIDTH numbers each, of length 1 (or 0 for a text without a word). */
  finish(): Float32Array {
    const vectors = new Float32Array(this.count * VECTOR_WIDTH);
    for (const [i, list] of this.#features.entries()) {
      const counts = new Map<number, number>();
      for (const feature of list) counts.set(feature, (counts.get(feature) ?? 0) + 1);
      const own = vectors.subarray(i * VECTOR_WIDTH, (i + 1) * VECTOR_WIDTH);
      for (const [feature, count] of counts) {
        const rarity = Math.log((1 + this.count) / (1 + this.#documents[feature % BUCKETS]!)) + 0.1;
        const place = mix(feature, 1);
        own[place % VECTOR_WIDTH]! += (place & 0x80000000 ? -1 : 1) * (1 + Math.log(count)) * rarity;
      }
      const length = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
      if (length > 0) for (let d = 0; d < VECTOR_WIDTH; d++) own[d]! /= length;
    }
    return vectors;
  }
}

/** Cosine of two of them. */
export function similarity(vectors: Float32Array, a: number, b: number): number {
  let sum = 0;
  for (let d = 0, i = a * VECTOR_WIDTH, j = b * VECTOR_WIDTH; d < VECTOR_WIDTH; d++) sum += vectors[i + d]! * vectors[j + d]!;
  return sum;
}
