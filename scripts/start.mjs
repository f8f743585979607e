// `npm start`: set-up, then the quickstart with whatever arguments were given. See lib/cli/quickstart.ts.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureAll, orExit, root } from './setup.mjs';

await orExit(() => ensureAll({ targets: ['engine'] }));

const command = spawn(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'quickstart', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' });
process.on('SIGINT', () => undefined); // a terminal sends Ctrl-C to both; the command saves and ends by itself
process.on('SIGTERM', () => command.kill('SIGTERM'));
command.on('error', (error) => {
  process.stderr.write(`the quickstart could not be started: ${error.message}\n`);
  process.exitCode = 1;
});
command.on('close', (code) => { process.exitCode = code ?? 1; });
