// The ledger of a sealed test set: one JSON object a line, each with the hash of the one before. Lines are only ever
// appended; a line that was changed, removed or put in between breaks the chain, and the sealed file knows the last
// hash. Adapters and merged models carry a copy.

import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';

/** Name of the copy in the folder of an adapter or a merged model. */
export const LEDGER_COPY = 'test-ledger.jsonl';

export interface LedgerEntry {
  /** Which sealed file. */
  readonly seal: string;
  /** Counts from 0. */
  readonly n: number;
  readonly type: 'sealed' | 'opened' | 'result';
  readonly time: string;
  /** What happened: JSON. */
  readonly what: Readonly<Record<string, unknown>>;
  /** Hash of the entry before; empty for the first. */
  readonly previous: string;
  readonly hash: string;
}

function hashOf({ seal, n, type, time, what, previous }: Omit<LedgerEntry, 'hash'>): string {
  return createHash('sha256').update(JSON.stringify([seal, n, type, time, what, previous])).digest('hex');
}

/** The entry that follows. */
export function nextEntry(
  before: LedgerEntry | undefined, entry: Pick<LedgerEntry, 'seal' | 'type' | 'what'>, time = new Date(),
): LedgerEntry {
  const body = { seal: entry.seal, n: (before?.n ?? -1) + 1, type: entry.type, time: time.toISOString(), what: entry.what, previous: before?.hash ?? '' };
  return { ...body, hash: hashOf(body) };
}

export interface Ledger {
  readonly entries: readonly LedgerEntry[];
  /** What is wrong with it, a sentence each. */
  readonly problems: readonly string[];
}

/** Reads a ledger and follows its chains (one for each sealed file). A file that is not there has no entries. */
export async function readLedger(file: string): Promise<Ledger> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const entries: LedgerEntry[] = [];
  const problems: string[] = [];
  const last = new Map<string, LedgerEntry>();
  for (const [i, line] of text.split('\n').entries()) {
    if (line === '') continue;
    let entry: LedgerEntry;
    try {
      entry = JSON.parse(line) as LedgerEntry;
    } catch {
      problems.push(`${file}, line ${i + 1}: is no JSON: the ledger was cut or changed`);
      continue;
    }
    const before = last.get(entry.seal);
    if (entry.hash !== hashOf(entry)) problems.push(`${file}, line ${i + 1}: its content does not give its hash: the entry was changed`);
    else if (entry.previous !== (before?.hash ?? '') || entry.n !== (before?.n ?? -1) + 1) {
      problems.push(`${file}, line ${i + 1}: does not follow the entry before it: entries were removed, added or moved`);
    }
    last.set(entry.seal, entry);
    entries.push(entry);
  }
  return { entries, problems };
}

/** Appends and syncs. */
export async function appendEntry(file: string, entry: LedgerEntry): Promise<void> {
  const handle = await open(file, 'a');
  try {
    await handle.write(`${JSON.stringify(entry)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Text of a ledger file with these entries. */
export function ledgerText(entries: readonly LedgerEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

/** One ledger out of several: for each sealed file the longest chain. */
export function mergeLedgers(ledgers: readonly (readonly LedgerEntry[])[]): LedgerEntry[] {
  const longest = new Map<string, readonly LedgerEntry[]>();
  for (const entries of ledgers) {
    for (const seal of new Set(entries.map((entry) => entry.seal))) {
      const chain = entries.filter((entry) => entry.seal === seal);
      if (chain.length > (longest.get(seal)?.length ?? 0)) longest.set(seal, chain);
    }
  }
  return [...longest.values()].flat();
}

/** How often a sealed file has been opened, by its ledger. */
export function openings(entries: readonly LedgerEntry[], seal: string): number {
  return entries.filter((entry) => entry.seal === seal && entry.type === 'opened').length;
}

/**
 * Holds a ledger against a copy of it: the shorter must be the beginning of the longer. A copy that is longer means
 * that the ledger was replaced by an earlier one.
 */
export function compareLedgers(ledger: readonly LedgerEntry[], copy: readonly LedgerEntry[], seal: string, name: string): string[] {
  const [one, other] = [ledger, copy].map((entries) => entries.filter((entry) => entry.seal === seal)) as [LedgerEntry[], LedgerEntry[]];
  const differs = other.findIndex((entry, i) => i < one.length && entry.hash !== one[i]!.hash);
  if (differs >= 0) return [`${name} tells another story from entry ${differs} on: one of the two was changed`];
  if (other.length > one.length) {
    return [`${name} has ${openings(other, seal)} openings, the ledger beside the sealed file ${openings(one, seal)}: an earlier ledger was put back`];
  }
  return [];
}
