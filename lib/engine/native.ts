// Finds and loads the native addon. The only place that knows a path to a .node file.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../errors.js';
import type { NativeAddon } from './binding.js';

/** "engine" is shipped; "engine_testing" adds the f64 oracle and the test door and is only ever built locally. */
export type AddonName = 'engine' | 'engine_testing';

const load = createRequire(import.meta.url);
const loaded = new Map<AddonName, NativeAddon>();

/** The folder with package.json: two above this file, both in lib/ and in dist/. */
export function packageRoot(): string {
  return join(dirname(fileURLToPath(import.meta.url)), '..', '..');
}

/** Where an addon may lie, best first: a path in the environment, the local build, the prebuilt binaries. */
export function addonPaths(name: AddonName): readonly string[] {
  const root = packageRoot();
  const chosen = process.env[name === 'engine' ? 'WHETSTONE_ENGINE' : 'WHETSTONE_ENGINE_TESTING'];
  if (chosen !== undefined && chosen !== '') return [chosen];
  const paths = [join(root, 'build', 'Release', `${name}.node`)];
  if (name === 'engine') {
    const libc = existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
    paths.push(join(root, 'prebuilds', `${process.platform}-${process.arch}`, `whetstone.${libc}.node`));
  }
  return paths;
}

/** Loads the addon once. ERR_BACKEND_UNAVAILABLE lists every place tried and what was wrong there. */
export function loadAddon(name: AddonName = 'engine'): NativeAddon {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const tried: string[] = [];
  for (const path of addonPaths(name)) {
    if (!existsSync(path)) {
      tried.push(`${path}: not there`);
      continue;
    }
    try {
      const addon = load(path) as NativeAddon;
      loaded.set(name, addon);
      return addon;
    } catch (error) {
      tried.push(`${path}: ${(error as Error).message}`);
    }
  }
  throw new EngineError(
    `cannot load the native engine for ${process.platform}-${process.arch}, Node ${process.version}. Tried:\n` +
      `${tried.map((line) => `  ${line}`).join('\n')}\n` +
      'Build it with "npm run build:native" (needs Python 3, make and g++).',
    { code: 'ERR_BACKEND_UNAVAILABLE', why: 'not-built', tried },
  );
}
