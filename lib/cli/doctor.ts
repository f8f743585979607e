// `whetstone doctor`: what an issue report starts with. Looks at versions, processor, addon, plugin, memory and
// folders, says what is missing and what to do. Ends with 0 when training on the CPU can work here, else with 1.

import { access, constants, mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, homedir, tmpdir, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { bytes } from '../track/format.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';
import { packageVersion } from './program.js';
import { examineNative } from './doctor-native.js';

export interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'note' | 'problem';
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

export async function doctorCommand(output: Output, _options: object, run?: string): Promise<number> {
  if (run !== undefined) return (await import('./doctor-run.js')).doctorRun(output, run);
  const findings = [versions(), ...(await examineNative()), memory(), ...(await folders(output.streams.env))];
  const healthy = findings.every(({ status }) => status !== 'problem');
  const c = output.terminal.colors;
  const mark = { ok: c.green('ok     '), note: c.yellow('note   '), problem: c.red('problem') };
  output.result({ healthy, findings }, () => [
    ...findings.map(({ name, status, detail, advice }) =>
      `${mark[status]}  ${name.padEnd(14)} ${detail}${advice === undefined ? '' : `\n${' '.repeat(24)}→ ${advice}`}`),
    '',
    healthy ? 'Everything that training on the CPU needs is here.' : 'Something that training needs is missing: see above.',
  ].join('\n'));
  return healthy ? EXIT.ok : EXIT.unexpected;
}

function versions(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'versions',
    status: recent ? 'ok' : 'problem',
    detail: `whetstone ${packageVersion()}, Node ${process.versions.node}, ${process.platform} ${process.arch}, ` +
      `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} threads`,
    ...(recent ? {} : { advice: 'install Node 20.19 or newer' }),
  };
}

function memory(): Finding {
  const low = freemem() < 1e9;
  return {
    name: 'memory', status: low ? 'note' : 'ok', detail: `${bytes(freemem())} free of ${bytes(totalmem())}`,
    ...(low ? { advice: 'less than 1 GB is free: close something, or train a small model' } : {}),
  };
}

async function folders(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const cache = env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const hub = env['HF_HUB_CACHE'] ?? join(env['HF_HOME'] ?? join(cache, 'huggingface'), 'hub');
  return Promise.all([
    folder('this folder', resolve('.')),
    folder('model cache', hub),
    folder('own cache', join(cache, 'whetstone')),
    temporary(),
  ]);
}

/** A folder that can be written, or whose nearest existing parent can. */
async function folder(name: string, path: string): Promise<Finding> {
  let place = path;
  while (!(await stat(place).catch(() => undefined)) && dirname(place) !== place) place = dirname(place);
  try {
    await access(place, constants.W_OK | constants.X_OK);
    const disk = await statfs(place);
    return { name, status: 'ok', detail: `${path}${place === path ? '' : ' (will be made)'}, ${bytes(disk.bavail * disk.bsize)} free on its disk` };
  } catch {
    return { name, status: name === 'this folder' ? 'note' : 'problem', detail: `${path} cannot be written`, advice: `make it writable: chmod u+wx ${place}` };
  }
}

async function temporary(): Promise<Finding> {
  try {
    await rm(await mkdtemp(join(tmpdir(), 'whetstone-')), { recursive: true });
    return { name: 'scratch', status: 'ok', detail: `${tmpdir()} can be written` };
  } catch (error) {
    return { name: 'scratch', status: 'problem', detail: `${tmpdir()}: ${(error as Error).message}`, advice: 'set TMPDIR to a folder that can be written' };
  }
}
