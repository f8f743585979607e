// Which devices there are: the CPU, and those of a CUDA plugin where one is built. Never rejects for "no GPU".
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { EngineError, isEngineError } from '../errors.js';
import type { NativeDevice } from './binding.js';
import { callSite, typed } from './failure.js';
import { addonPaths, loadAddon } from './native.js';
import { pluginPaths } from './plugin-paths.js';
import type { DeviceInfo } from './types.js';

/** The plugin that sessions on "cuda" load. ERR_BACKEND_UNAVAILABLE lists every place tried. */
export function findPlugin(): string {
  const tried = pluginPaths();
  const found = tried.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new EngineError(
    `no CUDA plugin is built. Tried:\n${tried.map((path) => `  ${path}`).join('\n')}\n` +
      'Build it with "npx whetstone build-cuda" (needs the CUDA toolkit), or set WHETSTONE_CUDA_PLUGIN to its path.',
    { code: 'ERR_BACKEND_UNAVAILABLE', why: 'not-built', tried },
  );
}

const probed = new Map<string, Promise<void>>();

/**
 * Loads a plugin in a child process first, once: a library that is broken enough to kill the process that loads it
 * kills that one.
 */
export function probePlugin(path: string): Promise<void> {
  const known = probed.get(path);
  if (known !== undefined) return known;
  const script = 'const [addon, plugin] = process.argv.slice(1);' +
    'require(addon).devices(plugin).then(() => process.exit(0), (failure) => {' +
    'process.stdout.write(JSON.stringify(failure)); process.exit(3); });';
  const addon = addonPaths('engine').find((candidate) => existsSync(candidate)) ?? '';
  const probe = new Promise<void>((resolve, reject) => {
    execFile(process.execPath, ['-e', script, addon, path], { timeout: 120_000 }, (error, stdout) => {
      if (error === null) return resolve();
      if (error.code === 3) {
        const failure = JSON.parse(stdout) as { message: string; details: { why?: 'no-driver' } };
        return reject(new EngineError(failure.message, {
          code: 'ERR_BACKEND_UNAVAILABLE', why: failure.details.why ?? 'abi-mismatch', tried: [path] }));
      }
      reject(new EngineError(
        `${path}: a process that loaded this plugin ended with ${error.signal ?? `code ${error.code}`}; ` +
          'build or fetch it again',
        { code: 'ERR_BACKEND_UNAVAILABLE', why: 'abi-mismatch', tried: [path] }));
    });
  });
  probed.set(path, probe);
  return probe;
}

function toInfo(device: NativeDevice): DeviceInfo {
  return { ...device };
}

/** All devices of this machine, the CPU first. A missing plugin, driver or GPU only makes the list shorter. */
export async function devices(): Promise<readonly DeviceInfo[]> {
  const at = callSite(devices);
  const cpu = await typed(loadAddon().devices(), at);
  try {
    const plugin = findPlugin();
    await probePlugin(plugin);
    return [...cpu, ...(await typed(loadAddon().devices(plugin), at))].map(toInfo);
  } catch (error) {
    if (!isEngineError(error, 'ERR_BACKEND_UNAVAILABLE')) throw error;
    return cpu.map(toInfo);
  }
}

/** Why there is no CUDA device here, in a sentence, or null when there is one. For `doctor` and error messages. */
export async function whyNoCuda(): Promise<string | null> {
  try {
    await probePlugin(findPlugin());
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The CPU's instruction sets and threads. */
export function cpuInfo(): { readonly isa: string; readonly available: readonly string[]; readonly threads: number } {
  return loadAddon().cpuInfo();
}
