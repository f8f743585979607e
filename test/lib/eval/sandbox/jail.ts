// The sandbox of these tests, if it works on this machine, and what to say where it does not.
import { findJail } from '../../../../lib/eval/sandbox/bubblewrap.js';
import type { Jail } from '../../../../lib/eval/sandbox/bubblewrap.js';

/** Runs a test in the sandbox; on a machine without one says so, once for each test that could not run. */
export async function withJail(body: (jail: Jail) => Promise<void>): Promise<void> {
  const jail = await findJail().catch((error: Error) => error);
  if (jail instanceof Error) process.stderr.write(`not tested here (${expect.getState().currentTestName}): ${jail.message.split('. Install')[0]}\n`);
  else await body(jail);
}
