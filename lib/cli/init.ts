// `whetstone init`: writes a configuration in which every key is explained. Asks on a terminal; elsewhere takes what
// the options say.

import { writeFile } from 'node:fs/promises';
import { EngineError } from '../errors.js';
import { writeCommented } from '../train/config/write.js';
import { EXIT } from './exit.js';
import type { Output } from './output.js';

export interface InitOptions {
  readonly model?: string;
  readonly train?: string;
  readonly valid?: string;
  readonly output?: string;
  readonly force?: boolean;
}

interface Answers {
  readonly model: string;
  readonly train: string;
  readonly valid?: string;
  readonly output: string;
}

const EXAMPLE: Answers = {
  model: 'models/pebble', train: 'data/quickstart/train.jsonl', valid: 'data/quickstart/valid.jsonl', output: 'runs/first',
};

export async function initCommand(output: Output, options: InitOptions, file: string): Promise<number> {
  const answers = output.interactive ? await ask(options) : fromOptions(options);
  if (answers === undefined) {
    output.say('Nothing was written.');
    return EXIT.interrupted;
  }
  const text = writeCommented({
    model: answers.model,
    'data.train': answers.train,
    ...(answers.valid ? { 'data.valid': answers.valid } : {}),
    'lora.r': 16,
    'train.epochs': 3,
    'train.learningRate': 2e-4,
    'train.schedule': 'cosine',
    'train.warmupRatio': 0.03,
    output: answers.output,
  });
  try {
    await writeFile(file, text, { flag: options.force ? 'w' : 'wx' });
  } catch (error) {
    const there = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new EngineError(there ? `${file}: is there already. Give another name, or --force to replace it`
      : `${file}: cannot be written (${(error as Error).message})`, { code: 'ERR_CONFIG', file }, { cause: error });
  }
  output.result({ file }, `Wrote ${file}. Look through it, then: npx whetstone train ${file}`);
  return EXIT.ok;
}

function fromOptions(options: InitOptions): Answers {
  return {
    model: options.model ?? EXAMPLE.model,
    train: options.train ?? EXAMPLE.train,
    valid: options.valid ?? (options.train ? undefined : EXAMPLE.valid),
    output: options.output ?? EXAMPLE.output,
  };
}

/** undefined: the user went away. */
async function ask(options: InitOptions): Promise<Answers | undefined> {
  const { isCancel, text } = await import('@clack/prompts');
  const answers: string[] = [];
  const example = fromOptions(options);
  const questions = [
    ['Which model? A folder, or a name on the hub', example.model],
    ['Which rows to learn from? A .jsonl, .csv, .parquet or .txt file', example.train],
    ['Held-out rows for validation? Empty for none', example.valid ?? ''],
    ['Where should the run go?', example.output],
  ] as const;
  for (const [message, initialValue] of questions) {
    const answer = await text({ message, initialValue });
    if (isCancel(answer)) return undefined;
    answers.push(answer.trim());
  }
  const [model = '', train = '', valid = '', output = ''] = answers;
  return { model: model || example.model, train: train || example.train, ...(valid ? { valid } : {}), output: output || example.output };
}
