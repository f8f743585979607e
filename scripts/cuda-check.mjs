// Compiles every cuda/**/*.cu for sm_90a and reads ptxas' report: the kernels listed in cuda/hot-kernels.txt (one
// regular expression a line, # comments) must have no spills and no stack. Then links the plugin, which must export
// one symbol and need no library but libc's. Nothing to do without cuda/ or nvcc.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root } from './setup.mjs';

function findNvcc() {
  const places = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'].filter(Boolean)
    .map((folder) => join(folder, 'bin', 'nvcc'));
  return ['nvcc', ...places].find((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0);
}

function sources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : entry.name.endsWith('.cu') ? [path] : [];
  });
}

/** What ptxas says of each kernel: [{ name, stack, spills, registers }]. */
export function resources(report) {
  const kernels = [];
  for (const line of report.split('\n')) {
    const entry = /Compiling entry function '([^']+)'/.exec(line);
    if (entry !== null) kernels.push({ name: entry[1], stack: 0, spills: 0, registers: 0 });
    const kernel = kernels.at(-1);
    if (kernel === undefined) continue;
    const frame = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    if (frame !== null) {
      kernel.stack = Math.max(kernel.stack, Number(frame[1]));
      kernel.spills = Math.max(kernel.spills, Number(frame[2]) + Number(frame[3]));
    }
    const used = /Used (\d+) registers/.exec(line);
    if (used !== null) kernel.registers = Number(used[1]);
  }
  return kernels;
}

function hotKernels() {
  const file = join(root, 'cuda', 'hot-kernels.txt');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '').map((line) => new RegExp(line));
}

function compile(nvcc, file, folder) {
  const object = join(folder, `${relative(root, file).replaceAll('/', '_')}.o`);
  const args = ['-c', '-O3', '-std=c++17', '-gencode', 'arch=compute_90a,code=sm_90a', '-Xptxas', '-v',
    '-Xcompiler', '-fPIC,-fvisibility=hidden', '-I', join(root, 'native'), '-I', join(root, 'cuda'), file, '-o', object];
  return new Promise((done) => {
    const child = spawn(nvcc, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (data) => { text += data; });
    child.stderr.on('data', (data) => { text += data; });
    child.on('close', (status) => done({ file, status, text }));
  });
}

/** Links the objects as the plugin is linked, and returns what is wrong with the library. */
function linkProblems(nvcc, folder) {
  const library = join(folder, 'libwhetstone_cuda.so');
  const objects = readdirSync(folder).filter((name) => name.endsWith('.o')).map((name) => join(folder, name));
  execFileSync(nvcc, ['-shared', '-cudart', 'static', '-gencode', 'arch=compute_90a,code=sm_90a', '-Xlinker', '--exclude-libs=ALL',
    '-Xlinker', '--no-undefined', '-Xlinker', `--version-script=${join(root, 'cuda', 'exports.map')}`, ...objects, '-ldl', '-o', library], { stdio: ['ignore', 'inherit', 'inherit'] });
  const exported = execFileSync('nm', ['-D', '--defined-only', library], { encoding: 'utf8' }).trim().split('\n')
    .map((line) => line.split(' ').at(-1));
  const needed = [...execFileSync('readelf', ['-d', library], { encoding: 'utf8' }).matchAll(/NEEDED.*\[(.*)\]/g)].map((match) => match[1]);
  const system = /^(libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s|ld-linux-x86-64)\.so/;
  return [
    ...(exported.length === 1 ? [] : [`the plugin exports ${exported.join(', ')}; expected one symbol`]),
    ...needed.filter((name) => !system.test(name)).map((name) => `the plugin needs ${name}; it may need the system's own libraries only`),
  ];
}

async function main() {
  const files = sources(join(root, 'cuda'));
  if (files.length === 0) return 'cuda/ holds no .cu file: nothing to compile';
  const nvcc = findNvcc();
  if (nvcc === undefined) return `no nvcc on this machine: ${files.length} .cu files not compiled`;
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-cuda-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const results = [];
  const queue = [...files];
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) results.push(await compile(nvcc, file, folder));
  }));
  const failed = results.filter((result) => result.status !== 0);
  if (failed.length > 0) throw new Error(failed.map(({ file, text }) => `${relative(root, file)}:\n${text}`).join('\n'));
  const kernels = results.flatMap((result) => resources(result.text));
  const hot = hotKernels();
  const unknown = hot.filter((pattern) => !kernels.some((kernel) => pattern.test(kernel.name)));
  if (unknown.length > 0) throw new Error(`cuda/hot-kernels.txt names no kernel with ${unknown.join(', ')}`);
  const bad = kernels.filter((kernel) => hot.some((pattern) => pattern.test(kernel.name)) && (kernel.stack > 0 || kernel.spills > 0));
  if (bad.length > 0) {
    throw new Error(bad.map(({ name, stack, spills, registers }) =>
      `${name}: ${registers} registers, ${stack} bytes of stack, ${spills} bytes spilled; a hot kernel may have neither`).join('\n'));
  }
  const problems = linkProblems(nvcc, folder);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const checked = kernels.filter((kernel) => hot.some((pattern) => pattern.test(kernel.name))).length;
  return `${files.length} .cu files compile for sm_90a: ${kernels.length} kernels, ${checked} hot ones without spills or stack`;
}

try {
  process.stdout.write(`${await main()}\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
