// The one description of a training configuration: what keys there are, their types, limits and defaults. The YAML
// parser, `--set`, the editor's JSON schema, `whetstone init` and docs/config.md all come from it.

import { z } from 'zod';
import { FIELDS } from '../../data/formats/fields.js';
import { DATA_FORMATS } from '../../data/formats/format.js';
import { SCHEDULES } from '../schedule.js';

const whole = (low: number) => z.int().min(low);
const positive = () => z.number().positive();
const share = () => z.number().min(0).lt(1);
const files = () => z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], { error: 'expected a file name or a list of file names' });

const role = () => z.enum(['system', 'user', 'assistant', 'tool']);

/** How rows are read; in `data` for all sets, and in a set of its own for that one. */
const reading = {
  format: z.enum(['auto', ...DATA_FORMATS]).optional()
    .describe('How a row is read: "text" learns every token but the first; "completion" (prompt and completion), "alpaca", "dolly", "messages", ' +
      '"sharegpt" and "oasst" learn only what the model must answer; "preference", "openai-preference", "ultrafeedback", "hh-rlhf" and ' +
      '"oasst-pairs" are pairs of answers, "kto" answers with a verdict. Absent or "auto": found out from the fields of the first rows.'),
  fields: z.partialRecord(z.enum(FIELDS), z.string().min(1)).optional()
    .describe('Other names of the fields, such as {prompt: question, completion: answer}; dots lead into objects (meta.question). role and content are fields of a message.'),
  roles: z.record(z.string(), role()).optional().describe('Other names of who speaks, such as {bot: assistant}.'),
  pairs: z.enum(['keep', 'chosen']).optional()
    .describe('Rows with two answers, or a verdict. "chosen": the preferred answers alone are learned. Absent: kept as pairs, which only methods for preferences can learn.'),
  textSplit: z.enum(['file', 'paragraph', 'line']).optional().describe('What one row of a .txt file is. Absent: the whole file.'),
  trainOn: z.union([z.enum(['completions', 'last', 'all']), z.array(role()).min(1)], { error: 'expected "completions", "last", "all" or a list of roles' })
    .optional()
    .describe('What is learned of a chat: every answer of the model ("completions", the default), the last one, everything, or what some roles say.'),
};

const set = z.strictObject({
  files: files().describe('Files, folders, patterns, or hf://datasets/owner/name/pattern.'),
  name: z.string().min(1).optional(),
  weight: z.number().min(0).optional(),
  share: z.number().positive().optional(),
  tokens: whole(1).optional(),
  ...reading,
});

const mix = z.strictObject({
  mode: z.enum(['union', 'weighted', 'budget']).default('union')
    .describe('"union": every row of every set once an epoch. "weighted": sets by their share, for ever; small ones come again. "budget": so many tokens of each set (its "tokens"), then the run ends.'),
  by: z.enum(['tokens', 'rows']).default('tokens').describe('What shares are shares of.'),
  temperature: positive().default(1).describe('Shares to the power of 1 / temperature: above 1 small sets count for more.'),
  curriculum: z.array(z.strictObject({ step: whole(0), shares: z.record(z.string(), z.number().min(0)) })).min(1).optional()
    .describe('Shares by name of the set from an update on; between two of them the shares move in a straight line. Only with "weighted".'),
});

const decontaminate = z.strictObject({
  against: files().optional().describe('More evaluation sets, beside data.valid and data.test: files, folders or patterns.'),
  mode: z.enum(['13-gram', '8-gram-lcs']).default('13-gram')
    .describe('"13-gram": 13 words in a row. "8-gram-lcs": 8 words in a row inside a common piece of 50 characters and half of the evaluation row.'),
  action: z.enum(['remove', 'report', 'off']).default('remove')
    .describe('Training rows that hold text of evaluation sets: leave them out, only report them (in both cases contaminated.jsonl of the run\'s folder has them with both texts), or do not look.'),
});

