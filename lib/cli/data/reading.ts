// Options that say how data files are read, for every command that takes some.

import type { Command } from 'commander';
import { Option } from 'commander';
import { fieldMap } from '../tools.js';

/** Options that say how files are read; shared by all commands that take data. */
export function withReading(command: Command): Command {
  return command
    .addOption(new Option('--format <format>', 'how rows are read; absent: found out from their fields').default('auto'))
    .option('--fields <map>', 'which of your fields is which: prompt=question,completion=answer', fieldMap)
    .option('--text-split <part>', 'what one row of a text file is: file, paragraph or line');
}
