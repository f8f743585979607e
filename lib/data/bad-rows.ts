// Rows that cannot be used: refused with an error, or handed to whoever keeps them aside, so that one broken line
// never ends a run.
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { isEngineError } from '../errors.js';

export interface BadRow {
  readonly file: string;
  /** 1-based line or element; where a whole rest of a file is meant, its first. Absent: the file as such. */
  readonly row?: number;
  readonly field?: string;
  /** What was expected, what came, what to do. */
  readonly reason: string;
  /** The row as it stands in the file, or its beginning. */
  readonly raw?: Buffer;
  /** `raw` is only the beginning. */
  readonly cut?: boolean;
}

export interface BadRowOptions {
  /** Receives rows that cannot be used, and reading goes on behind them. Absent: the first one is an error. */
  readonly onBad?: (bad: BadRow) => void;
}

/** Most of a bad row that is kept. */
export const KEPT_BYTES = 64 * 1024;

/** Throws, or hands the row over where somebody wants it. Only ERR_DATA is about a row; everything else is thrown. */
export function refuse(error: unknown, options: BadRowOptions, raw?: Buffer | string): void {
  if (options.onBad === undefined || !isEngineError(error, 'ERR_DATA') || error.details.file === undefined) throw error;
  const { file, row, field } = error.details;
  const bytes = typeof raw === 'string' ? Buffer.from(raw.slice(0, KEPT_BYTES)) : raw;
  options.onBad({
    file,
    ...(row === undefined ? {} : { row }),
    ...(field === undefined ? {} : { field }),
    reason: error.message,
    ...(bytes === undefined
      ? {}
      : { raw: Buffer.from(bytes.subarray(0, KEPT_BYTES)), cut: (raw as Buffer | string).length > KEPT_BYTES }),
  });
}

/** How many rows were bad, and the first of them, for a summary. */
export interface BadRowSummary {
  readonly count: number;
  readonly first: readonly BadRow[];
  /** Where they are kept; absent when nobody asked for that, or there are none. */
  readonly keptIn?: string;
  /** Why they could not be kept. */
  readonly problem?: string;
}

const SHOWN = 5;

/** Counts bad rows, each once however often it is read, and keeps them in a JSON Lines file, which is made when the first one comes. */
export class BadRowKeeper {
  readonly #file: string | undefined;
  readonly #first: BadRow[] = [];
  readonly #known = new Set<string>();
  #handle: Promise<FileHandle> | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #failure: unknown;

  /** `file`: where they go; absent: they are only counted. */
  constructor(file?: string) {
    this.#file = file;
  }

  readonly add = (bad: BadRow): void => {
    const key = `${bad.file}\0${bad.row ?? bad.reason}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    if (this.#first.length < SHOWN) this.#first.push(bad);
    if (this.#file === undefined || this.#failure !== undefined) return;
    const file = this.#file;
    this.#handle ??= mkdir(path.dirname(file), { recursive: true }).then(() => open(file, 'w'));
    const line = `${JSON.stringify(keptForm(bad))}\n`;
    this.#writing = this.#writing
      .then(async () => (await (this.#handle as Promise<FileHandle>)).write(line))
      .catch((error: unknown) => {
        this.#failure = error;
      });
  };

  get count(): number {
    return this.#known.size;
  }

  /** Waits until everything is on the disk. Removes an older file when nothing was bad this time. */
  async close(): Promise<BadRowSummary> {
    await this.#writing;
    if (this.#handle !== undefined) await (await this.#handle.catch(() => undefined))?.close();
    else if (this.#file !== undefined) await rm(this.#file, { force: true }).catch(() => undefined);
    const failed = this.#failure !== undefined;
    return {
      count: this.count,
      first: this.#first,
      ...(this.#file === undefined || this.count === 0 || failed ? {} : { keptIn: this.#file }),
      ...(failed ? { problem: (this.#failure as Error).message } : {}),
    };
  }
}

/** One line of the file: text where the bytes are text, base64 where not. */
function keptForm({ file, row, field, reason, raw, cut }: BadRow): object {
  const text = raw?.toString('utf8');
  const faithful = raw !== undefined && text !== undefined && Buffer.from(text).equals(raw);
  return {
    file,
    ...(row === undefined ? {} : { row }),
    ...(field === undefined ? {} : { field }),
    reason,
    ...(raw === undefined ? {} : faithful ? { text } : { base64: raw.toString('base64') }),
    ...(cut === true ? { cut } : {}),
  };
}

