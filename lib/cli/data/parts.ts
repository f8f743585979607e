// `whetstone data split`, and what else chooses or describes rows: their options.

import type { Command } from 'commander';
import { Option } from 'commander';
import { list, number } from '../tools.js';
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
  withReading(command(group, 'select', 'keep the rows that a model has most to learn from'))
    .argument('<files...>', 'files, folders or patterns')
    .requiredOption('--model <model>', 'folder of a model, or its name on the hub')
    .option('--revision <name>', 'branch, tag or commit on the hub')
    .option('--adapter <folder>', 'PEFT folder of an adapter')
    .option('--device <device>', 'cpu, cuda, cuda:<number> or auto', 'auto')
    .addOption(new Option('--dtype <dtype>', 'how weights and activations are stored').choices(['f32', 'bf16']).default('f32'))
    .option('--threads <n>', 'CPU threads; 0: one per core', number(0, true), 0)
    .requiredOption('--out <folder>', 'folder for kept.jsonl, rest.jsonl and select.json')
    .addOption(new Option('--by <score>', 'ifd: loss of the answer with its prompt by that without; perplexity; loss').choices(['ifd', 'perplexity', 'loss']).default('ifd'))
    .option('--keep <share>', 'share of the rows to keep', number(0), 0.25)
    .option('--count <n>', 'rows to keep; wins over --keep', number(1, true))
    .addOption(new Option('--order <order>', 'which scores are kept; absent: high, and middle for perplexity').choices(['high', 'low', 'middle']))
    .option('--alike <similarity>', 'leave out rows this similar to one that is kept, such as 0.9; absent: no limit', number(0))
    .option('--batch-tokens <n>', 'most tokens of a batch', number(8, true), 2048)
    .option('--seed <n>', 'of the rows drawn by lot for comparison', number(0, true), 42)
    .option('--try <config>', 'train on kept rows and on as many by lot, as this configuration says, and compare')
    .option('--tries <n>', 'runs each', number(1, true), 1)
    .action(run(async () => (await import('./select.js')).selectCommand));
  command(group, 'advise', 'train on shares of the rows and say whether more would help')
    .argument('<config>', 'a configuration for training, with validation rows')
    .option('--set <key=value>', 'change a key of the configuration', list)
    .option('--shares <list>', 'shares of the rows to train on', '0.1,0.25,0.5,1')
    .option('--tries <n>', 'runs at each share, with other seeds', number(1, true), 1)
    .option('--out <folder>', 'folder for what was measured, to go on from; absent: beside the output of the configuration')
    .action(run(async () => (await import('./advise.js')).adviseCommand));
  withReading(command(group, 'card', 'write a dataset card for the hub and a report with figures, all measured'))
    .argument('<files...>', 'files, folders or patterns; parts are told by their names (train, validation, test)')
    .requiredOption('--out <folder>', 'folder for README.md and report.html')
    .requiredOption('--license <id>', 'as the hub names it: apache-2.0, mit, cc-by-4.0 …, or other')
    .option('--license-name <name>', 'with --license other')
    .option('--license-link <url>', 'with --license other')
    .option('--name <name>', 'of the data set; absent: that of the folder')
    .option('--language <codes>', 'of ISO 639, with commas; absent: those found')
    .option('--task <names>', 'task categories of the hub, with commas; absent: by the format of the rows')
    .option('--tags <words>', 'with commas')
    .option('--description <file>', 'a Markdown file with what the data are and where they come from')
    .option('--source-field <field>', 'the field that says where a row is from; absent: source, else the file')
    .addOption(new Option('--near <preset>', 'how near duplicates are found').choices(['datatrove', 'nemo', 'data-juicer', 'none']).default('datatrove'))
    .option('--overwrite', 'replace a card that is there')
    .action(run(async () => (await import('./card.js')).cardCommand));
}
