// `whetstone data split`, and what else chooses or describes rows: their options.

import type { Command } from 'commander';
import { Option } from 'commander';
import { number } from '../tools.js';
import type { CommandTools } from '../tools.js';
import { withReading } from './reading.js';

export function addPartCommands(group: Command, { command, run }: CommandTools): void {
  withReading(command(group, 'split', 'write train, validation and test files between which nothing leaks'))
    .argument('<files...>', 'files, folders or patterns')
    .requiredOption('--out <folder>', 'folder for train.jsonl, validation.jsonl, test.jsonl, split.json and split.keys')
    .option('--validation <share>', 'share of rows for validation', number(0), 0.05)
    .option('--test <share>', 'share of rows for the test', number(0), 0.05)
    .option('--seed <n>', 'another seed, another split', number(0, true), 42)
    .option('--group <fields>', 'fields whose rows stay together, with commas; auto: ids of conversations and users; none', 'auto')
    .option('--no-prompts', 'rows with the same prompt may be parted')
    .addOption(new Option('--near <preset>', 'how near duplicates are found').choices(['datatrove', 'nemo', 'data-juicer', 'none']).default('datatrove'))
    .option('--stratify <names>', 'fields to spread evenly, with commas; also length, source, language')
    .option('--exact', 'meet the shares in every stratum exactly; then rows near the cut may move when others are added')
    .option('--previous <folder>', 'an earlier split: what it placed stays there')
    .action(run(async () => (await import('./split.js')).splitCommand));
}