const validation = z.strictObject({
  split: z.number().gt(0).lt(1).describe('Share of the training rows that is held out.'),
  group: z.union([z.literal('auto'), z.array(z.string().min(1))], { error: 'expected "auto" or a list of fields' }).default('auto')
    .describe('Fields whose rows stay together; "auto": ids of conversations and users that the first row has.'),
  prompts: z.boolean().default(true).describe('Rows with the same prompt stay together.'),
  near: z.enum(['datatrove', 'nemo', 'data-juicer', 'none']).default('datatrove').describe('How near duplicates are found, which stay together.'),
  stratify: z.array(z.string().min(1)).default([]).describe('Fields to spread evenly; also length, source, language.'),
  exact: z.boolean().default(false).describe('Meet the share in every stratum exactly; then rows near the cut may move when others are added.'),
  seed: whole(0).default(42).describe('Another seed, another split.'),
});

const data = z.strictObject({
  train: z.union([z.string().min(1), z.array(z.union([z.string().min(1), set])).min(1)],
    { error: 'expected a file name or a list of file names and sets {files, name, share, weight, tokens, format …}' })
    .describe('Training rows: a file (.jsonl, .json, .csv, .tsv, .parquet, .arrow, .txt; .gz and .zst of the text kinds), a folder, a pattern, or ' +
      'hf://datasets/owner/name/pattern; or a list of them, and of sets {files, name, weight, share, tokens, format, fields, roles, pairs, textSplit, trainOn}.'),
  valid: files().optional().describe('Held-out rows, for the validation loss. Without them nothing is validated.'),
  validation: validation.optional().describe('Instead of data.valid: hold out a share of the training rows, so that near duplicates, equal prompts, conversations ' +
    'and users never straddle. The parts are written to the run\'s folder.'),
  test: z.string().min(1).optional().describe('The test set, sealed: a .sealed file (see: whetstone data seal), or rows that are sealed into the run\'s ' +
    'folder when it begins. Training never reads it; whetstone eval --final does.'),
  sliceBy: z.string().min(1).optional().describe('A field of the validation rows: each of its values is also measured on its own.'),
  ...reading,
  format: reading.format.unwrap().default('auto').describe(reading.format.description!),
  trainOn: reading.trainOn.unwrap().default('completions').describe(reading.trainOn.description!),
  reasoning: z.enum(['learn', 'context']).default('learn').describe('Whether the thoughts before an answer (reasoning_content, <think>…</think>) are learned.'),
  endOfTurn: z.enum(['turn', 'last', 'all', 'never']).default('turn')
    .describe('Whose end tokens are learned: of every learned turn, of the last one, of all turns whoever speaks, or none: then the model does not learn to stop.'),
  useTemplate: z.enum(['auto', 'always', 'never']).default('auto')
    .describe('Which rows are rendered with the chat template. "auto": all but plain text and prompt with completion; "always": those with a prompt too; "never": Alpaca rows are plain as well.'),
  straddling: z.enum(['majority', 'error']).default('majority').describe('A token that holds what is learned and what is not: the larger part decides, or it is an error.'),
  badRows: z.enum(['keep-aside', 'error']).default('keep-aside')
    .describe('Rows that cannot be used (broken, of another format, too large): counted, named and kept in bad-rows.jsonl of the run\'s folder while the others are used, or an error.'),
  maxRowBytes: whole(1024).default(32 * 1024 * 1024).describe('Longest row in bytes; a longer one is a bad row.'),
  mix: mix.prefault({}).describe('How several sets are mixed.'),
  decontaminate: decontaminate.prefault({}).describe('Text of evaluation sets must not be learned.'),
  streaming: z.boolean().default(false)
    .describe('Rows are read and tokenised while training, from an index of where they lie: nothing is kept in memory, and a run goes on at once at any place. Needs train.steps and files that are not compressed.'),
  chatTemplate: z.string().min(1).optional().describe('A Jinja file to use instead of the model\'s own chat template.'),
  chatTemplateName: z.string().min(1).optional().describe('Which of several templates of the model. Absent: default.'),
  templateVariables: z.record(z.string(), z.unknown()).optional().describe('More variables for the template, such as {enable_thinking: false}.'),
  tooLong: z.enum(['split', 'truncate', 'drop', 'error']).optional()
    .describe('What happens to a row longer than train.maxLength. Absent: "split" for plain text (pieces, nothing is lost), "error" for rows ' +
      'with an answer, whose end would never be learned.'),
});

