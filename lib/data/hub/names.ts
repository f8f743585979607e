// Names that come from users and servers and become paths: all are checked before one is joined to a folder.

import { EngineError } from '../../errors.js';

const PART = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/;

/** Whether a text can be a repository's name, `name` or `owner/name`: what decides between a path and the hub. */
export function isRepositoryName(text: string): boolean {
  const parts = text.split('/');
  return parts.length <= 2 && parts.every((part) => PART.test(part) && !part.includes('..') && !part.includes('--')) && !text.endsWith('.git');
}

export function checkRepositoryName(text: string): string {
  if (!isRepositoryName(text)) {
    throw new EngineError(`${JSON.stringify(text)} is not a repository's name: expected "owner/name" of letters, digits, ".", "_" and "-"`,
      { code: 'ERR_HUB' });
  }
  return text;
}

/** A branch, tag, pull request ("refs/pr/1") or commit. */
export function checkRevision(text: string): string {
  if (!text.split('/').every((part) => /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(part)) || text.length > 200) {
    throw new EngineError(`${JSON.stringify(text)} is not a revision: expected a branch, a tag or a commit`, { code: 'ERR_HUB' });
  }
  return text;
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** A file's path inside a repository, as a server gives it. */
export function checkFileName(name: string, url: string): string {
  const fine = name.length <= 1000 && !/[\\\0]/.test(name) && name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!fine) {
    throw new EngineError(`${url}: the server names a file ${JSON.stringify(name)}, which would leave the repository's folder. Nothing was written.`,
      { code: 'ERR_HUB', url });
  }
  return name;
}

/** An etag as the name of a blob: without quotes and the mark of weak ones. */
export function blobName(etag: string, url: string): string {
  const name = etag.replace(/^W\//, '').replaceAll('"', '');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(name)) {
    throw new EngineError(`${url}: the server sent ${JSON.stringify(etag)} as etag, expected a hash`, { code: 'ERR_HUB', url });
  }
  return name;
}

/** Shell patterns as Python's fnmatch has them: `*` also matches a slash. */
export function matchesPattern(pattern: string, name: string): boolean {
  const source = pattern.replace(/\[!?\]?[^\]]*\]|[\s\S]/g, (token) => {
    if (token === '*') return '[\\s\\S]*';
    if (token === '?') return '[\\s\\S]';
    if (token.length === 1) return token.replace(/[.*+?^${}()|[\]\\/-]/, '\\$&');
    const inner = token.slice(1, -1).replace(/[\\[\]]/g, '\\$&');
    return inner.startsWith('!') ? `[^${inner.slice(1)}]` : `[${inner.startsWith('^') ? `\\${inner}` : inner}]`;
  });
  return new RegExp(`^${source}$`).test(name);
}

/** The same name for every request: each part escaped, slashes kept. */
export function escapePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
