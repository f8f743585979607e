// What a pipeline of curation does: one file in YAML or JSON, or the same as an object. Unknown keys are refused.
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { EngineError } from '../errors.js';
import { PII_KINDS } from './pii/detect.js';
import { QUALITY_FILTERS } from './quality.js';

const CHAT = ['no_answer', 'empty_answer', 'truncated_answer', 'refusal', 'answer_is_question', 'wrong_language', 'broken_markdown',
  'broken_json', 'template_tokens', 'boilerplate'] as const;

const off = z.literal(false);
const count = z.number().int().min(0);

export const curateSchema = z.strictObject({
  quality: z.union([off, z.array(z.enum(QUALITY_FILTERS as unknown as [string, ...string[]]))]).default(false)
    .describe('Filters for web text, with datatrove\'s defaults. Not for chat rows.'),
  lines: z.enum(['keep', 'c4']).default('keep')
    .describe('"c4": of plain texts that C4\'s filter keeps, only the lines that it keeps stay. Brings that filter with it.'),
  limits: z.record(z.string(), z.number()).default({}).describe('Limits of those filters by name (docs/curation.md).'),
  chat: z.union([z.boolean(), z.array(z.enum(CHAT))]).default(true).describe('Checks of answers; true: all.'),
  exact: z.boolean().default(true).describe('Rows whose text is the same after NFC.'),
  near: z.union([off, z.strictObject({
    preset: z.enum(['datatrove', 'nemo', 'data-juicer']).default('datatrove'),
    threshold: z.number().min(0).max(1).optional(),
  })]).default({ preset: 'datatrove' }).describe('Near duplicates by MinHash.'),
  keep: z.enum(['best', 'first']).default('best').describe('Which of several duplicates stays.'),
  languages: z.array(z.string().length(2)).default([]).describe('Languages that may stay; empty: all.'),
  pii: z.union([off, z.strictObject({
    style: z.enum(['tags', 'realistic']).default('tags'),
    kinds: z.array(z.enum(PII_KINDS as unknown as [string, ...string[]])).optional(),
  })]).default(false).describe('Personal data and secrets become pseudonyms.'),
  length: z.strictObject({
    minCharacters: count.default(0), maxCharacters: count.optional(), minWords: count.default(0), maxWords: count.optional(),
    minTokens: count.default(0), maxTokens: count.optional(),
  }).prefault({}).describe('Of the whole row.'),
  decontaminate: z.union([off, z.strictObject({
    against: z.array(z.string()).min(1),
    mode: z.enum(['13-gram', '8-gram-lcs']).default('13-gram'),
  })]).default(false).describe('Rows that hold text of an evaluation set.'),
  budget: z.strictObject({ rows: count.optional(), characters: count.optional(), words: count.optional(), tokens: count.optional() }).prefault({})
    .describe('Most that stays, best rows first.'),
  tokenizer: z.string().min(1).optional().describe('Folder of a model, or its name on the hub: whose tokens are counted.'),
});

export type CurateConfig = z.infer<typeof curateSchema>;
export type CurateInput = z.input<typeof curateSchema>;

/** Something in it is about tokens. */
export function countsTokens({ length, budget }: CurateConfig): boolean {
  return length.minTokens > 0 || length.maxTokens !== undefined || budget.tokens !== undefined;
}

/** Lines are only taken out of texts that C4's filter has judged. */
function withC4(config: CurateConfig): CurateConfig {
  const { quality, lines } = config;
  if (lines === 'keep' || (quality !== false && quality.includes('c4'))) return config;
  return { ...config, quality: [...(quality === false ? [] : quality), 'c4'] };
}

/** Checks an object and fills in what is absent. */
export function curateConfig(input: unknown, file?: string): CurateConfig {
  const result = curateSchema.safeParse(input ?? {});
  if (result.success) {
    if (result.data.tokenizer !== undefined || !countsTokens(result.data)) return withC4(result.data);
    throw new EngineError(`${file ?? 'the curation config'}: tokenizer: expected a model whose tokens are counted, came nothing. Name its folder, or its name on the hub`,
      { code: 'ERR_CONFIG', ...(file === undefined ? {} : { file }), key: 'tokenizer' });
  }
  const [issue] = result.error.issues;
  const key = issue!.path.join('.') || (issue!.code === 'unrecognized_keys' ? issue!.keys.join(', ') : '');
  throw new EngineError(`${file ?? 'the curation config'}: ${z.prettifyError(result.error).replace(/^✖ /, '')}`,
    { code: 'ERR_CONFIG', ...(file === undefined ? {} : { file }), ...(key === '' ? {} : { key }) });
}

export async function readCurateConfig(file: string): Promise<CurateConfig> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new EngineError(`${file}: cannot be read (${(error as Error).message})`, { code: 'ERR_CONFIG', file });
  });
  let input: unknown;
  try {
    input = parse(text);
  } catch (error) {
    throw new EngineError(`${file}: expected YAML or JSON (${(error as Error).message})`, { code: 'ERR_CONFIG', file });
  }
  return curateConfig(input, file);
}
