// The command line: which backends, which instruction sets, which operations, where the golden files are.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

export const USAGE = `Usage: node run.mjs [options]
  --backends cpu,cuda   where to run (cpu, and cuda when a plugin is found)
  --isa all|best|NAME   instruction sets of the CPU backend (all)
  --only NAME,NAME      operations by the start of their names, or "operations",
                        "checks", "models", "golden", "training", "failures"
                        (everything)
  --small               a small case of each operation, in this process: for
                        scripts/gpu-sanitize.mjs
  --golden DIR          test/golden of a checkout (DIR "golden" beside this file, or test/golden below this folder)
  --report FILE.json    everything as JSON
  --jobs N              processes at once (a quarter of the cores, at most 4)
  --patience SECONDS    a process that is silent for so long is killed (120)
WHETSTONE_CUDA_PLUGIN names the CUDA plugin; without it, libwhetstone_cuda.so beside this file is taken.`;

export interface Options {
  readonly backends: readonly string[] | undefined;
  readonly isa: string;
  readonly only: readonly string[];
  readonly small: boolean;
  readonly golden: string | undefined;
  readonly report: string | undefined;
  readonly jobs: number;
  readonly patience: number;
  /** This process does units for another one. */
  readonly worker: boolean;
  readonly help: boolean;
}

const words = (text: string | undefined): readonly string[] => (text ?? '').split(',').map((w) => w.trim()).filter((w) => w !== '');

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: expected a whole number from 1, got "${text}"`);
  return value;
}

export function readOptions(argv: readonly string[]): Options {
  const one = { type: 'string' } as const;
  const { values } = parseArgs({ args: [...argv], options: {
    backends: one, isa: one, only: one, golden: one, report: one, jobs: one, patience: one,
    worker: { type: 'boolean' }, small: { type: 'boolean' }, help: { type: 'boolean' },
  } });
  const backends = values.backends === undefined ? undefined : words(values.backends);
  const odd = backends?.find((name) => name !== 'cpu' && name !== 'cuda');
  if (odd !== undefined) throw new Error(`--backends: expected "cpu", "cuda" or both, got "${odd}"`);
  const { golden } = values;
  if (golden !== undefined && !existsSync(join(golden, 'cases'))) {
    throw new Error(`--golden: expected a folder that holds "cases", got ${golden}`);
  }
  const known = [join(dirname(process.argv[1] ?? ''), 'golden'), join('test', 'golden')].find((place) => existsSync(join(place, 'cases')));
  return {
    backends, isa: values.isa ?? 'all', only: words(values.only), small: values.small ?? false, golden: golden ?? known, report: values.report,
    jobs: count('jobs', values.jobs ?? String(Math.min(4, Math.max(1, availableParallelism() >> 2)))),
    patience: count('patience', values.patience ?? '120'), worker: values.worker ?? false, help: values.help ?? false,
  };
}

/** Whether `--only` wants an operation of a group. */
export function wanted({ only }: Options, group: string, op: string): boolean {
  return only.length === 0 || only.some((word) => word === group || op.startsWith(word));
}
