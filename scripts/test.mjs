// `npm test`: set-up, then jest with whatever arguments were given. The last line sums up in plain words.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureAll, orExit, root } from './setup.mjs';

await orExit(() => ensureAll());

const scratch = mkdtempSync(join(tmpdir(), 'whetstone-test-'));
const report = join(scratch, 'report.json');
const args = process.argv.slice(2);
const watching = args.some((arg) => arg.startsWith('--watch') || arg === '--listTests' || arg === '--help');
const jest = spawnSync(process.execPath, [
  join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
  ...(watching ? [] : ['--json', `--outputFile=${report}`]),
  ...args,
], { cwd: root, stdio: [watching ? 'inherit' : 'ignore', watching ? 'inherit' : 'ignore', 'inherit'] });

let summary = '';
if (existsSync(report)) {
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const skipped = result.numPendingTests + result.numTodoTests;
  // A file that does not load has no tests to count: it counts as one failure.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  summary = `${result.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
}
rmSync(scratch, { recursive: true, force: true });
if (jest.error !== undefined) process.stderr.write(`jest could not be started: ${jest.error.message}\n`);
if (summary !== '' && !summary.startsWith('0 passed, 0 failed')) process.stdout.write(`\n${summary}`);
process.exitCode = jest.status ?? 1;
