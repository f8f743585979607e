// The keys file of a split: which part each key went to, so that a later split of more rows moves nothing: nine bytes
// an entry, eight of the key and one of the part, sorted by key.
import { readFile } from 'node:fs/promises';
import { dataError } from '../errors.js';
import { KeyIndex } from './key64.js';
import type { Key } from './key64.js';

const MAGIC = Buffer.from('whetstone split keys 1\n');
const ENTRY = 9;

/** The bytes of the file. A key that went to several parts (a unit torn by an earlier split) is left out. */
export function encodeKeys(keys: Iterable<readonly [Key, number]>): Buffer {
  const index = new KeyIndex();
  const torn = new Set<string>();
  for (const [key, part] of keys) {
    if (index.add(key, part) !== part) torn.add(`${key.high}/${key.low}`);
  }
  const sorted = new BigUint64Array(index.size);
  let entries = 0;
  for (const [key] of index.entries()) {
    if (torn.size === 0 || !torn.has(`${key.high}/${key.low}`)) sorted[entries++] = BigInt(key.high) * 2n ** 32n + BigInt(key.low);
  }
  const bytes = Buffer.alloc(MAGIC.length + entries * ENTRY);
  MAGIC.copy(bytes);
  for (const [i, key] of sorted.subarray(0, entries).sort().entries()) {
    const at = MAGIC.length + i * ENTRY;
    bytes.writeBigUInt64BE(key, at);
    bytes[at + 8] = index.get({ high: bytes.readUInt32BE(at), low: bytes.readUInt32BE(at + 4) });
  }
  return bytes;
}

/** Reads the file back; a damaged one is an error that names it. */
export async function readKeys(file: string): Promise<KeyIndex> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw dataError({ file }, error.code === 'ENOENT'
      ? 'expected the keys of an earlier split, came nothing: it does not exist. Name the folder that `whetstone data split` wrote'
      : `cannot be read: ${error.message}`, { cause: error });
  });
  const rest = bytes.length - MAGIC.length;
  if (rest < 0 || !bytes.subarray(0, MAGIC.length).equals(MAGIC) || rest % ENTRY !== 0) {
    throw dataError({ file }, `expected the keys of an earlier split, came a file of ${bytes.length} bytes that is none, or is cut. Split again without it`);
  }
  const index = new KeyIndex();
  for (let at = MAGIC.length; at < bytes.length; at += ENTRY) {
    const part = bytes[at + 8]!;
    if (part > 2) throw dataError({ file }, `expected parts 0 to 2, came ${part} at byte ${at + 8}: the file is damaged. Split again without it`);
    index.add({ high: bytes.readUInt32BE(at), low: bytes.readUInt32BE(at + 4) }, part);
  }
  return index;
}
