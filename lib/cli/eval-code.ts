// `whetstone eval-code`: answers to coding problems, from a file or written by a model, run against their tests in a
// sandbox.

import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { EngineError } from '../errors.js';
import { openSandbox, readSamples, runSamples, tally } from '../eval/code/evaluate.js';
import type { CodeSample } from '../eval/code/evaluate.js';
import { readProblems } from '../eval/code/problems.js';
import type { CodeProblem } from '../eval/code/problems.js';
import { generateText } from '../eval/generate.js';
import type { Language } from '../eval/sandbox/languages.js';
import { passAtK } from '../score/index.js';
import { openParts } from '../train/open.js';
import { EXIT } from './exit.js';
import { samplingOf } from './generate.js';
import { engineLimits, partsOf } from './options.js';
import type { ModelOptions, SamplingOptions } from './options.js';
import type { Output } from './output.js';

interface Options extends Omit<ModelOptions, 'model'>, SamplingOptions {
  readonly problems: readonly string[];
  readonly samples?: readonly string[];
  readonly canonical?: boolean;
  readonly model?: string;
  readonly language?: Language;
  readonly count: number;
  readonly k?: readonly number[];
  readonly seconds: number;
  readonly wallSeconds: number;
  readonly memory: number;
  readonly atOnce?: number;
  readonly output?: string;
  readonly unsafe?: boolean;
}

export async function evalCodeCommand(output: Output, options: Options): Promise<number> {
  const sources = [options.samples, options.model, options.canonical].filter((source) => source !== undefined).length;
  if (sources !== 1) {
    throw new EngineError('expected one of --samples (a file of answers), --model (which writes them) and --canonical (the published ones)',
      { code: 'ERR_INVALID_ARGUMENT', argument: 'samples', expected: 'one source of answers', received: String(sources) });
  }
  const problems = await readProblems(options.problems, options.language);
  await openSandbox({ unsafe: options.unsafe ?? false }); // a missing sandbox is said before a model writes for hours
  const samples = options.samples !== undefined ? await readSamples(options.samples)
    : options.canonical ? published(problems) : await written(output, problems, { ...options, model: options.model! });
  const results = await runSamples(problems, samples, {
    cpuSeconds: options.seconds, wallSeconds: options.wallSeconds, memoryBytes: options.memory * 2 ** 20, unsafe: options.unsafe ?? false,
    atOnce: options.atOnce ?? availableParallelism(),
    onResult: (_, done, total) => {
      if (output.terminal.live) output.terminal.write(`\r\u001b[2K${done} of ${total} programs`);
    },
  });
  if (output.terminal.live) output.terminal.write('\r\u001b[2K');
  if (options.output !== undefined) await writeFile(options.output, results.map((result) => `${JSON.stringify(result)}\n`).join(''));
  const counts = tally(problems, results).filter(({ samples: n }) => n > 0);
  const solved = counts.map(({ samples: n, passed: correct }) => ({ samples: n, correct }));
  const scores = Object.fromEntries((options.k ?? [1, 10, 100]).filter((k) => solved.every(({ samples: n }) => n >= k)).map((k) => [`pass@${k}`, passAtK(solved, k)]));
  const passed = results.filter((result) => result.passed).length;
  output.result(
    { ...scores, problems: counts.length, unanswered: problems.length - counts.length, samples: results.length, passed },
    `${Object.entries(scores).map(([name, value]) => `${name.padEnd(10)}  ${(100 * value).toFixed(2)} %`).join('\n')}\n` +
    `${passed} of ${results.length} programs passed; ${counts.length} of ${problems.length} problems answered`);
  return EXIT.ok;
}

function published(problems: readonly CodeProblem[]): CodeSample[] {
  return problems.flatMap(({ id, solution }) => (solution === undefined ? [] : [{ task_id: id, completion: solution }]));
}

/** Answers of a model: `count` for each problem, ended where the problem's form ends them. */
async function written(output: Output, problems: readonly CodeProblem[], options: Options & { readonly model: string }): Promise<CodeSample[]> {
  const parts = await partsOf(output, options);
  const prompts = problems.map(({ prompt }) => parts.tokenizer.encode(prompt, { special: true }));
  const atOnce = 8;
  const longest = Math.max(...prompts.map(({ length }) => length));
  await using opened = await openParts(parts, {
    ...engineLimits(options), maxTokens: Math.max(64, longest), maxSequences: atOnce, cacheTokens: atOnce * (longest + options.maxNewTokens), cacheSequences: atOnce,
  });
  const sampling = samplingOf(parts, options);
  const samples: CodeSample[] = [];
  for (const [i, { id, stop }] of problems.entries()) {
    const texts = await generateText(opened.session, parts.tokenizer, Array.from({ length: options.count }, () => ({ tokens: prompts[i]!, slot: opened.slot })),
      { ...sampling, stopStrings: stop, seed: BigInt(options.seed + i * options.count), atOnce });
    samples.push(...texts.map(({ text }) => ({ task_id: id, completion: text })));
    if (output.terminal.live) output.terminal.write(`\r\u001b[2K${i + 1} of ${problems.length} problems answered`);
  }
  return samples;
}
