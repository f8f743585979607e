// Where the CUDA plugin may lie, and where `whetstone build-cuda` puts it.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from './native.js';

export const PLUGIN = 'libwhetstone_cuda.so';
const resolver = createRequire(import.meta.url);

/** A folder of the user's own for this version, for packages that lie where only others may write. */
function userFolder(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(cache, 'whetstone', `cuda-${version}`);
}

/** Places where the plugin may lie, best first: the environment, the package's build, the user's build, the optional package. */
export function pluginPaths(): readonly string[] {
  const chosen = process.env['WHETSTONE_CUDA_PLUGIN'];
  if (chosen !== undefined && chosen !== '') return [chosen];
  const paths = [join(packageRoot(), 'build-cuda', 'Release', PLUGIN), join(userFolder(), 'Release', PLUGIN)];
  try {
    paths.push(join(resolver.resolve('whetstone-cuda13-linux-x64/package.json'), '..', PLUGIN));
  } catch {
    paths.push(`package whetstone-cuda13-linux-x64/${PLUGIN}`);
  }
  return paths;
}

/** Folder to build in: build-cuda/ of the package, or the user's own where that cannot be written. */
export function buildFolder(): string {
  const root = packageRoot(), own = join(root, 'build-cuda');
  try {
    accessSync(existsSync(own) ? own : root, constants.W_OK);
    return own;
  } catch {
    return userFolder();
  }
}
