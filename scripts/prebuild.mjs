// What `npm pack` runs first, and `npm run build:prebuilt`: the compiled library, and the shipped addon, stripped,
// as prebuilds/linux-x64/whetstone.glibc.node, with a check of what it needs from the system. prebuildify names and
// strips; it is handed our build instead of compiling everything anew.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureAll, orExit, root } from './setup.mjs';

export const prebuilt = join(root, 'prebuilds', `linux-${process.arch}`, 'whetstone.glibc.node');

/** What Ubuntu 22.04, RHEL 9 and Debian 12 have. */
const NEWEST = { GLIBC: [2, 34], GLIBCXX: [3, 4, 30], CXXABI: [1, 3, 13], GCC: [12] };

function newer(version, limit) {
  const parts = version.split('.').map(Number);
  for (let i = 0; i < Math.max(parts.length, limit.length); i++) {
    if ((parts[i] ?? 0) !== (limit[i] ?? 0)) return (parts[i] ?? 0) > (limit[i] ?? 0);
  }
  return false;
}

/** Versioned symbols of `nm -D` that are newer than NEWEST allows. */
export function tooNew(listing) {
  return [...listing.matchAll(/ U (\S+)@+(GLIBC|GLIBCXX|CXXABI|GCC)_([0-9.]+)/g)]
    .filter(([, , family, version]) => newer(version, NEWEST[family]))
    .map(([, symbol, family, version]) => `${symbol} needs ${family}_${version}; the newest allowed is ${NEWEST[family].join('.')}`);
}

export async function prebuild() {
  await ensureAll({ targets: ['engine'] });
  const prebuildify = createRequire(import.meta.url)('prebuildify');
  const scratch = mkdtempSync(join(tmpdir(), 'whetstone-prebuild-'));
  try {
    mkdirSync(join(scratch, 'build', 'Release'), { recursive: true });
    copyFileSync(join(root, 'build', 'Release', 'engine.node'), join(scratch, 'build', 'Release', 'engine.node'));
    rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
    await new Promise((done, fail) => {
      prebuildify({
        cwd: scratch, out: scratch, name: 'whetstone', napi: true, strip: true, tagLibc: true, nodeGyp: 'true',
        targets: [process.version], quiet: true,
      }, (error) => (error ? fail(error) : done()));
    });
    mkdirSync(join(prebuilt, '..'), { recursive: true });
    copyFileSync(join(scratch, 'prebuilds', `linux-${process.arch}`, 'whetstone.glibc.node'), prebuilt);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const problems = tooNew(execFileSync('nm', ['-D', '--undefined-only', prebuilt], { encoding: 'utf8' }));
  if (problems.length > 0) throw new Error(`The addon would not load on older systems:\n  ${problems.join('\n  ')}`);
  const exported = execFileSync('nm', ['-D', '--defined-only', prebuilt], { encoding: 'utf8' }).split('\n').filter(Boolean);
  process.stderr.write(`${prebuilt.slice(root.length + 1)}: ${(statSync(prebuilt).size / 1e3).toFixed(0)} KB, ` +
    `${exported.length} exported symbols, nothing newer than GLIBC 2.34 and GLIBCXX 3.4.30\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await orExit(prebuild);
