// A tokenised data set: tokens end to end, learned parts as runs. Kept in memory, or read from its cache file.
import { closeSync, readSync } from 'node:fs';
import type { Sequence } from '../batch.js';

/** What encoding did, for the user. */
export interface EncodeReport {
  /** Rows read. */
  readonly rows: number;
  /** Sequences kept, truncated ones among them. */
  readonly kept: number;
  readonly truncated: number;
  /** Left out because they were longer than maxLength (or nothing was learned within it). */
  readonly tooLong: number;
  /** Left out because their weight is 0. */
  readonly weightless: number;
  /** Rows with a token that holds characters that are learned and others. */
  readonly straddling: number;
  /** Rows that could not be used and were kept aside; they are not in `rows`. */
  readonly bad: number;
  readonly tokens: number;
  /** Tokens that are learned. */
  readonly scored: number;
}

export const EMPTY_REPORT: EncodeReport = {
  rows: 0,
  kept: 0,
  truncated: 0,
  tooLong: 0,
  weightless: 0,
  straddling: 0,
  bad: 0,
  tokens: 0,
  scored: 0,
};

export function addReports(a: EncodeReport, b: EncodeReport): EncodeReport {
  return Object.fromEntries(
    Object.entries(a).map(([key, value]) => [key, value + b[key as keyof EncodeReport]]),
  ) as unknown as EncodeReport;
}

/** The flat form of some sequences: what workers send and what the cache file holds. */
export interface EncodedTables {
  readonly lengths: Int32Array;
  /** Index of each sequence's row in the data set. */
  readonly rows: Int32Array;
  /** Number of runs of each sequence. */
  readonly runCounts: Int32Array;
  /** Label positions [begin, end) of each run, two numbers a run. Position t predicts token t + 1. */
  readonly runs: Int32Array;
  readonly runWeights: Float32Array;
}

export interface EncodedBatch {
  readonly tables: EncodedTables;
  readonly tokens: Int32Array;
  readonly report: EncodeReport;
}

export interface TokenStore {
  read(offset: number, count: number): Int32Array;
  close(): void;
}

export class EncodedSet {
  readonly report: EncodeReport;
  /** Identifies data, tokenizer, template and options; 'memory' sets have one too. */
  readonly key: string;
  readonly fromCache: boolean;
  readonly #tables: EncodedTables;
  readonly #store: TokenStore;
  readonly #tokenBegin: Float64Array;
  readonly #runBegin: Float64Array;

  constructor(parts: {
    key: string;
    fromCache: boolean;
    tables: EncodedTables;
    store: TokenStore;
    report: EncodeReport;
  }) {
    this.key = parts.key;
    this.fromCache = parts.fromCache;
    this.report = parts.report;
    this.#tables = parts.tables;
    this.#store = parts.store;
    this.#tokenBegin = sums(parts.tables.lengths);
    this.#runBegin = sums(parts.tables.runCounts);
  }

  get length(): number {
    return this.#tables.lengths.length;
  }

  lengthOf(index: number): number {
    return this.#tables.lengths[index] as number;
  }

  get(index: number): Sequence {
    if (!(index >= 0 && index < this.length))
      throw new RangeError(`index: expected 0 to ${this.length - 1}, came ${index}`);
    const length = this.lengthOf(index);
    const tokens = this.#store.read(this.#tokenBegin[index] as number, length);
    const labels = new Int32Array(length).fill(-1);
    let weights: Float32Array | undefined;
    const { runs, runWeights, rows } = this.#tables;
    for (let run = this.#runBegin[index] as number; run < (this.#runBegin[index + 1] as number); run++) {
      const begin = runs[2 * run] as number;
      const end = runs[2 * run + 1] as number;
      const weight = runWeights[run] as number;
      labels.set(tokens.subarray(begin + 1, end + 1), begin);
      if (weight !== 1) (weights ??= new Float32Array(length).fill(1)).fill(weight, begin, end);
    }
    return { tokens, labels, row: rows[index] as number, ...(weights === undefined ? {} : { weights }) };
  }

  *[Symbol.iterator](): Generator<Sequence> {
    for (let i = 0; i < this.length; i++) yield this.get(i);
  }

  /** Frees the file behind a large set. */
  close(): void {
    this.#store.close();
  }
}

function sums(counts: Int32Array): Float64Array {
  const result = new Float64Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) result[i + 1] = (result[i] as number) + (counts[i] as number);
  return result;
}

export class MemoryStore implements TokenStore {
  readonly #tokens: Int32Array;

  constructor(tokens: Int32Array) {
    this.#tokens = tokens;
  }

  read(offset: number, count: number): Int32Array {
    return this.#tokens.slice(offset, offset + count);
  }

  close(): void {}
}

/** Reads sequences from an open file when they are asked for: a few kilobytes each, from the page cache. */
export class FileStore implements TokenStore {
  readonly #descriptor: number;
  readonly #start: number;
  #open = true;

  constructor(descriptor: number, start: number) {
    this.#descriptor = descriptor;
    this.#start = start;
  }

  read(offset: number, count: number): Int32Array {
    const bytes = new Uint8Array(count * 4);
    let done = 0;
    while (done < bytes.length) {
      const got = readSync(this.#descriptor, bytes, done, bytes.length - done, this.#start + offset * 4 + done);
      if (got === 0)
        throw new RangeError('the cache file of the encoded data has shrunk while it was open; start again');
      done += got;
    }
    return new Int32Array(bytes.buffer);
  }

  close(): void {
    if (this.#open) closeSync(this.#descriptor);
    this.#open = false;
  }
}
