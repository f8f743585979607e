// The files of the repository, for the tests that read sources as text.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(__dirname, '..', '..');

/** Folders that tools write and git ignores, for checkouts without git (an unpacked archive). */
const GENERATED = /^(node_modules|build|build-[^/]*|dist|coverage|prebuilds|runs|\.git|\.gpu)\/|\.(tgz|node|log)$/;

function walk(folder: string, prefix: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = `${prefix}${entry.name}`;
    if (GENERATED.test(entry.isDirectory() ? `${name}/` : name)) return [];
    return entry.isDirectory() ? walk(join(folder, entry.name), `${name}/`) : [name];
  });
}

/** Paths relative to the root, tracked or about to be; deleted ones are left out. */
export function repositoryFiles(): readonly string[] {
  let names: string[];
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
      { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] });
    names = listed.split('\0').filter((name) => name !== '');
  } catch {
    names = walk(root, '');
  }
  return [...new Set(names)].filter((name) => statSync(join(root, name), { throwIfNoEntry: false })?.isFile()).sort();
}

export function read(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}
