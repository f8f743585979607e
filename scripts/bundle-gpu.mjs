// Bundles test/gpu/run.ts for machines that have a node binary and nothing else: `node scripts/bundle-gpu.mjs FOLDER`
// writes run.mjs, copies of engine_testing.node and, where one is built, of the CUDA plugin, and sanitize.mjs, which runs
// run.mjs under compute-sanitizer.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { SetupError, orExit, root } from './setup.mjs';

/** What is committed, and whether anything is not. */
function commit() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

function copyTo(folder, from, name = from.split('/').at(-1)) {
  const to = join(folder, name);
  rmSync(to, { force: true }); // a process that runs from the old copy keeps it
  copyFileSync(from, to);
  return to;
}

async function bundle(folder) {
  if (folder === undefined) throw new SetupError('Usage: node scripts/bundle-gpu.mjs FOLDER');
  const addon = join(root, 'build', 'Release', 'engine_testing.node');
  if (!existsSync(addon)) throw new SetupError(`${relative(root, addon)} is not built: run "node scripts/setup.mjs" first.`);
  mkdirSync(folder, { recursive: true });
  const out = join(folder, 'run.mjs');
  const { metafile } = await build({
    absWorkingDir: root, entryPoints: ['test/gpu/run.ts'], outfile: out, bundle: true, platform: 'node', format: 'esm',
    target: 'node20', metafile: true, logLevel: 'warning',
    // Packages of the CommonJS kind ask for node's own modules.
    banner: { js: "import { createRequire as whetstoneRequire } from 'node:module';\nconst require = whetstoneRequire(import.meta.url);" },
    define: { 'process.env.WHETSTONE_COMMIT': JSON.stringify(commit()) },
  });
  const cases = readdirSync(join(root, 'test', 'support', 'cases')).map((name) => `test/support/cases/${name}`);
  const missing = cases.filter((name) => metafile.inputs[name] === undefined);
  if (missing.length > 0) throw new SetupError(`test/support/cases/all.ts does not list the cases of ${missing.join(', ')}.`);
  const chosen = process.env.WHETSTONE_CUDA_PLUGIN;
  const plugin = chosen === undefined || chosen === '' ? join(root, 'build-cuda', 'Release', 'libwhetstone_cuda.so') : resolve(chosen);
  const sanitizer = copyTo(folder, join(root, 'scripts', 'gpu-sanitize.mjs'), 'sanitize.mjs');
  const files = [out, sanitizer, copyTo(folder, addon), ...(existsSync(plugin) ? [copyTo(folder, plugin)] : [])];
  for (const file of files) process.stdout.write(`${file}  ${(statSync(file).size / 1e6).toFixed(1)} MB\n`);
  if (files.length < 4) process.stdout.write('no CUDA plugin is built: WHETSTONE_CUDA_PLUGIN names one that lies elsewhere\n');
}

const [folder] = process.argv.slice(2);
await orExit(() => bundle(folder === undefined ? undefined : resolve(folder)));
