// What every benchmark shares: timing with warm-up, medians and spreads, who ran it where, one JSON line a result.
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(import.meta.url), '..', '..');

export interface Summary {
  readonly median: number;
  /** Half the distance between the 10th and the 90th percentile, as a part of the median. */
  readonly spread: number;
  readonly runs: number;
}

/** One result. A case adds its own fields: shape, tokens, rates, ratios. */
export type Result = { readonly case: string } & Readonly<Record<string, unknown>>;

function percentile(sorted: readonly number[], part: number): number {
  const place = part * (sorted.length - 1);
  const low = sorted[Math.floor(place)]!;
  return low + (sorted[Math.ceil(place)]! - low) * (place - Math.floor(place));
}

export function summarize(times: readonly number[]): Summary {
  if (times.length === 0) throw new Error('summarize: no times were given');
  const sorted = times.toSorted((a, b) => a - b);
  const median = percentile(sorted, 0.5);
  return { median, spread: (percentile(sorted, 0.9) - percentile(sorted, 0.1)) / 2 / median, runs: times.length };
}

/** Milliseconds of each of `runs` calls, after `warmup` calls that do not count. */
export async function time(
  work: (run: number) => unknown, { warmup = 3, runs = 20 }: { warmup?: number; runs?: number } = {},
): Promise<readonly number[]> {
  for (let run = 0; run < warmup; run++) await work(run);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const begin = performance.now();
    await work(warmup + run);
    times.push(performance.now() - begin);
  }
  return times;
}

/** Prints a result for bench/run.ts to collect; anything for people goes to stderr. */
export function report(result: Result): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Value of `--name value` in the arguments, or the fallback. */
export function option(name: string, fallback: string): string {
  const place = process.argv.indexOf(`--${name}`);
  const value = place < 0 ? undefined : process.argv[place + 1];
  if (place >= 0 && value === undefined) throw new Error(`--${name}: expected a value after it`);
  return value ?? fallback;
}

/** The processor as the kernel names it, with a family number where that name is vague. */
export function cpuName(): string {
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(info)?.[1] ?? 'unknown';
  return `${field('model name')} family ${field('cpu family')} model ${field('model')}`;
}

/** The commit that was measured, with "+" when files differed from it. */
export function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}

/** Appends results to bench/results/<device>.jsonl; lines there are never edited. Returns the file's path. */
export function append(device: string, results: readonly Result[], command: string): string {
  const folder = join(root, 'bench', 'results');
  const file = join(folder, `${device.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')}.jsonl`);
  mkdirSync(folder, { recursive: true });
  const about = { date: new Date().toISOString().slice(0, 16), commit: commit(), device, command };
  appendFileSync(file, results.map((result) => `${JSON.stringify({ ...about, ...result })}\n`).join(''));
  return file;
}
