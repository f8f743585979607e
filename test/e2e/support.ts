// What the end-to-end tests share: the small real model, rows for it, the command as a child process.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(__dirname, '../..');
export const STORIES = join(root, '../shared/models/stories260K');
export const haveStories = existsSync(join(STORIES, 'model.safetensors'));
export const WHY_SKIPPED = 'needs ../shared/models/stories260K beside the repository';

/** Rows that the model can learn: a short story about each of some animals, always told the same way. */
export function writeRows(file: string, count: number, from = 0): string {
  const animals = ['cat', 'dog', 'bird', 'fish', 'bear', 'frog', 'duck', 'cow', 'pig', 'hen'];
  const places = ['park', 'sea', 'house', 'garden', 'forest', 'shop', 'farm'];
  const rows = Array.from({ length: count }, (_, i) => {
    const [animal, place] = [animals[(i + from) % 10], places[(i + from) % 7]];
    return JSON.stringify({ text: `The ${animal} went to the ${place}. It was happy. "I like the ${place}," said the ${animal}.` });
  });
  writeFileSync(file, `${rows.join('\n')}\n`);
  return file;
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Child {
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly done: Promise<Finished>;
}

/** Starts `whetstone` from the sources. Its caches stay inside `home`. */
export function whetstone(home: string, ...args: string[]): Child {
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'lib/cli/main.ts'), ...args], {
    cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, XDG_CACHE_HOME: home, NO_COLOR: '1' },
  });
  const text = { out: '', err: '' };
  child.stdout.on('data', (part: Buffer) => { text.out += String(part); });
  child.stderr.on('data', (part: Buffer) => { text.err += String(part); });
  return {
    kill: (signal) => void child.kill(signal),
    done: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal, ...text }));
    }),
  };
}

/** Resolves when the run in `output` has written at least `step` updates; rejects when the child ends before. */
export async function reached(output: string, step: number, child: Child): Promise<void> {
  let ended: Finished | undefined;
  void child.done.then((finished) => { ended = finished; });
  const file = join(output, 'metrics.jsonl');
  for (;;) {
    const steps = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((line) => line.startsWith('{"type":"step"')) : [];
    const last = steps.at(-1)?.match(/"step":(\d+)/)?.[1];
    if (Number(last ?? 0) >= step) return;
    if (ended) throw new Error(`the run ended before update ${step}:\n${ended.out}${ended.err}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

export const weightsOf = (output: string): string => join(output, 'adapter', 'adapter_model.safetensors');
