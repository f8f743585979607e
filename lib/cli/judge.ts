// `whetstone judge`: a model compares two answers to each question, in both orders.

import { writeFile } from 'node:fs/promises';
import { openSource } from '../data/source.js';
import { EngineError, dataError, describe } from '../errors.js';
import { generateText } from '../eval/generate.js';
import { openEndpoint } from '../eval/judge/endpoint.js';
import { judgePairs } from '../eval/judge/judge.js';
import type { Judge, JudgedPair, ShareOf } from '../eval/judge/judge.js';
import { modelId } from '../eval/tasks/open.js';
import { openParts } from '../train/open.js';
import { EXIT } from './exit.js';
import { chatPrompt, samplingOf } from './generate.js';
import { engineLimits, partsOf } from './options.js';
import type { ModelOptions, SamplingOptions } from './options.js';
import type { Output } from './output.js';

interface Options extends Omit<ModelOptions, 'model'>, SamplingOptions {
  readonly pairs: readonly string[];
  readonly endpoint?: string;
  readonly judgeModel?: string;
  readonly keyVariable: string;
  readonly model?: string;
  readonly criteria?: string;
  readonly verdicts?: string;
  readonly maxCalls?: number;
  readonly atOnce: number;
  readonly output?: string;
}

export async function judgeCommand(output: Output, options: Options): Promise<number> {
  if ((options.endpoint === undefined) === (options.model === undefined)) {
    throw new EngineError('expected either --endpoint (with --judge-model) or --model (a folder or hub name of the judge)',
      { code: 'ERR_INVALID_ARGUMENT', argument: 'endpoint', expected: 'one of --endpoint and --model', received: options.endpoint === undefined ? 'neither' : 'both' });
  }
  const pairs = await readPairs(options.pairs);
  const { judge, close } = options.endpoint === undefined ? await localJudge(output, { ...options, model: options.model! }) : remoteJudge(output, options, options.endpoint);
  try {
    const report = await judgePairs(judge, pairs, {
      atOnce: options.atOnce, ...(options.verdicts === undefined ? {} : { cache: options.verdicts }), ...(options.criteria === undefined ? {} : { criteria: options.criteria }),
      ...(options.maxCalls === undefined ? {} : { maxCalls: options.maxCalls }),
      onVerdict: (done, total) => {
        if (output.terminal.live) output.terminal.write(`\r\u001b[2K${done} of ${total} pairs`);
      },
    });
    if (output.terminal.live) output.terminal.write('\r\u001b[2K');
    if (options.output !== undefined) await writeFile(options.output, report.verdicts.map((verdict) => `${JSON.stringify(verdict)}\n`).join(''));
    const { verdicts: _, ...short } = report;
    const { wins } = report;
    output.result(short, [
      `a wins ${wins.a}, b wins ${wins.b}, ties ${wins.tie}, changed with the order ${wins.inconsistent}, unclear ${wins.unclear}`,
      line('a preferred', report.winRate, 'pairs'), line('first place won', report.firstPlace, 'single verdicts; 50 % without bias'),
      line('longer won', report.longer, 'decided pairs'), line('kept its word', report.consistent, 'pairs'),
      ...(report.agreement === undefined ? [] : [`kappa with people  ${report.agreement.value.toFixed(3)} (${report.agreement.low.toFixed(3)} to ${report.agreement.high.toFixed(3)}, ${report.agreement.of} pairs)`]),
    ].join('\n'));
    return EXIT.ok;
  } finally {
    await close();
  }
}

function line(name: string, share: ShareOf, of: string): string {
  const percent = (value: number): string => (100 * value).toFixed(1);
  return `${name.padEnd(17)}  ${share.of === 0 ? 'nothing to count' : `${percent(share.value)} % (${percent(share.low)} to ${percent(share.high)}, ${share.of} ${of})`}`;
}

async function readPairs(files: readonly string[]): Promise<JudgedPair[]> {
  const pairs: JudgedPair[] = [];
  for await (const { value, file, row } of (await openSource(files)).rows()) {
    for (const field of ['question', 'a', 'b']) {
      if (typeof value[field] !== 'string') throw dataError({ file, row, field }, `expected text, came ${describe(value[field])}. A row is {"question": …, "a": …, "b": …}`);
    }
    const { human } = value;
    if (human !== undefined && human !== null && human !== 'a' && human !== 'b' && human !== 'tie') throw dataError({ file, row, field: 'human' }, `expected "a", "b" or "tie", came ${describe(human)}`);
    const { question, a, b } = value as { question: string; a: string; b: string };
    pairs.push({ question, a, b, ...(human === 'a' || human === 'b' || human === 'tie' ? { human } : {}) });
  }
  return pairs;
}

function remoteJudge(output: Output, options: Options, url: string): { judge: Judge; close: () => Promise<void> } {
  if (options.judgeModel === undefined) {
    throw new EngineError('--endpoint: expected --judge-model too, the name of the model there', { code: 'ERR_INVALID_ARGUMENT', argument: 'judge-model', expected: 'a name', received: 'nothing' });
  }
  const apiKey = output.streams.env[options.keyVariable];
  const judge = openEndpoint({ url, model: options.judgeModel, atOnce: options.atOnce, maxTokens: options.maxNewTokens, temperature: options.temperature ?? 0, ...(apiKey === undefined ? {} : { apiKey }) });
  return { judge, close: async () => undefined };
}

async function localJudge(output: Output, options: Options & { readonly model: string }): Promise<{ judge: Judge; close: () => Promise<void> }> {
  const parts = await partsOf(output, options);
  const context = parts.model.spec.rope.maxPositions;
  const opened = await openParts(parts, { ...engineLimits(options), maxTokens: context, maxSequences: options.atOnce, cacheTokens: options.atOnce * context, cacheSequences: options.atOnce });
  const sampling = samplingOf(parts, options);
  const ask = async (prompt: string): Promise<string> => {
    const tokens = parts.template === undefined ? parts.tokenizer.encode(prompt, { special: true }) : chatPrompt(parts, [{ role: 'user', content: prompt }]);
    return (await generateText(opened.session, parts.tokenizer, [{ tokens, slot: opened.slot }], sampling))[0]!.text;
  };
  const id = modelId({ fingerprint: parts.model.fingerprint, tokenizer: parts.tokenizer.hash, dtype: JSON.stringify([options.dtype, options.maxNewTokens, options.temperature, options.seed]), adapter: parts.adapter?.tensors ?? [] });
  return { judge: Object.assign(ask, { id }), close: () => opened.session.close() };
}
