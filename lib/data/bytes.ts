// Bytes of a data file in chunks, from any offset: plain, .gz or .zst, without a byte order mark.
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';
import { dataError } from '../errors.js';
import type { BadRowOptions } from './bad-rows.js';
import { createUnzstd } from './zstd.js';

const CHUNK_BYTES = 256 * 1024;

export interface Chunk {
  readonly bytes: Buffer;
  /** Offset of the first byte in the (uncompressed) file. */
  readonly offset: number;
}

export interface ReadOptions extends BadRowOptions {
  readonly signal?: AbortSignal;
  /** Longest row in bytes; a longer one is refused without ever being held. Default 32 MB. */
  readonly maxRowBytes?: number;
}

export const LONGEST_ROW = 32 * 1024 * 1024;

/** A file that grows this much when it is unpacked, beyond the first of these bytes, is a trap and no data set. */
const MOST_GROWTH = 400;
const GROWTH_COUNTS_FROM = 64 * 1024 * 1024;

const COMPRESSED = /\.(gz|zst)$/i;

/** The file is compressed as a whole: no place in it can be reached but by reading up to there. */
export const isCompressed = (file: string): boolean => COMPRESSED.test(file);

/** Chunks from `from` (a byte offset of the uncompressed content) to the end. Never holds more than a few chunks. */
export async function* readChunks(file: string, from = 0, options: ReadOptions = {}): AsyncGenerator<Chunk> {
  const kind = COMPRESSED.exec(file)?.[1]?.toLowerCase();
  const disk = createReadStream(file, { highWaterMark: CHUNK_BYTES, ...(kind === undefined ? { start: from } : {}) });
  const unpack = kind === 'gz' ? createGunzip({ chunkSize: CHUNK_BYTES }) : kind === 'zst' ? createUnzstd() : undefined;
  const stream = unpack === undefined ? disk : pipeline(disk, unpack, () => undefined);
  const packed = unpack === undefined ? Infinity : (await stat(file).catch(() => ({ size: Infinity }))).size;
  let offset = unpack === undefined ? from : 0;
  try {
    for await (const raw of stream) {
      options.signal?.throwIfAborted();
      let bytes = raw as Buffer;
      if (offset > GROWTH_COUNTS_FROM && offset > packed * MOST_GROWTH) throw tooMuch(file, packed);
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
    unpack?.destroy();
  }
}

function tooMuch(file: string, packed: number): Error {
  return dataError(
    { file },
    `expected a compressed data file, came one that grows to more than ${MOST_GROWTH} times its ${packed} bytes: it ` +
      'would fill the machine. If it is right all the same, unpack it yourself and name the unpacked file',
  );
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
  if (typeof code === 'string' && (code.startsWith('Z_') || code.startsWith('ZSTD'))) {
    const kind = code.startsWith('ZSTD') ? 'zstd' : 'gzip';
    return dataError({ file }, `expected a complete ${kind} file, came ${message}. Download or compress it again`, {
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
