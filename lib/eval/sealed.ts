// The sealed test set, seen from outside: rows are encrypted when they come in (AES-256-GCM, a key in a file of its own),
// and only a public header can be read: how many rows, how often opened, and salted fingerprints by which other data
// can be checked for the same rows. What opens it lies in sealed-open.ts, which nothing that trains may import.

import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { openSource } from '../data/source.js';
import type { Source } from '../data/source.js';
import type { TextOptions } from '../data/row.js';
import { dataError } from '../errors.js';
import { appendEntry, compareLedgers, nextEntry, openings, readLedger } from '../track/ledger.js';
import type { LedgerEntry } from '../track/ledger.js';

export const SEALED = /\.sealed$/;
export const CIPHER = 'aes-256-gcm';
const VERSION = 1;
const FINGERPRINT = 8;

/** The first line of a sealed file. Authenticated: a change makes the rows unreadable. */
export interface SealHeader {
  readonly whetstone: 'sealed';
  readonly version: number;
  readonly id: string;
  readonly created: string;
  readonly rows: number;
  /** SHA-256 of the rows as they were. */
  readonly digest: string;
  /** How often it was opened, and the hash of the last entry of its ledger. */
  readonly openings: number;
  readonly head: string;
  /** What was found wrong with the ledger at an earlier opening. */
  readonly problems: readonly string[];
  readonly salt: string;
  /** 8 bytes a row. */
  readonly fingerprints: string;
  /** Fingerprints of what the rows ask, run of words by run; '' where nobody made them. */
  readonly runs: string;
  readonly iv: string;
}

export const keyFileOf = (file: string): string => `${file}.key`;
export const ledgerFileOf = (file: string): string => `${file}.ledger.jsonl`;

/** Encrypts rows (already compressed) under a header. */
export function sealBytes(header: SealHeader, rows: Uint8Array, key: Uint8Array): Buffer {
  const line = Buffer.from(`${JSON.stringify(header)}\n`);
  const cipher = createCipheriv(CIPHER, key, Buffer.from(header.iv, 'hex')).setAAD(line);
  return Buffer.concat([line, cipher.update(rows), cipher.final(), cipher.getAuthTag()]);
}

export interface SealOptions extends TextOptions {
  /** The sealed file; its name must end with .sealed. */
  readonly output: string;
  /** Where the key goes. @default output + ".key" */
  readonly key?: string;
  /** Makes fingerprints of what rows ask, by which training rows with their text are found (`printRuns` of lib/curate). */
  readonly printRuns?: (source: Source, salt: string) => Promise<string>;
}

export interface Sealed {
  readonly file: string;
  readonly key: string;
  readonly ledger: string;
  readonly header: SealHeader;
}

