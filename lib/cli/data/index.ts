// `whetstone data …`: looking at rows before they cost anything. Each command lies in its own file of this folder and
// is loaded only when it runs.

import type { Command } from 'commander';
import { number } from '../tools.js';
import type { CommandTools } from '../tools.js';
import { addPartCommands } from './parts.js';
import { withReading } from './reading.js';

export function addDataCommands(program: Command, { command, run }: CommandTools): void {
  const group = program.command('data').description('look at rows, clean them, split them: before they cost anything');
  withReading(command(group, 'inspect', 'say what rows are taken for, how surely, and show some'))
    .argument('<files...>', 'files, folders or patterns')
    .option('--rows <n>', 'rows to show', number(1, true), 3)
    .action(run(async () => (await import('./inspect.js')).inspectCommand));
  command(group, 'seal', 'encrypt test rows: nothing that trains can read them, and every look is counted')
    .argument('<files...>', 'test rows')
    .requiredOption('--output <file>', 'the sealed file; its name ends with .sealed')
    .option('--key <file>', 'where the key goes; absent: beside the sealed file')
    .option('--text-split <part>', 'what one row of a text file is: file, paragraph or line')
    .action(run(async () => (await import('./seal.js')).sealCommand));
  addPartCommands(group, { command, run });
}
