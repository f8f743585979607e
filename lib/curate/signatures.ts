// MinHash signatures of a stream of texts: signed in batches on several native threads, kept in two growing arrays. Of a text
// nothing else is kept: 560 bytes with datatrove's settings.
import { appendFile, truncate, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { readInto } from './decisions.js';
import { minHashOptions } from './minhash-options.js';
import type { MinHashOptions } from './minhash-options.js';
import { native } from './native.js';
import { lowerForNative, simplifyForNative } from './simplify.js';

export interface WorkOptions {
  readonly signal?: AbortSignal | undefined;
  /** Native threads at once; absent: one a core. */
  readonly threads?: number | undefined;
  /** Work done so far, of `total` where it is known. */
  readonly onProgress?: ((stage: 'sign' | 'join', done: number, total?: number) => void) | undefined;
}

export type Texts = Iterable<string> | AsyncIterable<string>;

const BATCH_TEXTS = 2048;
const BATCH_CHARACTERS = 1 << 21;

export class Signatures {
  #keys: BigUint64Array<ArrayBuffer>;
  #minima: Uint32Array<ArrayBuffer>;
  #count = 0;
  #saved = 0;
  readonly hashes: number;

  constructor(readonly options: MinHashOptions = minHashOptions(), capacity = 1024) {
    this.hashes = options.bands * options.rows;
    this.#keys = new BigUint64Array(capacity * options.bands);
    this.#minima = new Uint32Array(capacity * this.hashes);
  }

  get count(): number {
    return this.#count;
  }

  /** [count, bands] */
  get keys(): BigUint64Array {
    return this.#keys.subarray(0, this.#count * this.options.bands);
  }

  /** [count, hashes] */
  get minima(): Uint32Array {
    return this.#minima.subarray(0, this.#count * this.hashes);
  }

  /** Estimated Jaccard similarity of two texts. */
  agreement(a: number, b: number): number {
    let same = 0;
    for (let i = 0; i < this.hashes; i++) {
      if (this.#minima[a * this.hashes + i] === this.#minima[b * this.hashes + i]) same++;
    }
    return same / this.hashes;
  }

  #grow(count: number): void {
    const { bands } = this.options;
    if (count * bands <= this.#keys.length) return;
    const capacity = Math.max(count, Math.ceil((this.#keys.length / bands) * 1.6));
    const keys = new BigUint64Array(capacity * bands);
    keys.set(this.#keys);
    this.#keys = keys;
    const minima = new Uint32Array(capacity * this.hashes);
    minima.set(this.#minima);
    this.#minima = minima;
  }

  /** Appends what is new since the last save to files of a folder. */
  async save(folder: string): Promise<void> {
    const parts = [['keys.bin', this.#keys, this.options.bands], ['minima.bin', this.#minima, this.hashes]] as const;
    for (const [name, array, width] of parts) {
      const path = join(folder, name);
      if (this.#saved === 0) await writeFile(path, '');
      const size = array.BYTES_PER_ELEMENT * width;
      await truncate(path, this.#saved * size);
      await appendFile(path, new Uint8Array(array.buffer, this.#saved * size, (this.#count - this.#saved) * size));
    }
    this.#saved = this.#count;
  }

  /** Takes up `count` signatures that were saved. */
  async load(folder: string, count: number): Promise<void> {
    this.#grow(count);
    for (const [name, array, width] of [['keys.bin', this.#keys, this.options.bands], ['minima.bin', this.#minima, this.hashes]] as const) {
      await readInto(join(folder, name), new Uint8Array(array.buffer, 0, count * width * array.BYTES_PER_ELEMENT));
    }
    this.#count = count;
    this.#saved = count;
  }

  /** Signs all texts, in order. Numbers them from `count` on. */
  async add(texts: Texts, { signal, threads = availableParallelism(), onProgress }: WorkOptions = {}): Promise<void> {
    const { shingle, size, bands, rows, seed, short } = this.options;
    const options = {
      words: shingle !== 'characters', simplified: shingle === 'words', whole: short === 'whole', size, bands, rows, seed,
    };
    const prepare = shingle === 'words' ? simplifyForNative : lowerForNative;
    const underWay = new Set<Promise<void>>();
    // Each batch is signed into arrays of its own, so that growing moves nothing that a thread is writing to.
    const send = async (batch: readonly string[], first: number): Promise<void> => {
      const keys = new BigUint64Array(batch.length * bands);
      const minima = new Uint32Array(batch.length * this.hashes);
      await native(signal, (addon, ticket) => addon.textSignatures(ticket, batch, options, keys, minima));
      this.#keys.set(keys, first * bands);
      this.#minima.set(minima, first * this.hashes);
      onProgress?.('sign', first + batch.length);
    };
    let batch: string[] = [];
    let characters = 0;
    let failure: unknown;
    const flush = async (): Promise<void> => {
      const first = this.#count;
      this.#count += batch.length;
      this.#grow(this.#count);
      const sent = send(batch, first).catch((error: unknown) => void (failure ??= error)).finally(() => underWay.delete(sent));
      underWay.add(sent);
      batch = [];
      characters = 0;
      while (underWay.size > threads) await Promise.race(underWay);
      if (failure !== undefined) throw failure;
    };
    try {
      for await (const text of texts) {
        signal?.throwIfAborted();
        batch.push(prepare(text));
        characters += text.length;
        if (batch.length === BATCH_TEXTS || characters >= BATCH_CHARACTERS) await flush();
      }
      if (batch.length > 0) await flush();
    } finally {
      await Promise.all(underWay);
    }
    if (failure !== undefined) throw failure;
  }
}