/** Reads rows, writes them encrypted with a new key, and begins the ledger. */
export async function sealRows(names: string | readonly string[], options: SealOptions): Promise<Sealed> {
  const { output: file } = options;
  const key = options.key ?? keyFileOf(file);
  const ledger = ledgerFileOf(file);
  if (!SEALED.test(file)) throw dataError({ file }, 'the name of a sealed file must end with .sealed');
  for (const there of [file, key, ledger]) {
    if (existsSync(there)) throw dataError({ file: there }, 'is there already, and a sealed test set is never replaced. Choose another name');
  }
  const source = await openSource(names, options.textSplit === undefined ? {} : { textSplit: options.textSplit });
  const salt = randomBytes(16).toString('hex');
  const lines: string[] = [];
  const prints: Buffer[] = [];
  for await (const rows of source.batches()) {
    for (const { value } of rows) {
      lines.push(JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? Number(inner) : inner)));
      prints.push(fingerprint(value, salt));
    }
  }
  if (lines.length === 0) throw dataError({ file: source.files[0] ?? String(names) }, 'expected at least one row to seal, came none');
  const text = Buffer.from(`${lines.join('\n')}\n`);
  const id = randomBytes(8).toString('hex');
  const digest = createHash('sha256').update(text).digest('hex');
  const first = nextEntry(undefined, { seal: id, type: 'sealed', what: { rows: lines.length, digest } });
  const header: SealHeader = {
    whetstone: 'sealed', version: VERSION, id, created: first.time, rows: lines.length, digest, openings: 0, head: first.hash, problems: [],
    salt, fingerprints: Buffer.concat(prints).toString('base64'), runs: await options.printRuns?.(source, salt) ?? '', iv: randomBytes(12).toString('hex'),
  };
  const secret = randomBytes(32);
  await writeFile(key, `${secret.toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
  await appendEntry(ledger, first);
  await writeFile(file, sealBytes(header, gzipSync(text), secret), { flag: 'wx' });
  return { file, key, ledger, header };
}

/** The public header of a sealed file. ERR_DATA when it is none. */
export async function readSeal(file: string): Promise<SealHeader> {
  const header = await firstLine(file);
  if (header?.whetstone !== 'sealed') throw dataError({ file }, 'is no sealed test set. Make one with: whetstone data seal ROWS --output NAME.sealed');
  if (header.version !== VERSION) throw dataError({ file }, `is of version ${header.version}, this program reads version ${VERSION}`);
  return header;
}

async function firstLine(file: string): Promise<SealHeader | undefined> {
  const handle = await open(file).catch((error: Error) => {
    throw dataError({ file }, `cannot be read (${error.message})`);
  });
  try {
    let text = Buffer.alloc(0);
    for (;;) {
      const bytes = Buffer.alloc(1 << 16);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, text.length);
      text = Buffer.concat([text, bytes.subarray(0, bytesRead)]);
      const end = text.indexOf(10);
      if (end >= 0) return JSON.parse(text.subarray(0, end).toString()) as SealHeader;
      if (bytesRead === 0 || text[0] !== 0x7b) return undefined;
    }
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

export interface LedgerState {
  readonly entries: readonly LedgerEntry[];
  readonly openings: number;
  /** What is wrong: changed or removed entries, a ledger that was put back, copies that differ. */
  readonly problems: readonly string[];
}

/** Reads the ledger of a sealed file and holds it against the file and against copies elsewhere. */
export async function checkLedger(file: string, header: SealHeader, copies: readonly string[] = []): Promise<LedgerState> {
  const name = ledgerFileOf(file);
  const { entries, problems } = await readLedger(name);
  const found = [...header.problems, ...problems];
  const seen = openings(entries, header.id);
  // More entries than the header knows are an opening that was interrupted; fewer are a ledger that was cut.
  if (!entries.some((entry) => entry.hash === header.head)) {
    found.push(`${name}: the last entry that the sealed file knows (${header.openings} openings) is not in it: the ledger was removed, cut or replaced`);
  }
  for (const copy of copies) {
    const other = await readLedger(copy);
    found.push(...other.problems, ...compareLedgers(entries, other.entries, header.id, copy));
  }
  return { entries, openings: Math.max(seen, header.openings), problems: [...new Set(found)] };
}

function fingerprint(value: unknown, salt: string): Buffer {
  return createHmac('sha256', salt).update(wordsOf(value)).digest().subarray(0, FINGERPRINT);
}

/** All texts of a row, whatever the order of its fields, in small letters with single spaces. */
function wordsOf(value: unknown): string {
  if (typeof value === 'string') return value.toLowerCase().replace(/\s+/g, ' ').trim();
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, inner]) => wordsOf(inner)).filter((text) => text !== '').join('\u0000');
}

/** How many rows of the sealed set are also in other data, by fingerprints alone. */
export async function sharedRows(header: SealHeader, names: string | readonly string[], text: TextOptions = {}): Promise<number> {
  const prints = Buffer.from(header.fingerprints, 'base64');
  const wanted = new Map<string, number>();
  for (let at = 0; at < prints.length; at += FINGERPRINT) {
    const print = prints.toString('hex', at, at + FINGERPRINT);
    wanted.set(print, (wanted.get(print) ?? 0) + 1);
  }
  let shared = 0;
  const source = await openSource(names, { ...text, onBad: () => undefined }); // told by whoever reads these rows to learn them
  for await (const rows of source.batches()) {
    for (const { value } of rows) {
      const print = fingerprint(value, header.salt).toString('hex');
      shared += wanted.get(print) ?? 0;
      wanted.delete(print);
    }
  }
  return shared;
}

/** The digest that sealing these rows would give: to see whether a sealed file holds them. */
export async function digestOf(names: string | readonly string[], text: TextOptions = {}): Promise<string> {
  const hash = createHash('sha256');
  const source = await openSource(names, text);
  for await (const rows of source.batches()) for (const { value } of rows) hash.update(`${JSON.stringify(value)}\n`);
  return hash.digest('hex');
}

export async function readKey(file: string): Promise<Buffer> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw dataError({ file }, `the key of the sealed test set cannot be read (${error.message}). Give it with --key`);
  });
  if (!/^[0-9a-f]{64}\s*$/.test(text)) throw dataError({ file }, 'expected a key: one line of 64 hexadecimal digits');
  return Buffer.from(text.trim(), 'hex');
}
