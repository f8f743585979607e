// Builds the CUDA plugin with nvcc alone, file by file on all cores, and again only what changed: each object keeps the
// list of files that it came from (-MD) and the command that made it. Puts it where sessions look for it.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { EngineError } from '../errors.js';
import { packageRoot } from './native.js';
import { findNvcc, runNvcc, type Nvcc } from './nvcc.js';
import { buildFolder, PLUGIN } from './plugin-paths.js';

export interface BuildOptions {
  /** Path of nvcc. @default CUDACXX, CUDA_HOME, CUDA_PATH, the PATH, the usual folders */
  readonly nvcc?: string;
  /**
   * "90a" and so on: machine code of these; "ptx80": portable code that newer drivers translate for any card from Ampere
   * on. @default 90a and ptx80
   */
  readonly architectures?: readonly string[];
  /** Compilers at once. @default one per core */
  readonly jobs?: number;
  /** Compile everything again. @default false */
  readonly force?: boolean;
  /** Folder to build in. @default build-cuda/ of the package, or one in the user's cache */
  readonly folder?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BuildProgress) => void;
}

export interface BuildProgress {
  readonly done: number;
  readonly total: number;
  readonly file: string;
  readonly seconds: number;
}

export interface BuildResult {
  readonly plugin: string;
  readonly nvcc: Nvcc;
  readonly architectures: readonly string[];
  /** Files that were compiled; the rest was current. */
  readonly compiled: number;
  readonly files: number;
  readonly seconds: number;
}

const DEFAULT = ['90a', 'ptx80'] as const;

function gencode(architecture: string): readonly string[] {
  const match = /^(ptx)?(\d{2,3}[af]?)$/.exec(architecture);
  if (match === null || Number.parseInt(match[2]!, 10) < 80) {
    throw new EngineError(`--arch: expected names such as 80, 86, 90a or ptx80, from 80 on, got ${architecture}`,
      { code: 'ERR_INVALID_ARGUMENT', argument: 'architectures', expected: '80 or more', received: architecture });
  }
  return ['-gencode', `arch=compute_${match[2]},code=${match[1] === undefined ? 'sm' : 'compute'}_${match[2]}`];
}

async function sources(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith('.cu')).map((entry) => join(entry.parentPath, entry.name)).sort();
}

const modified = (path: string): number => (existsSync(path) ? statSync(path).mtimeMs : Infinity);
const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** The files that a rule of make names after its colon. */
function dependencies(rule: string): readonly string[] {
  return rule.replaceAll('\\\n', ' ').replace(/^[^:]*:/, '').match(/(?:\\ |\S)+/g)?.map((path) => path.replaceAll('\\ ', ' ')) ?? [];
}

interface Unit {
  readonly file: string;
  readonly object: string;
  readonly args: readonly string[];
  readonly command: string;
  /** Seconds of the last time, or a guess from its size. */
  readonly cost: number;
}

function isCurrent(unit: Unit): boolean {
  if (!existsSync(unit.object) || textOf(`${unit.object}.command`).split('\n')[0] !== unit.command) return false;
  const built = modified(unit.object);
  const from = dependencies(textOf(`${unit.object}.d`));
  return from.length > 0 && from.every((path) => modified(path) <= built);
}

export async function buildPlugin(options: BuildOptions = {}): Promise<BuildResult> {
  const began = performance.now();
  const root = packageRoot();
  const architectures = [...(options.architectures ?? DEFAULT)];
  const flags = architectures.flatMap(gencode);
  const nvcc = await findNvcc(options.nvcc);
  const folder = options.folder ?? buildFolder();
  const objects = join(folder, 'objects'), release = join(folder, 'Release');
  await Promise.all([objects, release].map((path) => mkdir(path, { recursive: true })));
  const files = existsSync(join(root, 'cuda')) ? await sources(join(root, 'cuda')) : [];
  if (files.length === 0) {
    throw new EngineError(`${join(root, 'cuda')} holds no sources of the plugin; install the package again`,
      { code: 'ERR_BACKEND_UNAVAILABLE', why: 'not-built', tried: [join(root, 'cuda')] });
  }
  const jobs = Math.max(1, options.jobs ?? availableParallelism());
  const units = files.map((file): Unit => {
    const object = join(objects, `${relative(join(root, 'cuda'), file).replaceAll('/', '_')}.o`);
    const args = ['-c', '-O3', '-std=c++17', ...flags, '--threads', '0', '-Xcompiler', '-fPIC,-fvisibility=hidden',
      '-I', join(root, 'native'), '-I', join(root, 'cuda'), '-MD', '-MF', `${object}.d`, file, '-o', object];
    const seconds = Number(textOf(`${object}.command`).split('\n')[1]);
    return { file, object, args, command: `${nvcc.version} ${args.join(' ')}`, cost: seconds > 0 ? seconds : statSync(file).size / 1e3 };
  });
  const stale = units.filter((unit) => options.force === true || !isCurrent(unit)).sort((a, b) => b.cost - a.cost);
  const queue = [...stale];
  let done = 0;
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const worker = async (): Promise<void> => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
      const start = performance.now();
      await rm(`${unit.object}.command`, { force: true });
      await runNvcc(nvcc, unit.args, relative(root, unit.file), signal);
      const seconds = (performance.now() - start) / 1e3;
      await writeFile(`${unit.object}.command`, `${unit.command}\n${seconds.toFixed(2)}\n`);
      done += 1;
      options.onProgress?.({ done, total: stale.length, file: relative(root, unit.file), seconds });
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, Math.max(1, stale.length)) }, worker));
  } catch (error) {
    stop.abort();
    throw error;
  }

  const plugin = join(release, PLUGIN);
  const newest = Math.max(...units.map((unit) => modified(unit.object)));
  if (stale.length > 0 || !(modified(plugin) >= newest && existsSync(plugin))) {
    const fresh = `${plugin}.${process.pid}.tmp`;
    await runNvcc(nvcc, ['-shared', '-cudart', 'static', ...flags, '-Xlinker', '--exclude-libs=ALL', '-Xlinker', '--no-undefined',
      '-Xlinker', `--version-script=${join(root, 'cuda', 'exports.map')}`, ...units.map((unit) => unit.object), '-ldl', '-o', fresh],
    'the plugin', options.signal);
    await mkdir(dirname(plugin), { recursive: true });
    await rename(fresh, plugin);  // a process that has the old one open keeps it
  }
  return { plugin, nvcc, architectures, compiled: stale.length, files: units.length, seconds: (performance.now() - began) / 1e3 };
}
