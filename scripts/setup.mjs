// Set-up shared by `npm start`, `npm test` and the checks: packages, the native addon, the compiled library.
// Each step looks first whether there is anything to do, so a second call costs milliseconds.

import { spawn } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const logs = join(root, 'build-logs');

/** A set-up step that cannot go on, told in words a user can act on. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** Runs set-up and turns a SetupError into its message and exit code 1, without a stack. */
export async function orExit(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exit(1);
  }
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Time of the newest file under the paths; with `folders`, of the newest folder: when files came or went. */
function newest(paths, { skip = () => false, folders = false } = {}) {
  let time = 0;
  for (const path of paths) {
    if (!existsSync(path) || skip(path)) continue;
    const stat = statSync(path);
    if (stat.isDirectory()) time = Math.max(time, newest(readdirSync(path).map((name) => join(path, name)), { skip, folders }));
    if (stat.isDirectory() === folders) time = Math.max(time, stat.mtimeMs);
  }
  return time;
}

/** npm as it was started, or as it is found on PATH. */
function npm(args) {
  const own = process.env.npm_execpath;
  return own?.endsWith('npm-cli.js') ? [process.execPath, [own, ...args]] : ['npm', args];
}

/**
 * Runs a command with its output in a log file. Shows one line with what is happening (and the time so far on a
 * terminal); on failure throws with the end of the log and the file's name.
 */
async function step(title, logName, [command, args], { env = {}, progress, advice = () => '' } = {}) {
  mkdirSync(logs, { recursive: true });
  const log = join(logs, logName);
  const out = openSync(log, 'w');
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1e3).toFixed(0);
  const terminal = process.stderr.isTTY === true;
  const show = () => {
    const detail = progress === undefined ? '' : progress(readFileSync(log, 'utf8'));
    process.stderr.write(`\r\x1b[K${title} … ${seconds()} s${detail === '' ? '' : `, ${detail}`}`);
  };
  if (!terminal) say(`${title} …`);
  const timer = terminal ? setInterval(show, 500) : undefined;
  const code = await new Promise((done) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', out, out] });
    child.on('error', (error) => done(error));
    child.on('close', (status, signal) => done(status ?? signal));
  });
  clearInterval(timer);
  closeSync(out);
  if (terminal) process.stderr.write('\r\x1b[K');
  if (code === 0) {
    say(`${title}: done in ${seconds()} s`);
    return;
  }
  const text = readFileSync(log, 'utf8');
  const tail = text.trimEnd().split('\n').slice(-30).join('\n');
  const why = code instanceof Error ? code.message : `exit ${code}`;
  const hint = advice(text);
  throw new SetupError(`${title} failed (${why}): ${command} ${args.join(' ')}\n\n${tail}\n\nThe whole log: ${log}` +
    (hint === '' ? '' : `\n${hint}`));
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(`whetstone needs Node 20.19 or newer, but this is ${process.version}. ` +
    'Install a current Node, for example with your distribution, nvm or fnm.');
}

function dependenciesMatch() {
  const have = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(have)) return false;
  const installed = readJson(have).packages;
  return Object.entries(readJson(join(root, 'package-lock.json')).packages).every(([name, wanted]) =>
    name === '' || wanted.optional === true || wanted.devOptional === true || installed[name]?.version === wanted.version);
}

/** Installs the packages of package-lock.json unless they are there already. */
export async function ensureDependencies() {
  checkNode();
  if (dependenciesMatch()) return;

  await step('Installing packages', 'install.log', npm(['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund']), {
    advice: (text) => /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(text)
      ? 'npm could not reach its registry: check the network, a proxy (npm config set proxy …) or the registry setting.'
      : '',
  });
}

