// Builds native/ (all but the addon) with the C++ tests of native/tests under the sanitizers and runs them:
// AddressSanitizer with UndefinedBehaviorSanitizer, and ThreadSanitizer. Uses g++ directly, two files at a time;
// objects are kept in build-sanitize/ and made again when a source or header is newer.
// Usage: node scripts/sanitize.mjs [address] [thread]; WHETSTONE_ISA picks the instruction set that is run.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDERS = ['base', 'cpu', 'runtime', 'model', 'engine', 'tests'];
const COMMON = [
  '-std=c++17',
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
  '-ffp-contract=off',
  '-fno-math-errno',
  '-pthread',
  '-Wall',
  '-Wextra',
  '-Inative',
];
const KINDS = {
  address: {
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
    env: {
      ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
  thread: { flags: ['-fsanitize=thread'], env: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' } },
};

function listed(folder, pattern) {
  const path = join(root, 'native', folder);
  return existsSync(path)
    ? readdirSync(path)
        .filter((name) => pattern.test(name))
        .map((name) => join(path, name))
    : [];
}

const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);
const newestHeader = Math.max(...[...FOLDERS, 'abi'].flatMap((folder) => listed(folder, /\.(h|inc)$/)).map(modified));

function compile(args) {
  return new Promise((done, fail) => {
    const child = spawn('g++', args, { cwd: root, stdio: 'inherit' });
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done() : fail(new Error(`g++ ${args.at(-1)} failed`))));
  });
}

async function build(kind) {
  const out = join(root, 'build-sanitize', kind);
  mkdirSync(out, { recursive: true });
  const sources = FOLDERS.flatMap((folder) => listed(folder, /\.cc$/));
  const objects = sources.map((source) => join(out, `${source.slice(root.length + 8).replaceAll('/', '-')}.o`));
  const stale = sources
    .map((source, i) => [source, objects[i]])
    .filter(([source, object]) => modified(object) < Math.max(modified(source), newestHeader));
  console.log(`${kind}: compiling ${stale.length} of ${sources.length} files`);
  const worker = async () => {
    for (let next = stale.shift(); next !== undefined; next = stale.shift()) {
      await compile([...COMMON, ...KINDS[kind].flags, '-c', next[0], '-o', next[1]]);
    }
  };
  await Promise.all([worker(), worker()]);
  const program = join(out, 'tests');
  await compile([...COMMON, ...KINDS[kind].flags, ...objects, '-ldl', '-o', program]);
  return program;
}

const wanted = process.argv.slice(2);
let failed = false;
for (const kind of wanted.length === 0 ? Object.keys(KINDS) : wanted) {
  if (!(kind in KINDS)) throw new Error(`expected a sanitizer of ${Object.keys(KINDS).join(', ')}, got "${kind}"`);
  const program = await build(kind);
  const started = Date.now();
  const run = spawnSync(program, { cwd: root, stdio: 'inherit', env: { ...process.env, ...KINDS[kind].env } });
  const good = run.status === 0;
  const verdict = good ? 'passed' : `failed (${run.signal ?? `exit ${run.status}`})`;
  console.log(`${kind}: ${verdict} in ${((Date.now() - started) / 1e3).toFixed(1)} s`);
  failed = failed || !good;
}
process.exit(failed ? 1 : 0);
