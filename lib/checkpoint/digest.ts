// Length and SHA-256 of a file on disk.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { EngineError } from '../errors.js';
import type { Written } from './atomic.js';

/** ERR_CHECKPOINT when the file cannot be read. */
export async function fileDigest(file: string): Promise<Written> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    const problem = `cannot be read (${(error as NodeJS.ErrnoException).code})`;
    throw new EngineError(`${file}: ${problem}`, { code: 'ERR_CHECKPOINT', file, problem }, { cause: error });
  }
  return { bytes, sha256: hash.digest('hex') };
}
