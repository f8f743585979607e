// Finds bubblewrap, tries once what works here, and writes its command line: new namespaces for everything, no network,
// the system's libraries and the runtime read-only, a small scratch folder, rlimits set inside by prlimit.

import { execFile } from 'node:child_process';
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { EngineError } from '../../errors.js';
import { seccompFilter } from './seccomp.js';
import type { Program, SandboxLimits } from './limits.js';

export interface Jail {
  readonly kind: 'bubblewrap' | 'none';
  readonly bwrap: string;
  /** As whom bwrap is started; absent: as we are. Root's processes are not held by a limit on their number. */
  readonly user?: number;
}

const NOBODY = 65534;
const run = promisify(execFile);

/** Sandboxes that were tried, by path of bwrap. */
const tried = new Map<string, Promise<Jail>>();

/** Rejects with ERR_UNSUPPORTED where bubblewrap is missing or may not make namespaces. */
export function findJail(bwrap = 'bwrap'): Promise<Jail> {
  let jail = tried.get(bwrap);
  if (jail === undefined) {
    jail = probe(bwrap);
    tried.set(bwrap, jail);
  }
  return jail;
}

async function probe(bwrap: string): Promise<Jail> {
  const reasons: string[] = [];
  const users = process.getuid?.() === 0 ? [NOBODY, undefined] : [undefined];
  for (const user of users) {
    const jail: Jail = { kind: 'bubblewrap', bwrap, ...(user === undefined ? {} : { user }) };
    const args = [...walls(2 ** 20), '--', ...limiter(), '/usr/bin/prlimit', '--version'];
    try {
      await run(bwrap, args, { timeout: 10_000, ...identity(jail) });
      return jail;
    } catch (error) {
      const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string };
      reasons.push(code === 'ENOENT' ? `${bwrap} is not installed` : (stderr || message).trim().split('\n').at(-1)!);
      if (code === 'ENOENT') break;
    }
  }
  throw new EngineError(
    `running programs needs a sandbox, and bubblewrap does not work here: ${reasons.join('; ')}. Install bubblewrap 0.8 or newer and ` +
    'util-linux (apt-get install bubblewrap util-linux), and allow user namespaces; or, only for programs that you trust, run them without ' +
    'a sandbox: --unsafe on the command line, { unsafe: true } in the library',
    { code: 'ERR_UNSUPPORTED', op: 'sandbox', reasons });
}

export function identity(jail: Jail): { readonly uid?: number; readonly gid?: number } {
  return jail.user === undefined ? {} : { uid: jail.user, gid: jail.user };
}

/** Everything but the program: namespaces, libraries, a read-only root. */
function walls(scratchBytes: number): string[] {
  const libraries = ['/usr/lib', '/usr/lib64', '/usr/lib32', '/usr/libexec'].filter((path) => existsSync(path)).flatMap((path) => ['--ro-bind', path, path]);
  const links = ['/lib', '/lib64', '/lib32'].flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    return stat.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
  });
  return [
    '--unshare-all', '--unshare-user', '--disable-userns', '--die-with-parent', '--new-session', '--hostname', 'sandbox',
    '--uid', String(NOBODY), '--gid', String(NOBODY), '--cap-drop', 'ALL', '--clearenv',
    ...libraries, ...links, '--ro-bind', '/usr/bin/prlimit', '/usr/bin/prlimit',
    ...['/etc/ld.so.cache', '/etc/alternatives'].flatMap((path) => ['--ro-bind-try', path, path]),
    '--proc', '/proc', '--dev', '/dev', '--size', String(scratchBytes), '--tmpfs', '/dev/shm', '--remount-ro', '/dev',
    '--size', String(scratchBytes), '--tmpfs', '/tmp', '--chdir', '/tmp',
  ];
}

/** A limit on processes is counted for each sandbox alone since Linux 5.14; before, for all of a user's processes. */
function countsAlone(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 14);
}

function limiter(): string[] {
  return ['/usr/bin/prlimit', '--core=0', '--'];
}

/** prlimit with the limits of one process. */
export function rlimits(limits: Required<SandboxLimits>, prlimit = '/usr/bin/prlimit'): string[] {
  const cpu = Math.max(1, Math.ceil(limits.cpuSeconds));
  return [
    prlimit, `--cpu=${cpu}:${cpu + 1}`, `--data=${limits.memoryBytes}`, `--fsize=${limits.scratchBytes}`, '--nofile=128', '--core=0',
    '--memlock=65536', '--msgqueue=0', ...(countsAlone() ? [`--nproc=${limits.processes}`] : []), '--',
  ];
}

/** The whole command line. Descriptor 3 feeds the filter of system calls, those from 4 on the files in order. */
export function jailArguments(program: Program, limits: Required<SandboxLimits>): { readonly args: string[]; readonly feeds: readonly (string | Buffer)[] } {
  const filter = seccompFilter();
  const feeds: (string | Buffer)[] = filter === undefined ? [] : [filter];
  const files = Object.entries(program.files).flatMap(([name, content]) => {
    feeds.push(content);
    return ['--perms', '0444', '--file', String(feeds.length + 2), `/box/${name}`];
  });
  const args = [
    ...walls(limits.scratchBytes),
    ...program.mounts.flatMap((path) => ['--ro-bind', path, path]),
    '--dir', '/box', ...files, ...Object.entries(program.env).flatMap(([name, value]) => ['--setenv', name, value]),
    '--remount-ro', '/', ...(filter === undefined ? [] : ['--seccomp', '3']), '--',
    ...rlimits(limits), ...program.command.map((word) => word.replaceAll('{box}', '/box')),
  ];
  return { args, feeds };
}