const lora = z.strictObject({
  r: whole(1).default(16).describe('Rank of the adapter.'),
  alpha: positive().optional().describe('Scale of the adapter: alpha / r multiplies its output. Absent: twice r.'),
  targetModules: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], { error: 'expected "all-linear", a regular expression or a list of module names' })
    .default('all-linear')
    .describe('"all-linear" (every linear but the head), a list of module names (q_proj, v_proj …), or a regular expression for whole module paths.'),
  dropout: share().default(0).describe('Dropout on the input of the adapter while training.'),
  rankPattern: z.record(z.string(), whole(1)).optional().describe('Other ranks for some modules: name or regular expression to rank.'),
  alphaPattern: z.record(z.string(), positive()).optional().describe('Other alphas for some modules: name or regular expression to alpha.'),
  layersToTransform: z.union([whole(0), z.array(whole(0)).min(1)], { error: 'expected a layer number or a list of layer numbers' }).optional()
    .describe('Only these layers, counted from 0. Absent: all.'),
  useRslora: z.boolean().default(false).describe('Scale by alpha / sqrt(r) instead of alpha / r.'),
});

const earlyStopping = z.strictObject({
  patience: whole(0).default(0).describe('Validations without improvement before the run stops; 0: never stop early.'),
  minDelta: z.number().min(0).default(0).describe('Smallest change that counts as an improvement.'),
  minDeltaErrors: z.number().min(0).default(0).describe('The same in standard errors of the change over the same rows: with 1, noise does not count as an improvement.'),
  metric: z.string().min(1).default('validLoss').describe('What is compared; also chooses the best checkpoint: validLoss, validPerplexity, validAccuracy, trainLoss or gap ' +
    '(of the train probe), validLoss:<slice> or validAccuracy:<slice>, or the name of a metric given to train() in JavaScript.'),
});

const train = z.strictObject({
  steps: whole(1).optional().describe('Updates of the run. Wins over epochs.'),
  epochs: positive().optional().describe('Passes over the training rows; may be a fraction. Absent without steps: 1.'),
  learningRate: positive().default(2e-4).describe('Peak learning rate.'),
  schedule: z.enum(SCHEDULES).default('linear').describe('How the learning rate goes after the warm-up.'),
  warmupRatio: share().default(0).describe('Share of all updates in which the rate climbs from 0.'),
  warmupSteps: whole(0).default(0).describe('The same in updates; wins over warmupRatio unless 0.'),
  minLearningRate: z.number().min(0).default(0).describe('Rate at the end of the schedule.'),
  power: positive().default(1).describe('Exponent of the polynomial schedule.'),
  decayRatio: z.number().min(0).max(1).default(0.1).describe('Share of all updates in which the wsd schedule decays.'),
  batchTokens: whole(8).default(2048).describe('Most tokens of one micro-batch. Rows are packed without padding.'),
  accumulation: whole(1).default(1).describe('Micro-batches of one update.'),
  maxLength: whole(8).optional().describe('Longest sequence in tokens; see data.tooLong. Absent: what the model\'s context and batchTokens allow.'),
  shuffle: z.boolean().default(true).describe('Draw a new order of the rows in each epoch.'),
  weightDecay: z.number().min(0).default(0).describe('Decoupled weight decay of AdamW.'),
  betas: z.tuple([share(), share()]).default([0.9, 0.999]).describe('Moment decays of AdamW.'),
  epsilon: positive().default(1e-8).describe('Denominator term of AdamW.'),
  clip: z.number().min(0).default(1).describe('Largest gradient norm; 0: no clipping.'),
  neftuneAlpha: z.number().min(0).default(0).describe('Noise on the embeddings while training (NEFTune); 0: none. 5 is usual.'),
  labelSmoothing: share().default(0).describe('Share of each label spread over the vocabulary.'),
  seed: whole(0).default(42).describe('Seed of the adapter, the order of rows, dropout and noise.'),
  dtype: z.enum(['f32', 'bf16']).default('f32').describe('How frozen weights and activations are stored. The adapter itself is always f32.'),
  recompute: z.enum(['none', 'cheap', 'layer', 'auto']).default('auto')
    .describe('What backward makes again instead of keeping it: "cheap" norms and SwiGLU (two percent of time), "layer" whole layers (about a ' +
      'quarter). "auto" keeps everything while it fits, else takes the fastest mixture, layer by layer, that does. No result changes.'),
  probe: z.boolean().default(true).describe('At every validation also measure as many training rows, always the same, with the same weights: the gap between the two shows overfitting.'),
  validEvery: whole(1).optional().describe('Updates between validations. Absent: a tenth of the run.'),
  saveEvery: whole(1).optional().describe('Updates between checkpoints. Absent: a tenth of the run, at most 500.'),
  keep: whole(1).default(2).describe('Checkpoints kept, the newest; the best is kept beside them.'),
  restoreBest: z.boolean().default(true).describe('With validation rows: the adapter at the end is that of the best validation.'),
  earlyStopping: earlyStopping.prefault({}).describe('Stop when validation no longer improves.'),
});

