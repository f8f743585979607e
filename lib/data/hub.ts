// The client of the Hugging Face hub: files of a repository at a revision, in Python's cache, checked and resumed.
// Two endpoints are used: the list of a revision's files, and the files themselves.

import { EngineError, isEngineError } from '../errors.js';
import { describeRemote, fetchBlob } from './hub/blob.js';
import { CachedRepository, exists, type RepositoryKind } from './hub/cache.js';
import { checkStatus, request, withRetries, type HttpOptions } from './hub/http.js';
import { checkFileName, checkRepositoryName, checkRevision, escapePath, isCommit, matchesPattern } from './hub/names.js';
import { hubSettings, type HubSettings } from './hub/settings.js';

export { isRepositoryName } from './hub/names.js';
export { hubSettings, type HubSettings } from './hub/settings.js';

export interface DownloadProgress {
  readonly file: string;
  /** Bytes of this file that are on disk. */
  readonly done: number;
  /** Undefined when the server does not say. */
  readonly total: number | undefined;
  /** Files of this call that are complete, and all of them. */
  readonly filesDone: number;
  readonly files: number;
}

export interface SnapshotOptions {
  /** @default "model" */
  readonly kind?: RepositoryKind;
  /** Branch, tag or commit. @default "main" */
  readonly revision?: string;
  /** Shell patterns of the files to have; a file that matches none is left. @default all */
  readonly allow?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** @default from the environment */
  readonly settings?: HubSettings;
  readonly retryDelayMs?: number;
  readonly tries?: number;
  readonly stallMs?: number;
}

export interface Snapshot {
  readonly folder: string;
  readonly commit: string;
  /** Files that the call asked for and that are there now. */
  readonly files: readonly string[];
  /** Set when the hub could not be reached and the cache stood in. */
  readonly note?: string;
}

const AT_ONCE = 4;

/**
 * Has the files of a repository in the cache and returns their folder. Offline, or when the hub cannot be reached,
 * the cache alone must do. Rejects with ERR_HUB; complete files stay, so that a later call goes on.
 */
export async function snapshot(name: string, options: SnapshotOptions = {}): Promise<Snapshot> {
  checkRepositoryName(name);
  const revision = checkRevision(options.revision ?? 'main');
  const { settings = await hubSettings(), kind = 'model' } = options;
  const repository = new CachedRepository(settings.cache, kind, name);
  if (settings.offline) return fromCache(repository, name, revision, options, 'HF_HUB_OFFLINE is set');
  try {
    return await fromHub(repository, name, revision, { ...options, settings, kind });
  } catch (error) {
    const unreachable = isEngineError(error, 'ERR_HUB') && (error.details.status === undefined || error.details.status >= 500) && error.cause !== undefined;
    if (!unreachable || (await repository.readRef(revision)) === undefined) throw error;
    return fromCache(repository, name, revision, options, 'the hub could not be reached').catch(() => Promise.reject(error));
  }
}

async function fromCache(
  repository: CachedRepository, name: string, revision: string, { allow }: SnapshotOptions, why: string,
): Promise<Snapshot> {
  const commit = await repository.readRef(revision);
  const files = commit === undefined ? [] : (await repository.files(commit)).filter((file) => isAllowed(file, allow));
  if (commit === undefined || files.length === 0) {
    throw new EngineError(`${name} (${revision}): ${why}, and the cache at ${repository.folder} has no files of it. ` +
      'Run once with a connection, or give the path of a folder.', { code: 'ERR_HUB' });
  }
  return { folder: repository.snapshot(commit), commit, files, note: `${name}: ${why}, the cached commit ${commit} is used` };
}

async function fromHub(
  repository: CachedRepository, name: string, revision: string,
  options: SnapshotOptions & { readonly settings: HubSettings; readonly kind: RepositoryKind },
): Promise<Snapshot> {
  const { settings, kind, allow, onProgress } = options;
  const base = `${settings.endpoint}/api/${kind}s/${escapePath(name)}/revision/${encodeURIComponent(revision)}`;
  const { commit, files: all } = await readListing(base, name, options);
  const files = all.filter((file) => isAllowed(file, allow));
  if (files.length === 0) {
    throw new EngineError(`${name} (${revision}): none of its ${all.length} files matches ${(allow ?? ['*']).join(', ')}`, { code: 'ERR_HUB', url: base });
  }
  const prefix = `${settings.endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${escapePath(name)}/resolve/${commit}`;
  let filesDone = 0;
  const bring = async (file: string): Promise<void> => {
    let done = 0;
    let total: number | undefined;
    const report = (): void => onProgress?.({ file, done, total, filesDone, files: files.length });
    if (!(await exists(`${repository.snapshot(commit)}/${file}`))) {
      const url = `${prefix}/${escapePath(file)}`;
      const what = `${name}: ${file}`;
      const remote = await describeRemote(url, what, options);
      total = remote.bytes;
      await fetchBlob(repository, url, what, remote, options, (bytes) => {
        done = bytes;
        report();
      });
      await repository.link(commit, file, remote.blob);
    }
    filesDone += 1;
    report();
  };
  await inParallel(files, bring);
  await repository.writeRef(revision, commit);
  return { folder: repository.snapshot(commit), commit, files };
}

async function readListing(url: string, name: string, options: HttpOptions): Promise<{ commit: string; files: readonly string[] }> {
  const json: unknown = await withRetries(name, url, options, async () => {
    const answer = await request('GET', url, options, { accept: 'application/json' });
    await checkStatus(answer, name, options);
    const text = await answer.response.text();
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return undefined;
    }
  });
  const { sha, siblings } = (json ?? {}) as { sha?: unknown; siblings?: unknown };
  const names = Array.isArray(siblings) ? siblings.map((item: { rfilename?: unknown } | null) => item?.rfilename) : [undefined];
  if (typeof sha !== 'string' || !isCommit(sha) || !names.every((file) => typeof file === 'string')) {
    throw new EngineError(`${url}: expected a commit and a list of files, received something else. Check HF_ENDPOINT.`, { code: 'ERR_HUB', url });
  }
  return { commit: sha, files: (names as string[]).map((file) => checkFileName(file, url)).sort() };
}

function isAllowed(file: string, allow: readonly string[] | undefined): boolean {
  return allow === undefined || allow.some((pattern) => matchesPattern(pattern, file));
}

/** A few at once; the first failure ends it, after those under way have ended. */
async function inParallel(items: readonly string[], work: (item: string) => Promise<void>): Promise<void> {
  const queue = [...items];
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (queue.length > 0 && errors.length === 0) {
      await work(queue.shift() as string).catch((error: unknown) => void errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
}
