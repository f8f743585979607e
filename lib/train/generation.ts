// Generation in the loop: at every validation the model as it is then answers some held-out rows, and what it says is
// scored. The prompts are the rows as training encodes them, up to where the last answer begins: the same template.

import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors.js';
import { constrain } from '../eval/constrain/constraint.js';
import type { Constraint } from '../eval/constrain/constraint.js';
import type { JsonSchema } from '../eval/constrain/json-schema.js';
import { generateText } from '../eval/generate.js';
import type { GenerateOptions } from '../eval/generate.js';
import type { SequenceSet } from '../pack/plan.js';
import type { Sequence } from '../batch.js';
import type { Config } from './config/schema.js';
import { scoresOf } from './generation-scores.js';
import type { AnswerScore } from './generation-scores.js';
import type { CustomMetric, MetricValue } from './metric.js';
import type { Parts } from './open.js';

export interface GenerationCase {
  /** Which row of the set. */
  readonly row: number;
  readonly prompt: Int32Array;
  readonly expected: string;
}

export interface GenerationPlan {
  readonly cases: readonly GenerationCase[];
  /** What the session needs for it. */
  readonly room: { readonly cacheTokens: number; readonly cacheSequences: number };
  readonly metrics: Readonly<Record<string, CustomMetric>>;
  /** Drops what was written after update `step`. */
  rewind(step: number): Promise<void>;
}

/** Plans the generation of a run; undefined when it asks for none. */
export async function planGeneration(config: Config, parts: Parts, valid: SequenceSet | undefined): Promise<GenerationPlan | undefined> {
  const { generate } = config;
  if (generate.rows === 0) return undefined;
  if (valid === undefined) {
    throw new EngineError('generate.rows: expected data.valid too, the rows whose prompts the model answers', { code: 'ERR_CONFIG', key: 'generate.rows' });
  }
  const { tokenizer, model: { spec, generation } } = parts;
  const stopTokens = [...new Set([...tokenizer.stopIds, ...generation.eosTokenIds])];
  const cases = generationCases(valid, generate.rows, {
    longest: spec.rope.maxPositions - generate.maxNewTokens,
    text: (tokens) => tokenizer.decode(tokens.filter((token) => !stopTokens.includes(token)), { continues: true }),
  });
  if (cases.length === 0) {
    throw new EngineError(`generate.rows: no validation row has a prompt that leaves room for ${generate.maxNewTokens} new tokens. Lower generate.maxNewTokens`,
      { code: 'ERR_CONFIG', key: 'generate.maxNewTokens' });
  }
  const wanted = await constraintOf(generate);
  const scores = await scoresOf(generate.metrics);
  const sampling: GenerateOptions & { readonly atOnce: number } = {
    maxNewTokens: generate.maxNewTokens, temperature: generate.temperature, seed: BigInt(config.train.seed), stopTokens, stopStrings: generate.stop, atOnce: generate.atOnce,
    ...(wanted === undefined ? {} : { constraint: constrain(wanted, tokenizer, { stopTokens, vocabulary: spec.vocabulary }) }),
  };
  const atOnce = Math.min(generate.atOnce, cases.length);
  const file = join(config.output, 'generations.jsonl');
  return {
    cases,
    room: { cacheTokens: atOnce * (Math.max(...cases.map(({ prompt }) => prompt.length)) + generate.maxNewTokens), cacheSequences: atOnce },
    metrics: metricsOf(scores, cases, sampling, parts, file),
    rewind: async (step) => {
      const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => Number(/^\{"step":(\d+),.*\}$/.exec(line)?.[1] ?? Infinity) <= step);
      await writeFile(file, lines.map((line) => `${line}\n`).join(''));
    },
  };
}

