// Runs a few lines of TypeScript in a process of their own, bundled first so that it starts in a tenth of a second:
// for tests that kill it.
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

/** `source` may import from `LIB`, the absolute path of lib/. Resolves when the child has written to its output. */
export async function startChild(folder: string, source: string): Promise<ChildProcess> {
  const script = join(folder, `child-${process.hrtime.bigint()}.mts`);
  await writeFile(script, source);
  const outfile = script.replace(/\.mts$/, '.mjs');
  await build({ entryPoints: [script], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  const child = spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((done, fail) => {
    child.stdout?.once('data', () => done());
    child.once('exit', (code) => fail(new Error(`the child ended with ${code} before it said anything`)));
  });
  return child;
}

export const LIB = join(__dirname, '../../../lib');

/** Kills it as a power cut would and waits until it is gone. */
export async function killChild(child: ChildProcess): Promise<void> {
  const gone = new Promise((done) => void child.once('exit', done));
  child.kill('SIGKILL');
  await gone;
}
