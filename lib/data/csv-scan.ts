// Where the records of a CSV file begin and end, as bytes: a quote at the start of a cell hides everything up to the
// quote that closes it. Also counts lines. Searches with indexOf, so that long cells cost next to nothing.
import type { FilePosition } from './row.js';

export interface ScannedRecord {
  /** Without the line end. */
  readonly bytes: Buffer;
  /** Some cell is quoted. */
  readonly quoted: boolean;
  /** 1-based line where it starts. */
  readonly row: number;
  readonly after: FilePosition;
}

export interface ScanOptions {
  readonly delimiter: ',' | '\t';
  /** Most bytes of a record. */
  readonly longest: number;
  /** Told of what is no record; returns when reading shall go on. */
  readonly refuse: (row: number, problem: string, raw: Buffer) => void;
}

const LINE = 10,
  RETURN = 13,
  QUOTED = 34;

const NEVER_CLOSED =
  'expected a well-formed record, came a quote that is never closed. Close it, or double it inside a quoted value';
const STRAY =
  'expected a well-formed record, came a quote in the middle of a value. ' +
  'Inside a quoted value write each quote twice, and quote the whole value';

export class RecordScanner {
  readonly #options: ScanOptions;
  readonly #delimiter: number;
  #bytes: Buffer = Buffer.alloc(0);
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Offset in the file of the first byte held. */
  #base: number | undefined;
  /** Lines that are behind. */
  #row: number;
  #start = 0; // of the open record
  #at = 0; // searched up to here
  #inQuotes = false;
  #quoted = false;
  #stray = false;
  /** Inside a record that is too long: everything up to the next line end is dropped. */
  #dropping = false;

  constructor(from: FilePosition, options: ScanOptions) {
    this.#options = options;
    this.#row = from.row;
    this.#delimiter = options.delimiter.charCodeAt(0);
  }

  push(bytes: Buffer, offset: number): ScannedRecord[] {
    this.#base ??= offset;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    // A record over many chunks is joined each time that it has doubled, not for every chunk.
    if (this.#waitingBytes < this.#bytes.length - this.#start && !this.#dropping) return [];
    return this.#scan(false);
  }

  end(): ScannedRecord[] {
    return this.#scan(true);
  }

  #scan(last: boolean): ScannedRecord[] {
    this.#join();
    const records: ScannedRecord[] = [];
    for (;;) {
      if (this.#dropping && !this.#drop()) break;
      const end = this.#findEnd(last);
      if (end === undefined) {
        if (this.#bytes.length - this.#start > this.#options.longest) {
          this.#tooLong();
          continue;
        }
        if (!last || this.#start >= this.#bytes.length) break;
        // Only a quote that is open at the end of the file leads here.
        this.#neverClosed();
        continue;
      }
      const record = this.#take(end);
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  #join(): void {
    const rest = this.#bytes.subarray(this.#start);
    this.#base = (this.#base ?? 0) + this.#start;
    this.#at -= this.#start;
    this.#start = 0;
    this.#bytes = rest.length === 0 && this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat([rest, ...this.#waiting]);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** Where the open record ends (its line end, or the end of the file); undefined if that has not come yet. */
  #findEnd(last: boolean): number | undefined {
    const bytes = this.#bytes;
    let quote = -2; // not looked for yet
    for (;;) {
      if (this.#inQuotes) {
        const close = bytes.indexOf(QUOTED, this.#at);
        if (close === -1 || (close + 1 === bytes.length && !last)) {
          this.#at = close === -1 ? bytes.length : close;
          return undefined;
        }
        if (bytes[close + 1] === QUOTED) {
          this.#at = close + 2;
          continue;
        }
        this.#inQuotes = false;
        this.#at = close + 1;
        const next = bytes[this.#at];
        const closes = next === undefined || next === this.#delimiter || next === LINE || next === RETURN;
        if (!closes && this.#delimiter !== 9) this.#stray = true;
        quote = -2;
        continue;
      }
      const line = bytes.indexOf(LINE, this.#at);
      if (quote !== -1 && quote < this.#at) quote = bytes.indexOf(QUOTED, this.#at);
      if (quote === -1 || (line !== -1 && line < quote)) {
        if (line === -1 && !last) {
          this.#at = bytes.length;
          return undefined;
        }
        return line === -1 ? (this.#start < bytes.length ? bytes.length : undefined) : line;
      }
      this.#at = quote + 1;
      if (quote === this.#start || bytes[quote - 1] === this.#delimiter) {
        this.#inQuotes = true;
        this.#quoted = true;
      } else if (this.#delimiter !== 9) this.#stray = true;
    }
  }

  #take(end: number): ScannedRecord | undefined {
    const start = this.#start;
    const bytes = this.#bytes.subarray(start, this.#bytes[end - 1] === RETURN && end > start ? end - 1 : end);
    const row = this.#row + 1;
    const [quoted, stray] = [this.#quoted, this.#stray];
    this.#row += 1 + (quoted ? countLines(bytes) : 0);
    this.#begin(end + 1);
    if (bytes.length === 0) return undefined;
    if (bytes.length > this.#options.longest) return this.#refuse(row, this.#tooLongText(bytes.length), bytes);
    if (stray) return this.#refuse(row, STRAY, bytes);
    const offset = (this.#base as number) + Math.min(end + 1, this.#bytes.length);
    return { bytes, quoted, row, after: { offset, row: this.#row } };
  }

  #begin(at: number): void {
    this.#start = Math.min(at, this.#bytes.length);
    this.#at = this.#start;
    this.#inQuotes = false;
    this.#quoted = false;
    this.#stray = false;
  }

  #refuse(row: number, problem: string, raw: Buffer): undefined {
    this.#options.refuse(row, problem, raw);
    return undefined;
  }

  /** No quote comes after the one that opened: the lines behind the first one are read as if it were not there. */
  #neverClosed(): void {
    const line = this.#bytes.indexOf(LINE, this.#start);
    const end = line === -1 ? this.#bytes.length : line;
    this.#refuse(this.#row + 1, NEVER_CLOSED, this.#bytes.subarray(this.#start, end));
    this.#row++;
    this.#begin(end + 1);
  }

  #tooLong(): void {
    const raw = this.#bytes.subarray(this.#start);
    this.#refuse(this.#row + 1, this.#tooLongText(raw.length), raw);
    this.#dropping = true;
  }

  #tooLongText(size: number): string {
    const { longest } = this.#options;
    return (
      `expected one record of at most ${longest} bytes, came more than ${size}: a quote may be open. ` +
      'Close it, or raise data.maxRowBytes'
    );
  }

  /** Leaves out bytes up to the next line end; false if it has not come yet. */
  #drop(): boolean {
    const line = this.#bytes.indexOf(LINE, Math.max(this.#at, this.#start));
    const end = line === -1 ? this.#bytes.length : line;
    this.#row += countLines(this.#bytes.subarray(this.#start, end)) + (line === -1 ? 0 : 1);
    this.#begin(end + 1);
    this.#dropping = line === -1;
    return line !== -1;
  }
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE); at !== -1; at = bytes.indexOf(LINE, at + 1)) count++;
  return count;
}
