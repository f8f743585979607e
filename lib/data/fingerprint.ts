// The content hash of data files, for keys of caches and for run records.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { dataError } from '../errors.js';

/**
 * SHA-256 over the files' sizes and contents in order, as hex. Names and times are left out: a copied or touched file
 * is the same data. Reads every byte (about a gigabyte a second): a cache keyed by it can never be stale.
 */
export async function fingerprintFiles(files: readonly string[], signal?: AbortSignal): Promise<string> {
  const all = createHash('sha256');
  for (const file of files) {
    const one = createHash('sha256');
    let size = 0;
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
        signal?.throwIfAborted();
        one.update(chunk as Buffer);
        size += (chunk as Buffer).length;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw dataError({ file }, `cannot be read: ${(error as Error).message}`, { cause: error });
    }
    all.update(`${size}:${one.digest('hex')}\n`);
  }
  return all.digest('hex');
}
