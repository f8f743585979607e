// `npm run pack-check`: packs, installs the tarball into an empty folder with no compiler, Python or make on PATH,
// imports it both ways, and trains the quickstart there for a few steps. What users get is what is tested.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { orExit, root, SetupError } from './setup.mjs';

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'whetstone-pack-')));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

function check(holds, problem) {
  if (!holds) throw new SetupError(`pack-check: ${problem}`);
}

/** Runs a command and returns its stdout; a failure is shown whole. */
function run(title, command, args, options = {}) {
  process.stderr.write(`${title} …\n`);
  const done = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26, timeout: 600_000, ...options });
  check(done.status === 0, `${title} failed (${done.error?.message ?? done.signal ?? `exit ${done.status}`}): ${command} ${args.join(' ')}\n${done.stdout}${done.stderr}`);
  return { stdout: done.stdout, stderr: done.stderr };
}

function find(program) {
  const place = process.env.PATH.split(delimiter).map((folder) => join(folder, program)).find((file) => existsSync(file));
  check(place !== undefined, `${program} is not on PATH`);
  return place;
}

/** A PATH with node, npm, a shell and `env` (which starts npm), and nothing else. */
function barePath() {
  const folder = join(scratch, 'bin');
  mkdirSync(folder);
  for (const program of ['npm', 'npx', 'sh', 'env']) symlinkSync(realpathSync(find(program)), join(folder, program));
  symlinkSync(process.execPath, join(folder, 'node'));
  for (const tool of ['g++', 'gcc', 'cc', 'make', 'python3', 'cmake', 'nvcc']) check(!existsSync(join(folder, tool)), `${tool} is on the bare PATH`);
  return folder;
}

function checkContents(files) {
  const names = files.map(({ path }) => path);
  for (const wanted of ['dist/index.js', 'dist/index.d.ts', 'dist/cli/main.js', 'prebuilds/linux-x64/whetstone.glibc.node', 'native/abi/backend.h',
    'cuda/plugin.cu', 'CMakeLists.txt', 'models/pebble/model.safetensors', 'data/quickstart/train.jsonl', 'LICENSE', 'README.md']) {
    check(names.includes(wanted), `the tarball lacks ${wanted}`);
  }
  const unwanted = names.filter((name) => /^(binding\.gyp|test\/|bench\/|scripts\/(start|test)|build\/|runs\/|\.ci\/)|\.js\.map$|node_modules\//.test(name));
  check(unwanted.length === 0, `the tarball holds ${unwanted.join(', ')}`);
}

function main() {
  // npm pack runs "prepack": the library is compiled and the prebuilt addon made and checked.
  const packed = JSON.parse(run('Packing', 'npm', ['pack', '--json', '--pack-destination', scratch], { cwd: root }).stdout.replace(/^[^[{]*/, ''));
  const { filename, files, size, unpackedSize } = Array.isArray(packed) ? packed[0] : packed;
  checkContents(files);
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const script of ['preinstall', 'install', 'postinstall']) check(manifest.scripts[script] === undefined, `package.json has a script "${script}"`);
  check(manifest.gypfile === false, 'package.json must say "gypfile": false');

  const home = join(scratch, 'app');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', private: true }));
  const env = { ...process.env, PATH: barePath(), npm_config_update_notifier: 'false', CXX: undefined, NODE_PATH: undefined, NO_COLOR: '1' };
  const shell = { cwd: home, env };
  const installed = run('Installing without a compiler', 'npm', ['install', '--no-audit', '--no-fund', join(scratch, filename)], shell);
  check(!/install script|gyp|EBADENGINE|deprecated/i.test(installed.stderr), `npm install complained:\n${installed.stderr}`);

  const names = ['train', 'loadModel', 'openSession'];
  const prints = `console.log(JSON.stringify(${JSON.stringify(names)}.map((name) => typeof whetstone[name])))`;
  writeFileSync(join(home, 'esm.mjs'), `import * as whetstone from 'whetstone';\n${prints};\n`);
  writeFileSync(join(home, 'common.cjs'), `const whetstone = require('whetstone');\n${prints};\n`);
  for (const file of ['esm.mjs', 'common.cjs']) {
    const { stdout } = run(`Importing (${file})`, 'node', [file], shell);
    check(stdout.trim() === JSON.stringify(names.map(() => 'function')), `${file}: expected functions ${names.join(', ')}, found ${stdout.trim()}`);
  }
  const devices = run('Looking for devices', 'npx', ['--no', 'whetstone', 'devices', '--json'], shell).stdout;
  check(/"cpu"/.test(devices), `whetstone devices names no CPU: ${devices}`);
  const trained = run('Training the quickstart for 20 steps', 'npx', ['--no', 'whetstone', 'quickstart', '--steps', '20', '--json'], shell).stdout;
  const result = JSON.parse(trained.trim().split('\n').at(-1));
  check(result.steps === 20, `expected 20 steps, the quickstart did ${result.steps}`);
  check(existsSync(join(home, result.adapter, 'adapter_model.safetensors')) || existsSync(join(result.adapter, 'adapter_model.safetensors')),
    `the quickstart left no adapter at ${result.adapter}`);
  process.stdout.write(`${filename}: ${(size / 1e6).toFixed(1)} MB packed, ${(unpackedSize / 1e6).toFixed(1)} MB unpacked, ${files.length} files; ` +
    `installed without a compiler, imported both ways, trained ${result.steps} steps\n`);
}

await orExit(main);