const doctor = z.strictObject({
  auto: z.boolean().default(false).describe('Apply the first remedies by itself. While the run goes: stop, learning rate, weight decay, dropout. The others go into next-run.yaml.'),
  rows: z.enum(['none', 'probe', 'all']).default('probe').describe('Whose losses are kept for each row (rows.jsonl, mislabels.jsonl): the train probe at every validation, which ' +
    'costs nothing, or "all" training rows at the end of every epoch, about a third of an epoch each.'),
  general: files().optional().describe('General text: its perplexity before and after shows what the model has forgotten.'),
});

const generate = z.strictObject({
  rows: whole(0).default(0).describe('Validation rows, spread evenly, that the model answers at every validation; what it says is scored and kept in generations.jsonl. 0: none.'),
  metrics: z.array(z.union([z.enum(['exactMatch', 'answerF1', 'numberMatch', 'rougeL', 'chrf', 'length']),
    z.string().regex(/^.+\.m?[jt]s#[A-Za-z_$][\w$]*$/, { error: 'expected exactMatch, answerF1, numberMatch, rougeL, chrf, length, or a function of your own as "metrics.ts#name"' })]))
    .min(1).default(['exactMatch', 'answerF1'])
    .describe('How what it says is scored against the row: the same words (exactMatch) or a share of them (answerF1) as SQuAD counts, the same final number, ROUGE-L, chrF; only its length in characters; ' +
      'or a function of your own, (said, expected, prompt) => number, as "metrics.ts#name". train.earlyStopping.metric may name one.'),
  maxNewTokens: whole(1).default(64).describe('Longest answer in tokens.'),
  temperature: z.number().min(0).default(0).describe('0: always the most likely token.'),
  stop: z.array(z.string().min(1)).default([]).describe('Texts that end an answer; they are not part of it.'),
  choices: z.array(z.string().min(1)).min(1).optional().describe('The answer must be one of these texts.'),
  regex: z.string().min(1).optional().describe('The answer must match this regular expression as a whole.'),
  jsonSchema: z.string().min(1).optional().describe('The answer must be JSON of the schema in this file.'),
  atOnce: whole(1).default(16).describe('Answers written together.'),
});

export const configSchema = z.strictObject({
  model: z.string().min(1).describe('Folder of a Hugging Face model, or its name on the hub (owner/name).'),
  revision: z.string().min(1).optional().describe('Branch, tag or commit of a model from the hub. Absent: main.'),
  data: data.describe('Rows to learn from.'),
  lora: lora.prefault({}).describe('The adapter.'),
  train: train.prefault({}).describe('The run.'),
  doctor: doctor.prefault({}).describe('What watches the run and says what is wrong with it.'),
  generate: generate.prefault({}).describe('What the model writes at every validation.'),
  output: z.string().min(1).default('runs/whetstone').describe('Folder of the run: adapter, checkpoints, metrics, curve.'),
  device: z.string().regex(/^(auto|cpu|cuda(:\d+)?)$/, { error: 'expected "auto", "cpu", "cuda" or "cuda:<number>"' }).default('auto')
    .describe('"cpu", "cuda", "cuda:<number>", or "auto": the first GPU that works, else the CPU.'),
  threads: whole(0).default(0).describe('CPU threads; 0: one per core.'),
});

/** What a user writes: everything with a default may be left out. */
export type ConfigInput = z.input<typeof configSchema>;
/** A checked configuration with defaults filled in. */
export type Config = z.output<typeof configSchema>;
