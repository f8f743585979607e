// How much a tree of processes uses now, read from /proc. The kernel's limits are for one process; the sum is watched.

import { readFile, readdir } from 'node:fs/promises';

export interface Usage {
  /** Anonymous and shared memory, what lies in the swap included. */
  readonly bytes: number;
  /** Processes; threads are not counted. */
  readonly processes: number;
}

/** Usage of a process and all its descendants. Orphans count: inside a PID namespace their new parent is its first process. */
export async function usageOf(root: number): Promise<Usage> {
  let [bytes, processes] = [0, 0];
  let level = [root];
  while (level.length > 0) {
    const found = await Promise.all(level.map(async (pid) => {
      const [own, children] = await Promise.all([memoryOf(pid), childrenOf(pid)]);
      return { own, children };
    }));
    for (const { own } of found) bytes += own;
    processes += level.length;
    level = found.flatMap(({ children }) => children);
  }
  return { bytes, processes };
}

async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  let kilobytes = 0;
  for (const [, amount] of status.matchAll(/^(?:RssAnon|RssShmem|VmSwap):\s*(\d+)/gm)) kilobytes += Number(amount);
  return kilobytes * 1024;
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')));
  return lists.join(' ').split(' ').filter((text) => text !== '').map(Number);
}
