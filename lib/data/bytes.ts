// Bytes of a data file in chunks, from any offset: plain or .gz, without a byte order mark, checked to be UTF-8.
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';
import { dataError } from '../errors.js';

const CHUNK_BYTES = 256 * 1024;

export interface Chunk {
  readonly bytes: Buffer;
  /** Offset of the first byte in the (uncompressed) file. */
  readonly offset: number;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

/** Chunks from `from` (a byte offset of the uncompressed content) to the end. Never holds more than a few chunks. */
export async function* readChunks(file: string, from = 0, options: ReadOptions = {}): AsyncGenerator<Chunk> {
  const gz = file.toLowerCase().endsWith('.gz');
  const disk = createReadStream(file, { highWaterMark: CHUNK_BYTES, ...(gz ? {} : { start: from }) });
  const stream = gz ? pipeline(disk, createGunzip({ chunkSize: CHUNK_BYTES }), () => undefined) : disk;
  let offset = gz ? 0 : from;
  try {
    for await (const raw of stream) {
      options.signal?.throwIfAborted();
      let bytes = raw as Buffer;
      if (offset < from) {
        const skip = Math.min(bytes.length, from - offset);
        offset += skip;
        bytes = bytes.subarray(skip);
      }
      if (bytes.length === 0) continue;
      if (offset === 0) {
        const mark = markLength(file, bytes);
        bytes = bytes.subarray(mark);
        offset = mark;
      }
      if (bytes.length > 0) yield { bytes, offset };
      offset += bytes.length;
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    throw readError(file, error);
  } finally {
    disk.destroy();
  }
}

/** Length of a UTF-8 byte order mark; refuses UTF-16, which would otherwise look like broken text in every row. */
function markLength(file: string, bytes: Buffer): number {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 3;
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw dataError(
      { file },
      'expected UTF-8, came UTF-16 (by its byte order mark). ' +
        `Convert it, for example: iconv -f UTF-16 -t UTF-8 ${file}`,
    );
  }
  return 0;
}

function readError(file: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_DATA') return error as Error;
  if (code === 'ENOENT')
    return dataError({ file }, 'expected a data file, came nothing: it does not exist. Check the path', {
      cause: error,
    });
  if (code === 'EACCES')
    return dataError({ file }, 'the file may not be read. Check its permissions', { cause: error });
  if (typeof code === 'string' && code.startsWith('Z_')) {
    return dataError({ file }, `expected a complete gzip file, came ${message}. Download or compress it again`, {
      cause: error,
    });
  }
  return error instanceof Error && code === undefined
    ? error
    : dataError({ file }, `cannot be read: ${message}`, { cause: error });
}

/** Text of whole bytes; anything that is not UTF-8 is an error naming the row. */
export function decodeUtf8(bytes: Buffer, file: string, row: number): string {
  if (!isUtf8(bytes)) {
    throw dataError({ file, row }, 'expected UTF-8 text, came bytes that are not. Save the file as UTF-8');
  }
  return bytes.toString('utf8');
}

/** Checks a stream of chunks for UTF-8 without decoding it; a sequence may lie across two chunks. */
export class Utf8Guard {
  readonly #file: string;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: string) {
    this.#file = file;
  }

  push(bytes: Buffer, offset: number): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = all.length - openTail(all);
    if (!isUtf8(all.subarray(0, whole))) this.#fail(offset);
    this.#rest = Buffer.from(all.subarray(whole));
  }

  end(offset: number): void {
    if (this.#rest.length > 0) this.#fail(offset);
  }

  #fail(offset: number): never {
    throw dataError(
      { file: this.#file },
      `expected UTF-8 text, came bytes that are not, near byte ${offset}. Save the file as UTF-8`,
    );
  }
}

/** How many bytes at the end belong to a character that is not complete yet. */
function openTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}
