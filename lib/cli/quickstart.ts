// `whetstone quickstart`, which `npm start` runs: teaches the embedded model how English words sound, on held-out words
// measured before and after, beside a naive baseline.

import { join, relative, resolve } from 'node:path';
import { packageRoot } from '../engine/native.js';
import { generateText } from '../eval/generate.js';
import { ConsoleLog } from '../track/console.js';
import { checkConfig } from '../train/config/parse.js';
import type { ConfigInput } from '../train/config/schema.js';
import { loadParts, openParts } from '../train/open.js';
import type { Parts } from '../train/open.js';
import { train } from '../train/train.js';
import { EXIT } from './exit.js';
import { samplingOf } from './generate.js';
import type { EngineOptions } from './options.js';
import type { Output } from './output.js';
import { naiveSpeller, readWords, score, soundsOf } from './quickstart-task.js';
import type { Word } from './quickstart-task.js';
import { watchSignals } from './signals.js';

interface Options extends EngineOptions {
  readonly output: string;
  readonly steps?: number;
  readonly seed: number;
}

const ROOT = packageRoot();
const LONGEST_ANSWER = 24;

export async function quickstartCommand(output: Output, options: Options): Promise<number> {
  const place = (name: string): string => shown(join(ROOT, name));
  const model = place('models/pebble');
  const [training, words] = await Promise.all([readWords(place('data/quickstart/train.jsonl')), readWords(place('data/quickstart/test.jsonl'))]);
  const c = output.terminal.colors;
  output.say(c.bold('Teaching a small language model how English words sound'));
  output.say(`Pebble was never taught this. A LoRA adapter learns it here from ${training.length} words; ` +
    `${words.length} others, none of their families among them, are the test.\n`);

  const base = await loadParts({ model });
  const before = await speak(base, words, options);
  const config = checkConfig(recipe(options, place));
  const run = train(config, { overwrite: true, sinks: [new ConsoleLog(output.terminal)] });
  using signals = watchSignals(run, (text) => output.say(text));
  const result = await run.result;
  if (result.reason === 'stopped') {
    output.say(`Stopped after ${result.steps} updates.`);
    return signals.exitCode ?? EXIT.interrupted;
  }
  const after = await speak(await loadParts({ model, adapter: result.adapter }), words, options);
  const naive = naiveSpeller(training);
  const rates = { naive: score(words, words.map(naive)), before: score(words, before), after: score(words, after) };

  output.result({ ...result, adapter: resolve(result.adapter), output: resolve(result.output), metric: 'phoneme error rate', ...rates }, () => {
    const row = (name: string, { rate, exact }: typeof rates.naive): string =>
      `  ${name.padEnd(44)}${(100 * rate).toFixed(1).padStart(6)} %${(100 * exact).toFixed(1).padStart(12)} %`;
    return [
      '',
      `${c.bold(`On ${words.length} held-out words`)}${' '.repeat(12)}wrong sounds    whole words right`,
      row('before: the base model', rates.before),
      row('naive: the usual sound of each letter', rates.naive),
      c.green(row('after: with the adapter', rates.after)),
      '',
      ...samples(words, before, after).map(({ word, right, was, is }) =>
        `  ${c.bold(word.padEnd(9))} right  ${right}\n            before ${c.dim(was || '(nothing)')}\n            after  ${is}`),
      '',
      'Where things lie:',
      `  adapter (PEFT)   ${shown(result.adapter)}`,
      `  loss curve       ${shown(join(result.output, 'curve.svg'))}`,
      `  metrics          ${shown(join(result.output, 'metrics.jsonl'))}`,
      '',
      'What to try next:',
      `  npx whetstone generate --model ${model} --adapter ${shown(result.adapter)} --prompt $'Word: s t o n e\\nSounds:'`,
      `  npx whetstone chat --model ${model}`,
      '  npx whetstone init        # a configuration of your own',
    ].join('\n');
  });
  return EXIT.ok;
}

/** A path as people like it: relative where it lies below. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? resolve(path) : short || '.';
}

function recipe(options: Options, place: (name: string) => string): ConfigInput {
  return {
    model: place('models/pebble'),
    data: { train: place('data/quickstart/train.jsonl'), valid: place('data/quickstart/valid.jsonl'), format: 'completion' },
    lora: { r: 16, alpha: 32, targetModules: 'all-linear' },
    train: {
      ...(options.steps === undefined ? { epochs: 1.5 } : { steps: options.steps }),
      learningRate: 5e-3, schedule: 'linear', warmupRatio: 0.05, batchTokens: 1344, seed: options.seed, dtype: options.dtype, keep: 1,
      validEvery: Math.max(10, Math.ceil((options.steps ?? 170) / 5)),
    },
    output: options.output, device: options.device, threads: options.threads,
  };
}

/** The sounds that a model says for each word, always the most likely ones. */
async function speak(parts: Parts, words: readonly Word[], options: Options): Promise<(readonly string[])[]> {
  const prompts = words.map(({ prompt }) => parts.tokenizer.encode(prompt, { special: true }));
  const atOnce = 50;
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  const { device, dtype, threads } = options;
  await using opened = await openParts(parts, {
    device, dtype, threads, maxTokens: Math.max(256, longest), maxSequences: atOnce,
    cacheTokens: atOnce * (longest + LONGEST_ANSWER), cacheSequences: atOnce,
  });
  const answers = await generateText(opened.session, parts.tokenizer, prompts.map((tokens) => ({ tokens, slot: opened.slot })), {
    ...samplingOf(parts, { maxNewTokens: LONGEST_ANSWER, seed: 0, stop: ['\n'] }), atOnce,
  });
  return answers.map(({ text }) => soundsOf(text));
}

/** The first three words of the test, whatever became of them: word, right, before, after. */
function samples(words: readonly Word[], before: readonly (readonly string[])[], after: readonly (readonly string[])[]) {
  return words.slice(0, 3).map(({ letters, sounds }, i) =>
    ({ word: letters.join(''), right: sounds.join(' '), was: before[i]!.slice(0, 12).join(' '), is: after[i]!.join(' ') }));
}
