// Python's cache layout: models--org--name/{blobs,refs,snapshots}, blobs named by etag, snapshots of relative links.
// A blob is complete the moment it has its name; who writes one holds a lock file that shows it is alive.

import { access, mkdir, open, readFile, readdir, rename, rm, stat, symlink, utimes } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCommit } from './names.js';

export type RepositoryKind = 'model' | 'dataset';

/** One repository's place in the cache. Names must have been checked before. */
export class CachedRepository {
  readonly folder: string;
  readonly #locks: string;

  constructor(cache: string, kind: RepositoryKind, name: string) {
    const own = `${kind}s--${name.replaceAll('/', '--')}`;
    this.folder = join(cache, own);
    this.#locks = join(cache, '.locks', own);
  }

  blob(name: string): string {
    return join(this.folder, 'blobs', name);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** The commit that a branch or tag meant when it was last asked for. */
  async readRef(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '');
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const file = join(this.folder, 'refs', revision);
    await mkdir(dirname(file), { recursive: true });
    const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
    const handle = await open(temporary, 'wx');
    await handle.writeFile(commit);
    await handle.sync();
    await handle.close();
    await rename(temporary, file);
  }

  /** Names of all files of a snapshot; empty where there is none. */
  async files(commit: string): Promise<readonly string[]> {
    const root = this.snapshot(commit);
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
    const names = entries.filter((entry) => !entry.isDirectory()).map((entry) => relative(root, join(entry.parentPath, entry.name)));
    const complete = await Promise.all(names.map((name) => exists(join(root, name)))); // a dangling link is no file
    return names.filter((_, i) => complete[i]).sort();
  }

  /** Makes a file of a snapshot point to its blob. */
  async link(commit: string, file: string, blobName: string): Promise<void> {
    const path = join(this.snapshot(commit), file);
    const folder = dirname(path);
    await mkdir(folder, { recursive: true });
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    await symlink(relative(folder, this.blob(blobName)), temporary);
    await rename(temporary, path);
  }

  /**
   * Runs `work` while no other process of ours does for the same blob. A lock whose owner has not touched it for a
   * while belongs to a dead one and is taken over.
   */
  async locked<T>(blobName: string, work: () => Promise<T>, signal?: AbortSignal, staleMs = 30_000): Promise<T> {
    const lock = join(this.#locks, `${blobName}.whetstone.lock`);
    await mkdir(this.#locks, { recursive: true });
    while (!(await take(lock, staleMs))) {
      signal?.throwIfAborted();
      await sleep(100);
    }
    const beat = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), staleMs / 6);
    beat.unref();
    try {
      return await work();
    } finally {
      clearInterval(beat);
      await rm(lock, { force: true });
    }
  }
}

async function take(lock: string, staleMs: number): Promise<boolean> {
  try {
    await (await open(lock, 'wx')).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const info = await stat(lock).catch(() => undefined);
  if (info !== undefined && Date.now() - info.mtimeMs > staleMs) {
    // Only one of several that find it stale may win: whoever renames it away.
    await rename(lock, `${lock}.${randomBytes(6).toString('hex')}`).then(() => undefined, () => undefined);
    for (const name of await readdir(dirname(lock))) {
      if (name.startsWith(`${lock.slice(dirname(lock).length + 1)}.`)) await rm(join(dirname(lock), name), { force: true });
    }
  }
  return false;
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}
