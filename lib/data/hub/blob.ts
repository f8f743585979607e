// One file of the hub into the cache: its hash and size from the server, its bytes with Range from where an earlier
// try broke off, its checksum, and only then its name.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError } from '../../errors.js';
import { exists, type CachedRepository } from './cache.js';
import { Passing, checkStatus, request, withRetries, type HttpOptions } from './http.js';
import { blobName, isCommit } from './names.js';

export interface RemoteFile {
  /** Name of the blob: SHA-256 of large files, git's object id of others. */
  readonly blob: string;
  readonly bytes?: number;
  /** Commit that the server says the file is from. */
  readonly commit?: string;
}

/** Asks for a file's hash and size. */
export async function describeRemote(url: string, what: string, options: HttpOptions): Promise<RemoteFile> {
  return withRetries(what, url, options, async () => {
    const answer = await request('HEAD', url, options, {}, true);
    await checkStatus(answer, what, options);
    const { headers } = answer.response;
    const etag = headers.get('x-linked-etag') ?? headers.get('etag');
    if (etag === null) {
      throw new EngineError(`${what}: the server sent no etag, so the file cannot be checked or cached (${url}). Check HF_ENDPOINT.`,
        { code: 'ERR_HUB', url });
    }
    const size = headers.get('x-linked-size') ?? (answer.response.status < 300 ? headers.get('content-length') : null);
    const commit = headers.get('x-repo-commit') ?? '';
    return {
      blob: blobName(etag, url),
      ...(size !== null && /^[0-9]{1,15}$/.test(size) ? { bytes: Number(size) } : {}),
      ...(isCommit(commit) ? { commit } : {}),
    };
  });
}

/** Brings a blob into the cache, once even if asked for several times at once. Progress is the bytes on disk. */
export async function fetchBlob(
  repository: CachedRepository, url: string, what: string, remote: RemoteFile, options: HttpOptions, onBytes: (bytes: number) => void,
): Promise<void> {
  const path = repository.blob(remote.blob);
  if (await exists(path)) return onBytes((await stat(path)).size);
  await mkdir(dirname(path), { recursive: true });
  await repository.locked(remote.blob, async () => {
    if (await exists(path)) return onBytes((await stat(path)).size);
    const partial = `${path}.incomplete`;
    for (let attempt = 0; ; attempt += 1) {
      await download(url, what, partial, remote, options, onBytes);
      const problem = await checksumProblem(partial, remote);
      if (problem === undefined) break;
      await rm(partial, { force: true });
      if (attempt === 1) {
        throw new EngineError(`${what}: ${problem}, twice. The server or something on the way changes the file (${url}); nothing was kept.`,
          { code: 'ERR_HUB', url });
      }
    }
    await rename(partial, path);
  }, options.signal);
}

async function download(
  url: string, what: string, partial: string, remote: RemoteFile, options: HttpOptions, onBytes: (bytes: number) => void,
): Promise<void> {
  await withRetries(what, url, options, async (progress) => {
    let have = (await stat(partial).catch(() => undefined))?.size ?? 0;
    if (remote.bytes !== undefined && have > remote.bytes) have = 0;
    onBytes(have);
    if (have > 0 && have === remote.bytes) return;
    const stall = new AbortController();
    const stallMs = options.stallMs ?? 60_000;
    let timer = setTimeout(() => stall.abort(), stallMs);
    const signal = options.signal === undefined ? stall.signal : AbortSignal.any([options.signal, stall.signal]);
    try {
      const answer = await request('GET', url, { ...options, signal }, have > 0 ? { range: `bytes=${have}-` } : {});
      if (answer.response.status === 416) {
        await answer.response.body?.cancel();
        await rm(partial, { force: true });
        throw new Passing('the server would not go on with a part that was there');
      }
      await checkStatus(answer, what, options);
      const continues = answer.response.status === 206 &&
        new RegExp(`^bytes ${have}-`).test(answer.response.headers.get('content-range') ?? '');
      if (answer.response.status === 206 && !continues) {
        await answer.response.body?.cancel();
        await rm(partial, { force: true });
        throw new Passing('the server sent another range than asked for');
      }
      const file = await open(partial, continues ? 'a' : 'w');
      let size = continues ? have : 0;
      try {
        for await (const chunk of answer.response.body ?? []) {
          clearTimeout(timer);
          timer = setTimeout(() => stall.abort(), stallMs);
          await file.writeFile(chunk as Uint8Array);
          size += (chunk as Uint8Array).length;
          progress();
          onBytes(size);
          if (remote.bytes !== undefined && size > remote.bytes) break;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      if (remote.bytes !== undefined && size < remote.bytes) throw new Passing(`the connection ended after ${size} of ${remote.bytes} bytes`);
    } catch (error) {
      if (stall.signal.aborted) throw new Passing(`nothing came for ${stallMs / 1000} s`, undefined, undefined, { cause: error });
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
        throw new EngineError(`${what}: no space left for ${partial}. Free some, or set HF_HOME to another disk; what has arrived is kept.`,
          { code: 'ERR_HUB', url }, { cause: error });
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  });
}

/** Large files are named by their SHA-256, others by git's hash of a blob; anything else can only be measured. */
async function checksumProblem(file: string, { blob, bytes }: RemoteFile): Promise<string | undefined> {
  const { size } = await stat(file);
  if (bytes !== undefined && size !== bytes) return `expected ${bytes} bytes, received ${size}`;
  const hash = /^[0-9a-f]{64}$/.test(blob) ? createHash('sha256')
    : /^[0-9a-f]{40}$/.test(blob) ? createHash('sha1').update(`blob ${size}\0`) : undefined;
  if (hash === undefined) return undefined;
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  const found = hash.digest('hex');
  return found === blob ? undefined : `expected the checksum ${blob}, the bytes have ${found}`;
}
