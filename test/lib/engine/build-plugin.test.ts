// Building the plugin, with a compiler that only notes what it was asked: what is compiled when, in which order things
// are looked for, and what is said when there is no compiler or an old one.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPlugin } from '../../../lib/engine/build-plugin.js';
import { packageRoot } from '../../../lib/engine/native.js';

const folder = mkdtempSync(join(tmpdir(), 'whetstone-nvcc-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const log = join(folder, 'log');
const header = join(folder, 'header.h');
const broken = join(folder, 'broken'); // names the file that does not compile
writeFileSync(header, '');
writeFileSync(broken, 'nothing');

/** A shell script that answers as nvcc does, writes what it is asked to write, and fails on a file named in FAIL. */
function fakeNvcc(version: string): string {
  const path = join(folder, `nvcc-${version}`);
  writeFileSync(path, `#!/bin/sh
if [ "$1" = --version ]; then echo "Cuda compilation tools, release ${version}, V${version}.1"; exit 0; fi
echo "$*" >> ${log}
while [ $# -gt 0 ]; do
  case "$1" in
    -o) out="$2"; shift;;
    -MF) rule="$2"; shift;;
    *.cu) source="$1";;
  esac
  shift
done
case "$source" in *$(cat ${broken})) echo "$source(3): error: expected a semicolon" >&2; exit 2;; esac
echo made > "$out"
if [ -n "$rule" ]; then printf 'x.o : %s \\\\\\n  ${header}\\n' "$source" > "$rule"; fi
`);
  chmodSync(path, 0o755);
  return path;
}

const calls = (): readonly string[] => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
const build = (options = {}) => {
  rmSync(log, { force: true });
  return buildPlugin({ nvcc: fakeNvcc('13.0'), folder: join(folder, 'out'), jobs: 2, ...options });
};

test('everything is compiled once, then only what changed, and the plugin is linked with one exported symbol', async () => {
  const seen: number[] = [];
  const first = await build({ onProgress: ({ done, total }: { done: number; total: number }) => seen.push(done / total) });
  expect(first).toMatchObject({ plugin: join(folder, 'out', 'Release', 'libwhetstone_cuda.so'), nvcc: { version: '13.0' }, architectures: ['90a', 'ptx80'] });
  expect(first.files).toBeGreaterThan(8);
  expect(first.compiled).toBe(first.files);
  expect(seen.at(-1)).toBe(1);
  expect(calls()).toHaveLength(first.files + 1);
  expect(calls()[0]).toMatch(/-gencode arch=compute_90a,code=sm_90a -gencode arch=compute_80,code=compute_80 /);
  expect(calls().at(-1)).toMatch(/-cudart static .*--version-script=.*exports\.map/);
  expect(existsSync(first.plugin)).toBe(true);

  expect((await build()).compiled).toBe(0);
  expect(calls()).toEqual([]);

  const later = new Date(Date.now() + 5000);
  utimesSync(header, later, later);
  expect((await build()).compiled).toBe(first.files);
  const now = new Date(Date.now() - 60_000);
  utimesSync(header, now, now);
  expect((await build({ architectures: ['90a'] })).compiled).toBe(first.files); // other flags
  expect((await build({ architectures: ['90a'], force: true })).compiled).toBe(first.files);
});

test('a file that does not compile is named with what the compiler said, and is compiled again next time', async () => {
  writeFileSync(broken, 'plugin.cu');
  try {
    await expect(build({ force: true })).rejects.toMatchObject({
      code: 'ERR_BACKEND_UNAVAILABLE', message: expect.stringMatching(/^cuda\/plugin\.cu does not compile with CUDA 13\.0 .*\n.*error: expected a semicolon/s),
    });
  } finally {
    writeFileSync(broken, 'nothing');
  }
  expect((await build()).compiled).toBeGreaterThan(0);
});

test('no compiler, an old one, and an architecture that cannot be are refused in words', async () => {
  await expect(build({ nvcc: join(folder, 'nothing') })).rejects.toMatchObject({
    code: 'ERR_BACKEND_UNAVAILABLE', details: { why: 'not-built', tried: [join(folder, 'nothing')] }, message: expect.stringMatching(/Install the CUDA toolkit/),
  });
  await expect(build({ nvcc: fakeNvcc('11.8') })).rejects.toThrow(/is CUDA 11\.8: expected 12\.3 or newer/);
  await expect(build({ architectures: ['75'] })).rejects.toThrow(/--arch: expected names such as 80/);
  expect(existsSync(join(packageRoot(), 'cuda', 'plugin.cu'))).toBe(true);
});