/** All metrics of one validation come from one generation. */
function metricsOf(scores: ReadonlyMap<string, AnswerScore>, cases: readonly GenerationCase[], sampling: GenerateOptions & { readonly atOnce: number }, parts: Parts, file: string): Record<string, CustomMetric> {
  let last: { readonly step: number; readonly texts: Promise<readonly string[]> } | undefined;
  const write = async ({ session, slot, step, signal }: Parameters<CustomMetric['measure']>[0]): Promise<readonly string[]> => {
    const texts = (await generateText(session, parts.tokenizer, cases.map(({ prompt }) => ({ tokens: prompt, slot })), { ...sampling, signal })).map(({ text }) => text);
    await appendFile(file, cases.map(({ row, expected, prompt }, i) =>
      `${JSON.stringify({ step, row, prompt: parts.tokenizer.decode(prompt), expected, said: texts[i] })}\n`).join(''));
    return texts;
  };
  return Object.fromEntries([...scores].map(([name, { score, better }]): [string, CustomMetric] => [name, {
    better,
    measure: async (at) => {
      if (last?.step !== at.step) last = { step: at.step, texts: write(at) };
      const texts = await last.texts;
      return meanOf(texts.map((text, i) => score(text.trim(), cases[i]!.expected.trim(), { row: cases[i]!.row + 1, prompt: parts.tokenizer.decode(cases[i]!.prompt) })));
    },
  }]));
}

function meanOf(values: readonly number[]): MetricValue {
  const value = values.reduce((a, b) => a + b, 0) / values.length;
  if (values.length < 2) return { value };
  const spread = values.reduce((sum, one) => sum + (one - value) ** 2, 0) / (values.length - 1);
  return { value, standardError: Math.sqrt(spread / values.length) };
}

/** Rows spread evenly over the set: what comes before the last answer is the prompt; of plain text the first third. */
export function generationCases(
  rows: SequenceSet, count: number, options: { readonly longest: number; readonly text: (tokens: readonly number[]) => string },
): GenerationCase[] {
  const cases: GenerationCase[] = [];
  const wanted = Math.min(count, rows.length);
  for (let i = 0; i < wanted; i++) {
    const row = Math.floor((i * rows.length) / wanted);
    const found = split(rows.get(row));
    if (found === undefined || found.prompt.length > options.longest) continue;
    cases.push({ row, prompt: found.prompt, expected: options.text(found.answer) });
  }
  return cases;
}

/** labels[t] is the token after t: the last run of labels is the last answer, and its prompt ends where it begins. */
function split({ tokens, labels }: Sequence): { readonly prompt: Int32Array; readonly answer: readonly number[] } | undefined {
  let end = labels.length;
  while (end > 0 && labels[end - 1]! < 0) end--;
  let begin = end;
  while (begin > 0 && labels[begin - 1]! >= 0) begin--;
  if (begin === end) return undefined;
  if (begin === 0) begin = Math.min(end - 1, Math.max(0, Math.ceil(tokens.length / 3) - 1)); // learned from its first token on
  return { prompt: tokens.slice(0, begin + 1), answer: Array.from(labels.subarray(begin, end)) };
}

async function constraintOf({ choices, regex, jsonSchema }: Config['generate']): Promise<Constraint | undefined> {
  const given = [choices, regex, jsonSchema].filter((one) => one !== undefined).length;
  if (given > 1) throw new EngineError('generate: expected at most one of choices, regex and jsonSchema, got several', { code: 'ERR_CONFIG', key: 'generate' });
  if (choices !== undefined) return { choices };
  if (regex !== undefined) return { regex };
  if (jsonSchema === undefined) return undefined;
  try {
    return { jsonSchema: JSON.parse(await readFile(jsonSchema, 'utf8')) as JsonSchema };
  } catch (error) {
    throw new EngineError(`generate.jsonSchema: ${jsonSchema} cannot be used (${(error as Error).message}). Give a file with a JSON schema`,
      { code: 'ERR_CONFIG', key: 'generate.jsonSchema' }, { cause: error });
  }
}