function onPath(program) {
  return (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function checkCompiler() {
  const wanted = [
    ['python3', 'node-gyp is written for it', 'python3'],
    ['make', 'it runs the build', 'make'],
    [process.env.CXX ?? 'g++', 'it compiles the engine (C++17)', 'g++'],
  ];
  const missing = wanted.filter(([program]) => !(program.includes('/') ? existsSync(program) : onPath(program)));
  if (missing.length === 0) return;
  throw new SetupError('The native engine must be compiled here, but this machine lacks:\n' +
    missing.map(([program, use]) => `  ${program.padEnd(8)} ${use}`).join('\n') +
    '\nOn Debian and Ubuntu: sudo apt-get install python3 make g++\n' +
    'On Fedora and RHEL:   sudo dnf install python3 make gcc-c++');
}

/** Node's headers beside its own executable, if they are of the same version: saves a download. */
function localHeaders() {
  const prefix = dirname(dirname(process.execPath));
  const file = join(prefix, 'include', 'node', 'node_version.h');
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  const version = `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`;
  return version === process.versions.node ? [`--nodedir=${prefix}`] : [];
}

/** Names of the addons that binding.gyp builds; libraries that they share are not among them. */
export function nativeTargets() {
  const text = readFileSync(join(root, 'binding.gyp'), 'utf8');
  return [...text.matchAll(/"target_name": "(\w+)",(?!\s*"type": "static_library")/g)].map((match) => match[1]);
}

function jobs() {
  if (process.env.JOBS !== undefined) return process.env.JOBS;
  // A compiler process takes up to about 1 GB.
  return String(Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 1e9))));
}

/**
 * Builds the addon when a native source is newer than it. `targets` limits what is built: `npm start` needs only
 * "engine", the tests also "engine_testing".
 */
export async function ensureNative({ targets = nativeTargets() } = {}) {
  const built = (name) => join(root, 'build', 'Release', `${name}.node`);
  const known = nativeTargets();
  const wanted = targets.filter((name) => known.includes(name));
  const gyp = join(root, 'binding.gyp');
  const native = join(root, 'native');
  const layout = Math.max(newest([gyp, join(root, 'scripts', 'sources.cjs')]), newest([native], { folders: true }));
  const sources = Math.max(layout, newest([native], { skip: (path) => path.endsWith('.md') }));
  const stale = wanted.filter((name) => !existsSync(built(name)) || statSync(built(name)).mtimeMs < sources);
  if (stale.length === 0) return;
  checkCompiler();
  const makefile = join(root, 'build', 'Makefile');
  const configured = existsSync(makefile) && statSync(makefile).mtimeMs > layout;
  const tool = (...args) => npm(['exec', '--no', '--', 'node-gyp', ...args, ...localHeaders()]);
  const advice = (text) => {
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|getaddrinfo|status code 4\d\d/.test(text)) {
      return "node-gyp could not fetch Node's headers: install them (Debian: libnode-dev, or Node from its own archive, " +
        'which has them) or set npm_config_nodedir to a folder that holds include/node.';
    }
    if (/Killed signal|cc1plus.*[Kk]illed/.test(text)) return 'The compiler ran out of memory: try again with JOBS=1.';
    return '';
  };
  if (!configured) await step('Preparing the native build', 'configure.log', tool('configure'), { advice });
  await step('Compiling the engine', 'native.log', tool('build', ...stale), {
    env: { JOBS: jobs() },
    advice,
    progress: (text) => `${text.match(/^\s+CXX\(/gm)?.length ?? 0} files`,
  });
  const now = new Date(); // make leaves a target alone whose own sources did not change: note that it was looked at
  for (const name of stale) utimesSync(built(name), now, now);
}

/** Compiles lib/ to dist/ when a source is newer than it. */
export async function ensureLib() {
  const dist = join(root, 'dist');
  const sources = newest([join(root, 'tsconfig.json'), join(root, 'tsconfig.build.json'), join(root, 'lib')]);
  if (newest([dist]) >= sources) return;
  rmSync(dist, { recursive: true, force: true });
  try {
    await step('Compiling the library', 'lib.log',
      [process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json']]);
    chmodSync(join(dist, 'cli', 'main.js'), 0o755); // npx starts it as a program
  } catch (error) {
    rmSync(dist, { recursive: true, force: true }); // half a library would look finished next time
    throw error;
  }
}

/** Everything, in order. */
export async function ensureAll(options = {}) {
  await ensureDependencies();
  await ensureNative(options);
  await ensureLib();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await orExit(() => ensureAll());
