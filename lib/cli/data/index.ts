// `whetstone data …`: looking at rows before they cost anything. Each command lies in its own file of this folder and
// is loaded only when it runs.

import type { Command } from 'commander';
import { Option } from 'commander';
import { number } from '../tools.js';
import type { CommandTools } from '../tools.js';
import { addCurateCommands } from './curate-options.js';
import { addPartCommands } from './parts.js';
import { pairsOption, withReading } from './reading.js';

export function addDataCommands(program: Command, { command, run }: CommandTools): void {
  const group = program.command('data').description('look at rows, clean them, split them: before they cost anything');
  withReading(command(group, 'inspect', 'say what rows are taken for, how surely, which are bad, and show some'))
    .argument('<files...>', 'files, folders or patterns')
    .option('--rows <n>', 'rows to show', number(0, true), 3)
    .option('--first <n>', 'look at this many rows only', number(1, true))
    .option('--bad <file>', 'keep rows that cannot be used in this file')
    .action(run(async () => (await import('./inspect.js')).inspectCommand));
  withReading(command(group, 'mask', 'show tokens, coloured by what is learned of them'))
    .argument('<files...>', 'files, folders or patterns')
    .requiredOption('--model <model>', 'folder of a model (or of a tokenizer), or its name on the hub')
    .option('--revision <name>', 'branch, tag or commit on the hub')
    .option('--row <n>', 'this row: its line, or its number in the file', number(1, true))
    .option('--rows <n>', 'how many rows, from the first', number(1, true), 1)
    .option('--tokens', 'one token a line, with its id and weight')
    .option('--train-on <what>', 'completions, last, all, or roles with commas between', 'completions')
    .addOption(pairsOption())
    .addOption(new Option('--reasoning <how>', 'thoughts before an answer').choices(['learn', 'context']).default('learn'))
    .addOption(new Option('--end-of-turn <whose>', 'whose end tokens are learned').choices(['turn', 'last', 'all', 'never']).default('turn'))
    .addOption(new Option('--straddling <rule>', 'a token of both sides').choices(['majority', 'error']).default('majority'))
    .addOption(new Option('--use-template <when>', 'which rows are rendered with the chat template').choices(['auto', 'always', 'never']).default('auto'))
    .option('--chat-template <file>', 'a Jinja file instead of the model\'s template')
    .action(run(async () => (await import('./mask.js')).maskCommand));
  command(group, 'seal', 'encrypt test rows: nothing that trains can read them, and every look is counted')
    .argument('<files...>', 'test rows')
    .requiredOption('--output <file>', 'the sealed file; its name ends with .sealed')
    .option('--key <file>', 'where the key goes; absent: beside the sealed file')
    .option('--text-split <part>', 'what one row of a text file is: file, paragraph or line')
    .action(run(async () => (await import('./seal.js')).sealCommand));
  addCurateCommands(group, { command, run });
  addPartCommands(group, { command, run });
}
