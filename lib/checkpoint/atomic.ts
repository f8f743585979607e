// Files and folders that are either the old ones or the new ones, whenever the machine stops: everything is written
// beside its place, synced, and renamed. What a killed process left behind is removed at the next start.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError } from '../errors.js';

export type Chunks = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** The one operation that a full disk fails; tests put another in its place. */
export interface AtomicIo {
  write(handle: FileHandle, bytes: Uint8Array): Promise<void>;
}

const DISK: AtomicIo = {
  async write(handle, bytes) {
    for (let done = 0; done < bytes.length; ) done += (await handle.write(bytes, done)).bytesWritten;
  },
};

export interface Written {
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes and syncs a new file in place: only for files inside a folder that is itself renamed later. */
export async function writeSynced(file: string, content: Chunks, io: AtomicIo = DISK): Promise<Written> {
  const hash = createHash('sha256');
  let bytes = 0;
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'wx');
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      await io.write(handle, chunk);
      hash.update(chunk);
      bytes += chunk.length;
    }
    await handle.sync();
  } catch (error) {
    throw diskError(file, error);
  } finally {
    await handle?.close().catch(() => undefined);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Replaces one file. Until the returned promise resolves, a reader sees the old content or the new, nothing else. */
export async function writeFileAtomic(file: string, content: Chunks, io?: AtomicIo): Promise<Written> {
  const temporary = sibling(file, 'tmp');
  try {
    const written = await writeSynced(temporary, content, io);
    await rename(temporary, file).catch((error: unknown) => {
      throw diskError(file, error);
    });
    await syncPath(dirname(file));
    return written;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    busy.delete(basename(temporary));
  }
}

/**
 * Replaces a whole folder by what `fill` writes into the temporary one that it is given; `fill` syncs its files
 * ({@link writeSynced}). If it throws, the old folder is as it was.
 */
export async function writeFolderAtomic(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = sibling(folder, 'tmp');
  const old = sibling(folder, 'old');
  try {
    await mkdir(dirname(folder), { recursive: true });
    await removeLeftovers(dirname(folder), basename(folder));
    await mkdir(temporary);
    await fill(temporary);
    await syncPath(temporary);
    const replaces = (await stat(folder).catch(() => undefined)) !== undefined;
    if (replaces) await rename(folder, old);
    try {
      await rename(temporary, folder);
    } catch (error) {
      if (replaces) await rename(old, folder);
      throw error;
    }
    await syncPath(dirname(folder));
    if (replaces) await rm(old, { recursive: true, force: true });
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw diskError(folder, error);
  } finally {
    busy.delete(basename(temporary));
    busy.delete(basename(old));
  }
}

/** Deletes a folder so that it is never seen half deleted under its own name. */
export async function removeFolderAtomic(folder: string): Promise<void> {
  const temporary = sibling(folder, 'tmp');
  try {
    await rename(folder, temporary);
    await rm(temporary, { recursive: true, force: true });
  } finally {
    busy.delete(basename(temporary));
  }
}

/** Makes what was written to a file, or a folder's list of names, survive a power cut. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const LEFTOVER = /^\.(.+)\.(tmp|old)-([0-9]+)-[0-9a-f]{12}$/;
const DAY = 24 * 3600 * 1000;
const busy = new Set<string>();

function sibling(path: string, kind: 'tmp' | 'old'): string {
  const name = `.${basename(path)}.${kind}-${process.pid}-${randomBytes(6).toString('hex')}`;
  busy.add(name);
  return join(dirname(path), name);
}

/**
 * Clears a folder of what killed processes left in it, and puts back what they had moved aside. Files of processes
 * that still run are left alone, unless they are a day old (their number may be another's by now). With `only`,
 * leftovers of that one name.
 */
export async function removeLeftovers(folder: string, only?: string): Promise<readonly string[]> {
  const names: string[] = await readdir(folder).catch(() => []);
  const removed: string[] = [];
  for (const name of names) {
    const [, original, kind, pid] = LEFTOVER.exec(name) ?? [];
    if (original === undefined || (only !== undefined && original !== only) || busy.has(name)) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    const running = Number(pid) !== process.pid && isRunning(Number(pid));
    if (info === undefined || (running && Date.now() - info.mtimeMs < DAY)) continue;
    if (kind === 'old' && !names.includes(original)) await rename(path, join(folder, original));
    else await rm(path, { recursive: true, force: true });
    removed.push(name);
  }
  if (removed.length > 0) await syncPath(folder);
  return removed;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What the disk refuses, in our words; anything else (an abort, an error of the content's source) as it came. */
function diskError(file: string, error: unknown): unknown {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  if (error instanceof EngineError || typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  const problem = code === 'ENOSPC' || code === 'EDQUOT'
    ? 'no space left on the disk'
    : `cannot be written (${code})`;
  const advice = code === 'ENOSPC' || code === 'EDQUOT' ? 'Free some space and save again' : 'Check the path and its permissions';
  return new EngineError(`${file}: ${problem}; what was there before is untouched. ${advice}.`,
    { code: 'ERR_CHECKPOINT', file, problem }, { cause: error });
}
