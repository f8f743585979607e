// Validation rows that training rows already contain: the same row, or most of its runs of eight tokens. Runs that many
// training rows share (a common instruction, a template) say nothing and are left out. Memory follows the validation
// rows, of which at most 2,000 are looked at, not the training rows.

import type { Sequence } from '../batch.js';
import type { SequenceSet } from '../pack/plan.js';
import { contentHash } from './probe.js';

/** Tokens of a run. */
const RUN = 8;
const MOST_ROWS = 2000;
const MOST_TOKENS = 400_000;
/** Share of a row's own runs that must be found for it to count as contained. */
const CONTAINED = 0.75;
const { imul } = Math;

export interface Overlap {
  /** Validation rows looked at. */
  readonly rows: number;
  /** Of these: the same as a training row, and (without those) contained in training rows by their runs of tokens. */
  readonly same: number;
  readonly near: number;
  /** Some of them: index of the validation row, and the share of its own runs that was found (1: the same row). */
  readonly examples: readonly { readonly row: number; readonly share: number }[];
}

interface Run {
  /** Training rows that have it, and the last of them. */
  rows: number;
  last: number;
}

export class OverlapFinder {
  readonly #valid: SequenceSet;
  readonly #looked: number[] = [];
  readonly #same = new Map<number, boolean>();
  readonly #runs = new Map<number, Run>();
  #rows = 0;

  constructor(valid: SequenceSet) {
    this.#valid = valid;
    const every = Math.max(1, valid.length / MOST_ROWS);
    let tokens = 0;
    for (let at = 0; at < valid.length && tokens < MOST_TOKENS; at += every) {
      const sequence = valid.get(Math.floor(at));
      this.#looked.push(Math.floor(at));
      tokens += sequence.tokens.length;
      this.#same.set(contentHash(sequence, 0), false);
      for (const run of runsOf(sequence.tokens)) if (!this.#runs.has(run)) this.#runs.set(run, { rows: 0, last: -1 });
    }
  }

  /** Looks at one training row. */
  see(sequence: Sequence, hash: number): void {
    const row = this.#rows++;
    if (this.#same.has(hash)) this.#same.set(hash, true);
    for (const key of runsOf(sequence.tokens)) {
      const run = this.#runs.get(key);
      if (run === undefined || run.last === row) continue;
      run.rows++;
      run.last = row;
    }
  }

  result(): Overlap {
    const common = Math.max(4, 0.01 * this.#rows);
    let [same, near] = [0, 0];
    const examples: { row: number; share: number }[] = [];
    for (const index of this.#looked) {
      const sequence = this.#valid.get(index);
      const whole = this.#same.get(contentHash(sequence, 0)) === true;
      const share = whole ? 1 : this.#share(sequence.tokens, common);
      if (whole) same++;
      else if (share >= CONTAINED) near++;
      else continue;
      if (examples.length < 20) examples.push({ row: sequence.row, share });
    }
    return { rows: this.#looked.length, same, near, examples };
  }

  #share(tokens: Int32Array, common: number): number {
    let [own, found] = [0, 0];
    for (const key of runsOf(tokens)) {
      const { rows } = this.#runs.get(key)!;
      if (rows > common) continue;
      own++;
      if (rows > 0) found++;
    }
    return own < 4 ? 0 : found / own;
  }
}

/** A hash of every run of eight tokens. */
function* runsOf(tokens: Int32Array): Generator<number> {
  for (let begin = 0; begin + RUN <= tokens.length; begin++) {
    let [a, b] = [0x811c9dc5, 0x27d4eb2f];
    for (let t = begin; t < begin + RUN; t++) {
      a = imul(a ^ tokens[t]!, 0x01000193);
      b = imul(b ^ tokens[t]!, 0x85ebca6b);
      b ^= b >>> 15;
    }
    yield (a & 0x1fffff) * 2 ** 32 + (b >>> 0);
  }
}
