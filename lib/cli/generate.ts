// `whetstone generate`: continues texts, or answers with the chat template.

import { readFile } from 'node:fs/promises';
import { constrain } from '../eval/constrain/constraint.js';
import type { Constraint } from '../eval/constrain/constraint.js';
import type { JsonSchema } from '../eval/constrain/json-schema.js';
import { generateText, streamText } from '../eval/generate.js';
import type { GenerateOptions, GeneratedText } from '../eval/generate.js';
import { EngineError } from '../errors.js';
import { openParts } from '../train/open.js';
import type { Parts } from '../train/open.js';
import { EXIT } from './exit.js';
import { engineLimits, partsOf } from './options.js';
import type { ModelOptions, SamplingOptions } from './options.js';
import type { Output } from './output.js';

interface Options extends ModelOptions, SamplingOptions {
  readonly prompt: readonly string[];
  readonly chat?: boolean;
  readonly system?: string;
  readonly stop?: readonly string[];
  readonly choice?: readonly string[];
  readonly regex?: string;
  readonly jsonSchema?: string;
}

export async function generateCommand(output: Output, options: Options): Promise<number> {
  const wanted = await constraintOf(options);
  const parts = await partsOf(output, options);
  const prompts = options.prompt.map((text) => (options.chat ? chatPrompt(parts, [...system(options.system), { role: 'user', content: text }])
    : parts.tokenizer.encode(text, { special: true })));
  const room = prompts.reduce((sum, prompt) => sum + prompt.length + options.maxNewTokens, 0);
  await using opened = await openParts(parts, {
    ...engineLimits(options), maxTokens: Math.max(64, ...prompts.map((prompt) => prompt.length)), maxSequences: prompts.length,
    cacheTokens: room, cacheSequences: prompts.length,
  });
  const plain = samplingOf(parts, options);
  const sampling = wanted === undefined ? plain
    : { ...plain, constraint: constrain(wanted, parts.tokenizer, { stopTokens: plain.stopTokens ?? [], vocabulary: parts.model.spec.vocabulary }) };
  const inputs = prompts.map((tokens) => ({ tokens, slot: opened.slot }));
  const texts = prompts.length === 1 && !output.json ? await show(output, streamText(opened.session, parts.tokenizer, inputs, sampling))
    : await generateText(opened.session, parts.tokenizer, inputs, sampling);
  const results = texts.map(({ text, tokens, reason }, i) => ({ prompt: options.prompt[i], text, tokens, reason }));
  const [first] = results;
  if (results.length === 1 && !output.json) output.say();
  else output.result(results.length === 1 ? first! : { results }, () => results.map(({ prompt, text }) => `> ${prompt}\n${text}\n`).join('\n'));
  return EXIT.ok;
}

/** At most one of --choice, --regex and --json-schema. */
async function constraintOf({ choice, regex, jsonSchema }: Options): Promise<Constraint | undefined> {
  const given: Constraint[] = [];
  if (choice !== undefined) given.push({ choices: choice });
  if (regex !== undefined) given.push({ regex });
  if (jsonSchema !== undefined) given.push({ jsonSchema: await schemaFile(jsonSchema) });
  if (given.length > 1) {
    throw new EngineError('expected at most one of --choice, --regex and --json-schema, got several. Put them together in one',
      { code: 'ERR_INVALID_ARGUMENT', argument: 'constraint', expected: 'one', received: String(given.length) });
  }
  return given[0];
}

async function schemaFile(file: string): Promise<JsonSchema> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as JsonSchema;
  } catch (error) {
    throw new EngineError(`--json-schema: ${file} cannot be used (${(error as Error).message}). Give a file with a JSON schema`,
      { code: 'ERR_DATA', file }, { cause: error });
  }
}

async function show(output: Output, stream: ReturnType<typeof streamText>): Promise<GeneratedText[]> {
  for (;;) {
    const item = await stream.next();
    if (item.done) return item.value;
    output.terminal.write(item.value.text);
  }
}

export function system(text: string | undefined): readonly { role: 'system'; content: string }[] {
  return text === undefined ? [] : [{ role: 'system', content: text }];
}

/** A conversation as the model's template writes it, up to where the answer begins. */
export function chatPrompt(parts: Parts, messages: readonly { readonly role: string; readonly content: string }[]): Int32Array {
  if (parts.template === undefined) {
    throw new EngineError(`${parts.model.folder}: expected a model with a chat template, this one has none. Use whetstone generate without --chat`,
      { code: 'ERR_MODEL', file: parts.model.folder, field: 'chat_template' });
  }
  return parts.tokenizer.encode(parts.template.render(messages, { addGenerationPrompt: true }));
}

/** What the command line says; what it leaves open is greedy. */
export function samplingOf(parts: Parts, options: SamplingOptions & { readonly stop?: readonly string[] }): GenerateOptions {
  const { maxNewTokens, temperature = 0, topK = 0, topP = 1, repetitionPenalty = 1 } = options;
  return {
    maxNewTokens, temperature, topK, topP, repetitionPenalty, seed: BigInt(options.seed), stopStrings: options.stop ?? [],
    stopTokens: [...new Set([...parts.tokenizer.stopIds, ...parts.model.generation.eosTokenIds])],
  };
}
