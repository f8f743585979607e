// `npm run bench -- NAME… [options]`: runs benchmarks by name, each in its own process, collects the JSON lines that
// they print, appends them to bench/results/<device>.jsonl (not with --dry) and ends with a table.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { append, cpuName, root, type Result } from './harness.js';

const here = join(root, 'bench');

/** ops/linear, step/train-step, peer/peer …: every .ts one folder down that exports nothing. */
function all(): readonly string[] {
  return readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'lab' && entry.name !== 'results')
    .flatMap((folder) => readdirSync(join(here, folder.name))
      .filter((name) => name.endsWith('.ts') && !/^export /m.test(readFileSync(join(here, folder.name, name), 'utf8')))
      .map((name) => `${folder.name}/${name.slice(0, -3)}`)).sort();
}

async function runCase(name: string, options: readonly string[]): Promise<readonly Result[]> {
  process.stderr.write(`\n== ${name}\n`);
  const child = spawn(process.execPath, ['--import', 'tsx', join(here, `${name}.ts`), ...options],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => { text += data; });
  const status = await new Promise<number | null>((done) => child.on('close', done));
  if (status !== 0) throw new Error(`${name} ended with ${status}: its results are not kept`);
  return text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Result);
}

function show(value: unknown): string {
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value);
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

function table(results: readonly Result[]): string {
  const columns = [...new Set(results.flatMap((result) => Object.keys(result)))];
  const rows = [columns, ...results.map((result) => columns.map((column) => (column in result ? show(result[column]) : '')))];
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ').trimEnd()).join('\n');
}

const args = process.argv.slice(2);
const split = args.findIndex((arg) => arg.startsWith('-'));
const names = split < 0 ? args : args.slice(0, split);
const options = (split < 0 ? [] : args.slice(split)).filter((arg) => arg !== '--dry');
const known = all();
const chosen = known.filter((name) => names.some((wanted) => name === wanted || name.startsWith(`${wanted}/`) || name.endsWith(`/${wanted}`)));
if (chosen.length === 0) {
  process.stderr.write(`Give one or more of these, or their folder:\n${known.map((name) => `  ${name}`).join('\n')}\n` +
    'Options after the names go to the benchmark; --dry keeps nothing.\n');
  process.exitCode = 2;
} else {
  const results: Result[] = [];
  for (const name of chosen) results.push(...await runCase(name, options));
  if (results.length > 0) {
    // The command as anybody can repeat it: paths of this checkout are shown relative to it.
    const command = `npm run bench -- ${args.map((arg) => (arg.startsWith(`${root}/`) ? relative(root, arg) : arg)).join(' ')}`;
    process.stdout.write(`\n${table(results)}\n`);
    if (!args.includes('--dry')) {
      const device = typeof results[0]!['device'] === 'string' ? results[0]!['device'] : cpuName();
      process.stderr.write(`appended to ${relative(root, append(device, results, command))}\n`);
    }
  }
}
