// Opens a sealed test set. Every opening is written to the ledger before a row is decrypted, so that a look cannot be
// taken back by ending the process. Only the final evaluation imports this file; a test holds the rest of lib/ to it.

import { createDecipheriv, randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { dataError } from '../errors.js';
import { appendEntry, nextEntry } from '../track/ledger.js';
import type { LedgerEntry } from '../track/ledger.js';
import { checkLedger, CIPHER, keyFileOf, ledgerFileOf, readKey, readSeal, sealBytes } from './sealed.js';
import type { SealHeader } from './sealed.js';

const TAG = 16;

export interface OpenOptions {
  /** @default file + ".key" */
  readonly key?: string;
  /** Who looks: goes into the ledger. */
  readonly what: Readonly<Record<string, unknown>>;
  /** Ledgers that adapters carry, to be held against the one beside the file. */
  readonly copies?: readonly string[];
}

export interface OpenedSeal {
  readonly header: SealHeader;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** 1 for the first. */
  readonly opening: number;
  /** What is wrong with the ledger. */
  readonly problems: readonly string[];
  /** Appends what came out of it, and returns the whole ledger. */
  record(result: Readonly<Record<string, unknown>>): Promise<readonly LedgerEntry[]>;
}

export async function openSealed(file: string, options: OpenOptions): Promise<OpenedSeal> {
  const header = await readSeal(file);
  const key = await readKey(options.key ?? keyFileOf(file));
  const bytes = await readFile(file);
  unseal(file, bytes, key); // a wrong key or a damaged file is no opening
  const before = await checkLedger(file, header, options.copies);
  const opening = before.openings + 1;
  const chain = before.entries.filter(({ seal }) => seal === header.id);
  let last = await append(file, chain.at(-1), header, 'opened', { opening, ...options.what, ...(before.problems.length > 0 ? { problems: before.problems } : {}) });
  const entries = [...chain, last];
  const rows = unseal(file, bytes, key);
  const known: SealHeader = { ...header, openings: opening, head: last.hash, problems: before.problems };
  await reseal(file, known, bytes, key);
  return {
    header: known, rows, opening, problems: before.problems,
    async record(result) {
      last = await append(file, last, header, 'result', { opening, ...result });
      await reseal(file, { ...known, head: last.hash }, await readFile(file), key);
      return [...entries, last];
    },
  };
}

async function append(file: string, before: LedgerEntry | undefined, { id }: SealHeader, type: 'opened' | 'result', what: Record<string, unknown>): Promise<LedgerEntry> {
  const entry = nextEntry(before, { seal: id, type, what });
  await appendEntry(ledgerFileOf(file), entry);
  return entry;
}

/** The decrypted, still compressed rows. */
function decrypted(file: string, bytes: Buffer, key: Buffer): Buffer {
  const end = bytes.indexOf(10) + 1;
  const { iv } = JSON.parse(bytes.subarray(0, end).toString()) as SealHeader;
  try {
    const decipher = createDecipheriv(CIPHER, key, Buffer.from(iv, 'hex')).setAAD(bytes.subarray(0, end)).setAuthTag(bytes.subarray(bytes.length - TAG));
    return Buffer.concat([decipher.update(bytes.subarray(end, bytes.length - TAG)), decipher.final()]);
  } catch (error) {
    throw dataError({ file }, 'cannot be opened: the key is another one, or the file (its header counts) was changed', { cause: error });
  }
}

function unseal(file: string, bytes: Buffer, key: Buffer): Record<string, unknown>[] {
  return gunzipSync(decrypted(file, bytes, key)).toString().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Writes the file again with a new header, under a new nonce. */
async function reseal(file: string, header: SealHeader, bytes: Buffer, key: Buffer): Promise<void> {
  const temporary = `${file}.tmp-${process.pid}`;
  await writeFile(temporary, sealBytes({ ...header, iv: randomBytes(12).toString('hex') }, decrypted(file, bytes, key), key));
  await rename(temporary, file);
}
