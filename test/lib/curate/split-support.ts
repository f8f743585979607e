// Keys of a split through their file and back.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Key, KeyIndex } from '../../../lib/curate/key64.js';
import { encodeKeys, readKeys } from '../../../lib/curate/split-keys.js';

/** Writes the keys and reads them again. */
export async function throughFile(keys: Iterable<readonly [Key, number]>): Promise<KeyIndex> {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-keys-'));
  try {
    writeFileSync(join(folder, 'keys'), encodeKeys(keys));
    return await readKeys(join(folder, 'keys'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
