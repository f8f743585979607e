// The CUDA compiler: where it is, how old it is, and one run of it. Used by build-plugin.ts only.
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { EngineError } from '../errors.js';

export interface Nvcc {
  readonly path: string;
  /** "13.0" */
  readonly version: string;
}

/** wgmma and the bulk copy engine of sm_90a came with 12.0; C++17 in kernels as we use it with 12.3. */
const OLDEST = [12, 3] as const;

function places(chosen?: string): readonly string[] {
  if (chosen !== undefined) return [chosen];
  const { CUDACXX, CUDA_HOME, CUDA_PATH } = process.env;
  const folders = [CUDA_HOME, CUDA_PATH].filter((folder) => folder !== undefined && folder !== '');
  return [...(CUDACXX ? [CUDACXX] : []), ...folders.map((folder) => join(folder!, 'bin', 'nvcc')), 'nvcc', '/usr/local/cuda/bin/nvcc', '/opt/cuda/bin/nvcc'];
}

function output(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((done) => execFile(program, args, { timeout: 60_000 }, (error, text) => done(error === null ? text : undefined)));
}

function unavailable(message: string, tried: readonly string[]): EngineError {
  return new EngineError(message, { code: 'ERR_BACKEND_UNAVAILABLE', why: 'not-built', tried });
}

/** Finds nvcc: as chosen, in CUDACXX, CUDA_HOME, CUDA_PATH, on the PATH, in the usual folders. */
export async function findNvcc(chosen?: string): Promise<Nvcc> {
  const tried = places(chosen);
  for (const path of tried) {
    const release = /release (\d+)\.(\d+)/.exec(await output(path, ['--version']) ?? '');
    if (release === null) continue;
    const [major, minor] = [Number(release[1]), Number(release[2])];
    const version = `${major}.${minor}`;
    if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return { path, version };
    throw unavailable(`${path} is CUDA ${version}: expected ${OLDEST.join('.')} or newer. Install a newer CUDA toolkit ` +
      '(only the compiler and the runtime are needed) and name it with --nvcc or CUDA_HOME.', [path]);
  }
  throw unavailable(`no CUDA compiler (nvcc) is here. Tried:\n${tried.map((path) => `  ${path}`).join('\n')}\n` +
    'Install the CUDA toolkit (on Debian and Ubuntu, from NVIDIA\'s repository: cuda-nvcc and cuda-cudart-dev), or name it with --nvcc or CUDA_HOME.', tried);
}

/** One run. Rejects with what the compiler said. */
export function runNvcc(nvcc: Nvcc, args: readonly string[], what: string, signal?: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(nvcc.path, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(signal === undefined ? {} : { signal }) });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (data: string) => { text += data; });
    child.on('error', fail);
    child.on('close', (status) => {
      if (status === 0) return done();
      const said = text.trim().split('\n').filter((line) => /error|fatal|unsupported|cannot|not found|undefined/i.test(line)).slice(0, 12).join('\n');
      const hint = /unsupported GNU version|host compiler|cannot find compiler|gcc: (No such|error)|g\+\+: (No such|not found)/i.test(text)
        ? '\nnvcc needs a host compiler that it supports: install g++, or name one with NVCC_PREPEND_FLAGS="-ccbin g++-13".' : '';
      fail(unavailable(`${what} does not compile with CUDA ${nvcc.version} (${nvcc.path}, status ${status}):\n${said || text.trim().slice(-2000)}${hint}`, [nvcc.path]));
    });
  });
}
