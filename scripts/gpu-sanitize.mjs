// Runs a small case of each operation on the GPU under NVIDIA's compute-sanitizer: memcheck, racecheck, initcheck and
// synccheck, and every case twice for the same bits. `npm run bundle:gpu -- FOLDER` puts it beside run.mjs as
// sanitize.mjs, so that it runs on a machine that has a node binary and the CUDA toolkit and nothing else:
//   node sanitize.mjs [--tools memcheck,racecheck] [--report FILE.json] [options of run.mjs, such as --only linear]

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TOOLS = ['memcheck', 'racecheck', 'initcheck', 'synccheck'];
const SHOWN = 12; // findings of each tool in the report, with some lines each
const LINES = 14;

const beside = dirname(fileURLToPath(import.meta.url));

/** Everything that is not ours goes on to run.mjs. */
function options() {
  const own = { tools: { type: 'string' }, report: { type: 'string' }, runner: { type: 'string' } };
  const { values, tokens } = parseArgs({ options: own, strict: false, allowPositionals: true, tokens: true });
  const taken = new Set(tokens.filter(({ kind, name }) => kind === 'option' && name in own)
    .flatMap(({ index, inlineValue }) => (inlineValue === false ? [index, index + 1] : [index])));
  const tools = (values.tools ?? TOOLS.join(',')).split(',');
  const odd = tools.find((name) => !TOOLS.includes(name));
  if (odd !== undefined) throw new Error(`--tools: expected some of ${TOOLS.join(', ')}, got "${odd}"`);
  const runner = resolve(values.runner ?? join(beside, 'run.mjs'));
  if (!existsSync(runner)) throw new Error(`${runner} is not there: make it with "npm run bundle:gpu -- FOLDER", or name it with --runner`);
  return { tools, runner, report: values.report, rest: process.argv.slice(2).filter((_, i) => !taken.has(i)) };
}

function found(program) {
  return ['/usr/local/cuda/bin', process.env.CUDA_HOME && join(process.env.CUDA_HOME, 'bin'), ...(process.env.PATH ?? '').split(':')]
    .filter(Boolean).map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** Paragraphs of the log that begin a finding, and the number that its last line gives. */
function read(log) {
  const lines = log.split('\n').map((line) => line.replace(/^=+ ?/, ''));
  const findings = [];
  for (const [i, line] of lines.entries()) {
    if (/^(Invalid|Uninitialized|Error|Warning|Barrier error|Potential|Race|Program hit|Leaked|Misaligned)/.test(line)) {
      findings.push(lines.slice(i, i + LINES).filter((each, k) => !/^\s*Host Frame/.test(each) && (k < 3 || !/^\s*and /.test(each))).join('\n'));
    }
  }
  const summary = lines.filter((line) => /(ERROR|RACECHECK) SUMMARY/.test(line)).at(-1);
  return { count: summary === undefined ? undefined : Number(/(\d+) (?:error|hazard)/.exec(summary)?.[1]), summary, findings };
}

async function run(sanitizer, tool, { runner, rest }, folder) {
  const log = join(folder, `${tool}.log`);
  const report = join(folder, `${tool}.json`);
  const started = performance.now();
  const args = ['--tool', tool, '--log-file', log, '--print-limit', '200', process.execPath, runner, '--small', '--backends', 'cuda', '--report', report, ...rest];
  const child = spawn(sanitizer, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { output += data; });
  const code = await new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (status, signal) => done(signal ?? status));
  });
  const cases = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
  const { count, summary, findings } = existsSync(log) ? read(readFileSync(log, 'utf8')) : { findings: [] };
  return {
    tool, seconds: (performance.now() - started) / 1e3, exit: code, passed: cases?.passed ?? 0, failed: cases?.failed ?? 0, findings: count, summary,
    first: [...new Set(findings)].slice(0, SHOWN), failures: cases?.outcomes.filter(({ outcome }) => outcome === 'failed') ?? [],
    device: cases?.devices?.[0], commit: cases?.commit, output: cases === undefined ? output.slice(-2000) : undefined,
  };
}

async function main() {
  const given = options();
  const sanitizer = found('compute-sanitizer');
  if (sanitizer === undefined) throw new Error('compute-sanitizer is not on the PATH: it comes with the CUDA toolkit');
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-sanitize-'));
  try {
    // At once: each tool spends most of its time in its own process, not on the GPU.
    const results = await Promise.all(given.tools.map((tool) => run(sanitizer, tool, given, folder)));
    for (const r of results) {
      process.stdout.write(`${r.tool.padEnd(10)} ${r.passed} cases passed, ${r.failed} failed, ${r.findings ?? 'no'} findings, ${r.seconds.toFixed(0)} s`
        + `  ${r.summary ?? r.output ?? ''}\n`);
      for (const text of [...new Set(r.first.map((each) => each.split('\n').slice(0, 3).join(' | ')))].slice(0, 5)) process.stdout.write(`  ${text}\n`);
      for (const { op, name, dtype, message } of r.failures.slice(0, 5)) process.stdout.write(`  failed: ${op} | ${name} | ${dtype} | ${message}\n`);
    }
    const good = results.every((r) => r.findings === 0 && r.failed === 0 && r.passed > 0);
    if (given.report !== undefined) writeFileSync(given.report, `${JSON.stringify({ date: new Date().toISOString(), good, results }, null, 1)}\n`);
    process.stdout.write(good ? 'clean\n' : 'not clean\n');
    return good ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
