// Data files of a data set on the hub: hf://datasets/owner/name[@revision][/pattern], fetched into Python's cache.
import path from 'node:path';
import { dataError } from '../errors.js';
import { snapshot, type SnapshotOptions } from './hub.js';
import { matchesPattern } from './hub/names.js';

const HUB = /^hf:\/\/datasets\/([^/@]+\/[^/@]+)(?:@([^/]+))?(?:\/(.+))?$/;

export const isHubName = (name: string): boolean => name.startsWith('hf://');

/**
 * Full names of the files that a pattern means (`*` also matches a slash). Without a pattern: those with "train" in their
 * names, or all if there are none, so that a test split is never learned by accident.
 */
export async function hubFiles(
  name: string, usable: (file: string) => boolean, endings: readonly string[], options: SnapshotOptions = {},
): Promise<string[]> {
  const [, repository, revision, pattern] = HUB.exec(name) ?? [];
  if (repository === undefined) {
    throw dataError({ file: name }, 'expected hf://datasets/owner/name, with @revision and /pattern if wanted, came something else');
  }
  const at = revision === undefined ? {} : { revision };
  const allow = pattern === undefined ? endings.flatMap((ending) => [`*train*${ending}`, `*train*${ending}.*`])
    : [pattern, `${pattern.replace(/\/$/, '')}/*`];
  const fetched = await snapshot(repository, { ...options, ...at, kind: 'dataset', allow }).catch((error: unknown) => {
    const none = (error as { details?: { status?: number } }).details?.status === undefined && /none of its/.test((error as Error).message);
    if (pattern !== undefined || !none) throw error;
    return snapshot(repository, { ...options, ...at, kind: 'dataset', allow: endings.flatMap((ending) => [`*${ending}`, `*${ending}.*`]) });
  });
  const files = fetched.files.filter((file) => usable(file) && (pattern === undefined || allow.some((one) => matchesPattern(one, file))));
  if (files.length === 0) throw dataError({ file: name }, `expected at least one data file, came ${fetched.files.join(', ') || 'none'}`);
  return files.map((file) => path.join(fetched.folder, file)).sort();
}
