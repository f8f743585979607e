// A file of rows that is being written: beside its place until it is complete, with its hash, rows and bytes counted.
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { RawRow } from '../data/source.js';
import { dataError } from '../errors.js';

export interface WrittenPart {
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** A row as one line of JSON: as it stood in its file where JavaScript would change it. */
export function rowJson(raw: Pick<RawRow, 'value' | 'text'>): string {
  return raw.text ?? JSON.stringify(raw.value);
}

/** Where a file lies until it is complete. */
export function temporary(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.partial`);
}

/** One file of rows, with what was written so far. */
export class RowWriter {
  readonly file: string;
  readonly #hash: Hash = createHash('sha256');
  #handle: FileHandle | undefined;
  #buffer: string[] = [];
  #rows = 0;
  #bytes = 0;

  constructor(file: string) {
    this.file = file;
  }

  get written(): WrittenPart {
    return { file: path.basename(this.file), rows: this.#rows, bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') };
  }

  add(line: string): void {
    this.#buffer.push(line, '\n');
    this.#rows++;
  }

  /** Writes what was added. */
  async drain(): Promise<void> {
    const bytes = Buffer.from(this.#buffer.join(''));
    this.#buffer = [];
    try {
      this.#handle ??= await open(temporary(this.file), 'w');
      for (let done = 0; done < bytes.length;) done += (await this.#handle.write(bytes, done)).bytesWritten;
    } catch (error) {
      throw dataError({ file: this.file }, `cannot be written: ${(error as Error).message}. Free some space or name another folder`, { cause: error });
    }
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }

  async end(): Promise<void> {
    await this.drain();
    await this.#handle?.sync();
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** Gives the file its name, once it has ended. */
  async publish(): Promise<void> {
    await rename(temporary(this.file), this.file);
  }

  async abandon(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    await rm(temporary(this.file), { force: true });
  }
}
