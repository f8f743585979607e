// Runs one program within limits and says how it ended. Time, output, the number of processes and the memory of all of
// them together are watched from here; the rest is held by the kernel (bubblewrap.ts).

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { identity, jailArguments, rlimits } from './bubblewrap.js';
import type { Jail } from './bubblewrap.js';
import { DEFAULT_LIMITS } from './limits.js';
import type { Contained, Program, SandboxLimits } from './limits.js';
import { usageOf } from './watch.js';

/** Text kept of each stream; what comes after is counted and dropped. */
const KEPT = 64 * 1024;
const LOOK_EVERY = 40;
/** Processes of bwrap itself. */
const WARDENS = 2;

/** Runs a program in the jail; it is gone when the promise settles, whatever it did. Aborting kills it. */
export async function contain(jail: Jail, program: Program, limits: SandboxLimits = {}, signal?: AbortSignal): Promise<Contained> {
  signal?.throwIfAborted();
  const all = { ...DEFAULT_LIMITS, ...limits };
  if (jail.kind === 'none') return bare(program, all, signal);
  const { args, feeds } = jailArguments(program, all);
  const child = spawn(jail.bwrap, args, {
    stdio: ['pipe', 'pipe', 'pipe', ...feeds.map(() => 'pipe' as const)], env: {}, cwd: '/', detached: true, ...identity(jail),
  });
  for (const [i, feed] of feeds.entries()) give(child.stdio[i + 3] as Writable, feed);
  return watch(child, program.stdin, all, WARDENS, signal);
}

/** Without a sandbox: a folder of its own, and limits where prlimit is there. */
async function bare(program: Program, limits: Required<SandboxLimits>, signal: AbortSignal | undefined): Promise<Contained> {
  const folder = await mkdtemp(join(tmpdir(), 'whetstone-box-'));
  try {
    await Promise.all(Object.entries(program.files).map(([name, content]) => writeFile(join(folder, name), content)));
    await chmod(folder, 0o755);
    const command = program.command.map((word) => word.replaceAll('{box}', folder));
    // Processes are counted for the whole user here, so their number is only watched.
    const [file, ...args] = [...rlimits(limits, 'prlimit').filter((word) => !word.startsWith('--nproc')), ...command];
    const child = spawn(file!, args, { stdio: ['pipe', 'pipe', 'pipe'], env: program.env, cwd: folder, detached: true });
    return await watch(child, program.stdin, limits, 0, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes and closes; a reader that is gone does not matter. */
function give(stream: Writable, content: string | Buffer): void {
  stream.on('error', () => undefined);
  stream.end(content);
}

async function watch(
  child: ChildProcess, stdin: string, limits: Required<SandboxLimits>, wardens: number, signal: AbortSignal | undefined,
): Promise<Contained> {
  const began = performance.now();
  let limit: Contained['ended'] | undefined;
  let peakBytes = 0;
  const kill = (why?: Contained['ended']): void => {
    limit ??= why;
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      child.kill('SIGKILL'); // the group is gone already
    }
  };
  const abort = (): void => kill();
  let written = 0;
  const collect = (stream: NodeJS.ReadableStream): Buffer[] => {
    const parts: Buffer[] = [];
    let kept = 0;
    stream.on('data', (part: Buffer) => {
      written += part.length;
      if (kept < KEPT) parts.push(part.subarray(0, KEPT - kept));
      kept += part.length;
      if (written > limits.outputBytes) kill('output');
    });
    return parts;
  };
  const [stdout, stderr] = [collect(child.stdout!), collect(child.stderr!)];
  const closed = new Promise<{ code: number | null; died: NodeJS.Signals | null }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, died) => resolve({ code, died }));
  });
  give(child.stdin!, stdin);
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => kill('wall-time'), limits.wallSeconds * 1000);
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking || child.pid === undefined) return;
    looking = true;
    const usage = await usageOf(child.pid).finally(() => { looking = false; });
    peakBytes = Math.max(peakBytes, usage.bytes);
    if (usage.bytes > limits.memoryBytes) kill('memory');
    if (usage.processes - wardens > limits.processes) kill('processes');
  };
  const poll = setInterval(() => void look(), LOOK_EVERY);
  try {
    const { code, died } = await closed;
    signal?.throwIfAborted();
    // bwrap reports a signal as 128 + its number; the kernel sends SIGXCPU (24) at the limit of CPU time.
    const number = code !== null && code > 128 ? code - 128 : undefined;
    const ended = limit ?? (number === 24 || died === 'SIGXCPU' ? 'cpu-time' : number !== undefined || died !== null ? 'signal' : 'exit');
    return {
      ended, exitCode: code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8'),
      seconds: (performance.now() - began) / 1000, peakBytes,
    };
  } finally {
    clearTimeout(timer);
    clearInterval(poll);
    signal?.removeEventListener('abort', abort);
    kill(); // what a program without a sandbox left behind
  }
}
