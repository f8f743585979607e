// The options of `whetstone data check` and `data clean`, and the pipeline that they and a config file make together.

import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { curateConfig, readCurateConfig } from '../../curate/curate-config.js';
import type { CurateConfig } from '../../curate/curate-config.js';
import { QUALITY_FILTERS } from '../../curate/quality.js';
import type { TextTokenizer } from '../../text/tokenizer.js';
import { tokenizerOf } from '../options.js';
import type { Output } from '../output.js';
import { list } from '../tools.js';
import type { CommandTools } from '../tools.js';
import { withReading } from './reading.js';
import type { ReadingOptions } from './reading.js';

export interface CurateOptions extends ReadingOptions {
  readonly config?: string;
  readonly quality?: string;
  readonly lines?: 'keep' | 'c4';
  readonly near?: 'datatrove' | 'nemo' | 'data-juicer' | 'none';
  readonly exact?: boolean;
  readonly chat?: boolean;
  readonly length?: Readonly<Record<string, number>>;
  readonly budget?: Readonly<Record<string, number>>;
  readonly tokenizer?: string;
  readonly languages?: string;
  readonly pii?: 'tags' | 'realistic' | 'none';
  readonly against?: readonly string[];
}

const LENGTHS = ['minCharacters', 'maxCharacters', 'minWords', 'maxWords', 'minTokens', 'maxTokens'];
const BUDGETS = ['rows', 'characters', 'words', 'tokens'];

/** Parses `name=number,name=number`. */
function amounts(names: readonly string[]): (text: string) => Readonly<Record<string, number>> {
  return (text) => Object.fromEntries(text.split(',').map((pair) => {
    const [name = '', amount = ''] = pair.split('=').map((part) => part.trim());
    if (names.includes(name) && amount !== '' && Number.isInteger(Number(amount)) && Number(amount) >= 0) return [name, Number(amount)];
    throw new InvalidArgumentError(`expected numbers of ${names.join(', ')}, such as ${names[0]}=100.`);
  }));
}

function withCuration(command: Command): Command {
  return withReading(command)
    .option('--config <file>', 'the pipeline, YAML or JSON; the options below change it')
    .option('--quality <filters>', `filters for web text, with commas: ${QUALITY_FILTERS.join(', ')}; all; none`)
    .addOption(new Option('--lines <which>', 'c4: of plain texts, only the lines that C4\'s filter keeps stay').choices(['keep', 'c4']))
    .option('--no-chat', 'answers are not checked')
    .option('--no-exact', 'equal texts stay')
    .addOption(new Option('--near <preset>', 'how near duplicates are found').choices(['datatrove', 'nemo', 'data-juicer', 'none']))
    .option('--length <limits>', 'of rows: minWords=3,maxTokens=2048; also characters', amounts(LENGTHS))
    .option('--budget <limits>', 'most that stays, best rows first: rows=10000,tokens=2000000; also characters, words', amounts(BUDGETS))
    .option('--tokenizer <model>', 'folder or hub name of a model: its tokens are counted')
    .option('--languages <codes>', 'languages that may stay, with commas: en,de')
    .addOption(new Option('--pii <style>', 'replace personal data and secrets').choices(['tags', 'realistic', 'none']))
    .option('--against <files>', 'an evaluation set whose text must not be in the rows; may be given several times', list);
}

export function addCurateCommands(group: Command, { command, run }: CommandTools): void {
  withCuration(command(group, 'check', 'say what is wrong with rows and what they are like; changes nothing'))
    .option('--source-field <field>', 'the field that says where a row is from; absent: source, else the file')
    .argument('<files...>', 'files, folders or patterns')
    .action(run(async () => (await import('./check.js')).checkCommand));
  withCuration(command(group, 'clean', 'write the rows that are fit for training, and all others with the reason'))
    .argument('[files...]', 'files, folders or patterns')
    .option('--output <folder>', 'folder for clean.jsonl, removed.jsonl, changed.jsonl and report.json')
    .option('--undo <folder>', 'give back the files that a cleaned folder was made from')
    .option('--step <name>', 'with --undo: put back only what this step took out; may be given several times', list)
    .option('--to <folder>', 'with --undo: where the files go; absent: "restored" in that folder')
    .action(run(async () => (await import('./clean.js')).cleanCommand));
}

/** The config file with what the options change. */
export async function pipelineOf(options: CurateOptions): Promise<CurateConfig> {
  const base = options.config === undefined ? curateConfig({}) : await readCurateConfig(options.config);
  const names = (text: string): string[] => text.split(',').map((name) => name.trim()).filter((name) => name !== '');
  const { quality, near, pii, languages, against, length, budget, tokenizer } = options;
  return curateConfig({
    ...base,
    ...(quality === undefined ? {} : { quality: quality === 'none' ? false : quality === 'all' ? [...QUALITY_FILTERS] : names(quality) }),
    ...(options.lines === undefined ? {} : { lines: options.lines }),
    ...(options.chat === false ? { chat: false } : {}),
    ...(options.exact === false ? { exact: false } : {}),
    ...(near === undefined ? {} : { near: near === 'none' ? false : { preset: near } }),
    ...(length === undefined ? {} : { length: { ...base.length, ...length } }),
    ...(budget === undefined ? {} : { budget: { ...base.budget, ...budget } }),
    ...(tokenizer === undefined ? {} : { tokenizer }),
    ...(languages === undefined ? {} : { languages: names(languages) }),
    ...(pii === undefined ? {} : { pii: pii === 'none' ? false : { style: pii } }),
    ...(against === undefined ? {} : { decontaminate: { against, ...(base.decontaminate === false ? {} : { mode: base.decontaminate.mode }) } }),
  });
}

/** The tokenizer that a pipeline names, also from the hub. */
export async function tokenizerFor(output: Output, { tokenizer }: CurateConfig): Promise<{ readonly tokenizer?: TextTokenizer }> {
  return tokenizer === undefined ? {} : { tokenizer: await tokenizerOf(output, { model: tokenizer }) };
}
