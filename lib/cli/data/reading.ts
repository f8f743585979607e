// Options that say how data files are read, for every command that takes some, and what they mean for lib/data.

import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { FIELDS } from '../../data/formats/fields.js';
import type { FieldNames, RoleNames } from '../../data/formats/fields.js';
import { DATA_FORMATS } from '../../data/formats/format.js';
import type { DataFormat } from '../../data/formats/format.js';
import type { TextOptions } from '../../data/row.js';
import { fieldMap } from '../tools.js';

export interface ReadingOptions extends TextOptions {
  readonly format: DataFormat | 'auto';
  readonly fields?: FieldNames;
  readonly roles?: RoleNames;
}

const ROLES: readonly string[] = ['system', 'user', 'assistant', 'tool'];

function checked(side: 0 | 1, known: readonly string[]): (text: string) => Readonly<Record<string, string>> {
  return (text) => {
    const map = fieldMap(text);
    const wrong = Object.entries(map).find((pair) => !known.includes(pair[side]));
    if (wrong !== undefined) throw new InvalidArgumentError(`"${wrong[side]}" is none of ${known.join(', ')}.`);
    return map;
  };
}

/** Options that say how files are read; shared by all commands that take data. */
export function withReading(command: Command): Command {
  return command
    .addOption(new Option('--format <format>', 'how rows are read; absent: found out from their fields').choices(['auto', ...DATA_FORMATS]).default('auto'))
    .option('--fields <map>', 'which of your fields is which: prompt=question,completion=answer', checked(0, FIELDS))
    .option('--roles <map>', 'who your speakers are: bot=assistant,customer=user', checked(1, ROLES))
    .addOption(new Option('--text-split <part>', 'what one row of a text file is').choices(['file', 'paragraph', 'line']));
}

/** Which answer of a pair counts, for commands that look at one answer a row. */
export const pairsOption = (): Option => new Option('--pairs <which>', 'of rows with two answers, or a verdict: the preferred answers alone').choices(['chosen']);

/** As `openSource` and `openRecords` take them. */
export function readingOf({ format, fields, roles, textSplit }: ReadingOptions) {
  return {
    format,
    ...(fields === undefined ? {} : { fields }),
    ...(roles === undefined ? {} : { roles }),
    ...(textSplit === undefined ? {} : { textSplit }),
  };
}
