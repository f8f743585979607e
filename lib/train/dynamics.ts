// Losses of single training rows over the run: one file of 12-byte records for every pass (row, loss, share of tokens
// right), written as rows are measured and read again in step, so that memory does not grow with their number.

import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { RowLoss } from '../eval/measure.js';

const RECORD = 12;
const AT_ONCE = 2048;

/** Writes the passes of one run: `rows/pass-<step>.bin`. */
export class RowRecorder {
  #step = -1;
  #file: number | undefined;
  #bytes = Buffer.alloc(RECORD * AT_ONCE);
  #used = 0;

  private constructor(readonly folder: string) {}

  /** Passes later than `step` are removed: the run goes on from there. */
  static async open(folder: string, step: number): Promise<RowRecorder> {
    await mkdir(folder, { recursive: true });
    for (const { step: one, file } of passes(folder)) if (one > step || step === 0) rmSync(file);
    return new RowRecorder(folder);
  }

  add({ row, loss, weight, tokens, right }: RowLoss, step: number): void {
    if (step !== this.#step) {
      this.close();
      this.#file = openSync(join(this.folder, `pass-${step}.bin`), 'w');
      this.#step = step;
    }
    this.#bytes.writeInt32LE(row, this.#used);
    this.#bytes.writeFloatLE(loss / weight, this.#used + 4);
    this.#bytes.writeFloatLE(right / tokens, this.#used + 8);
    this.#used += RECORD;
    if (this.#used === this.#bytes.length) this.#write();
  }

  close(): void {
    this.#write();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#step = -1;
  }

  #write(): void {
    if (this.#file !== undefined && this.#used > 0) writeSync(this.#file, this.#bytes, 0, this.#used);
    this.#used = 0;
  }
}

/** The passes in a folder, in the order of their updates. */
export function passes(folder: string): readonly { readonly step: number; readonly file: string }[] {
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    return []; // nothing was recorded
  }
  return names.flatMap((name) => {
    const step = /^pass-(\d+)\.bin$/.exec(name)?.[1];
    return step === undefined ? [] : [{ step: Number(step), file: join(folder, name) }];
  }).sort((a, b) => a.step - b.step);
}

/** One row over all passes. */
export interface RowHistory {
  /** Index in the training data. */
  readonly row: number;
  /** Mean loss of its learned tokens, and the share of them that were the model's first choice, at each pass. */
  readonly losses: readonly number[];
  readonly right: readonly number[];
}

/** All rows, one after the other; only a few thousand records are in memory. */
export async function* rowHistories(folder: string): AsyncGenerator<RowHistory> {
  const handles = await Promise.all(passes(folder).map(({ file }) => open(file)));
  try {
    for (;;) {
      const parts = await Promise.all(handles.map(async (handle) => {
        const bytes = Buffer.alloc(RECORD * AT_ONCE);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length);
        return bytes.subarray(0, bytesRead - (bytesRead % RECORD));
      }));
      const count = Math.min(...parts.map((part) => part.length / RECORD));
      if (!(count > 0) || count === Infinity) return;
      for (let i = 0; i < count; i++) {
        const at = i * RECORD;
        yield {
          row: parts[0]!.readInt32LE(at),
          losses: parts.map((part) => part.readFloatLE(at + 4)), right: parts.map((part) => part.readFloatLE(at + 8)),
        };
      }
    }
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

/** How often a row was all right at one pass and not at the next. */
export function forgettingEvents(right: readonly number[]): number {
  return right.filter((share, i) => i > 0 && right[i - 1] === 1 && share < 1).length;
}
