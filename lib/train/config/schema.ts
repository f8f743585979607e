// The one description of a training configuration: what keys there are, their types, limits and defaults. The YAML
// parser, `--set`, the editor's JSON schema, `whetstone init` and docs/config.md all come from it.

import { z } from 'zod';
import { SCHEDULES } from '../schedule.js';

const whole = (low: number) => z.int().min(low);
const positive = () => z.number().positive();
const share = () => z.number().min(0).lt(1);
const files = () => z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], { error: 'expected a file name or a list of file names' });

const data = z.strictObject({
  train: files().describe('Training rows: a file (.jsonl, .json, .csv, .parquet, .txt) or a list of files.'),
  valid: files().optional().describe('Held-out rows, for the validation loss. Without them nothing is validated.'),
  test: z.string().min(1).optional().describe('The test set, sealed: a .sealed file (see: whetstone data seal), or rows that are sealed into the run\'s ' +
    'folder when it begins. Training never reads it; whetstone eval --final does.'),
  sliceBy: z.string().min(1).optional().describe('A field of the validation rows: each of its values is also measured on its own.'),
  format: z.enum(['auto', 'text', 'completion', 'alpaca', 'messages']).default('auto')
    .describe('How a row is read: "text" learns every token but the first; "completion" (prompt and completion), "alpaca" (instruction, ' +
      'input, output) and "messages" (chats) learn only what the model must answer. "auto" looks at the fields of the first row.'),
  fields: z.partialRecord(z.enum(['text', 'prompt', 'completion', 'instruction', 'input', 'output', 'messages', 'tools', 'weight']), z.string().min(1)).optional()
    .describe('Other names of the fields, such as {prompt: question, completion: answer}.'),
  trainOn: z.union([z.enum(['completions', 'last', 'all']), z.array(z.enum(['system', 'user', 'assistant', 'tool'])).min(1)],
    { error: 'expected "completions", "last", "all" or a list of roles' })
    .default('completions')
    .describe('What is learned of a chat: every answer of the model, the last one, everything, or what some roles say.'),
  textSplit: z.enum(['file', 'paragraph', 'line']).optional().describe('What one row of a .txt file is. Absent: the whole file.'),
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
  recompute: z.enum(['none', 'cheap']).default('none')
    .describe('What backward makes again instead of keeping it: "cheap" repeats norms and SwiGLU, a fifth less memory for two percent of time.'),
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

export const configSchema = z.strictObject({
  model: z.string().min(1).describe('Folder of a Hugging Face model, or its name on the hub (owner/name).'),
  revision: z.string().min(1).optional().describe('Branch, tag or commit of a model from the hub. Absent: main.'),
  data: data.describe('Rows to learn from.'),
  lora: lora.prefault({}).describe('The adapter.'),
  train: train.prefault({}).describe('The run.'),
  doctor: doctor.prefault({}).describe('What watches the run and says what is wrong with it.'),
  output: z.string().min(1).default('runs/whetstone').describe('Folder of the run: adapter, checkpoints, metrics, curve.'),
  device: z.string().regex(/^(auto|cpu|cuda(:\d+)?)$/, { error: 'expected "auto", "cpu", "cuda" or "cuda:<number>"' }).default('auto')
    .describe('"cpu", "cuda", "cuda:<number>", or "auto": the first GPU that works, else the CPU.'),
  threads: whole(0).default(0).describe('CPU threads; 0: one per core.'),
});

/** What a user writes: everything with a default may be left out. */
export type ConfigInput = z.input<typeof configSchema>;
/** A checked configuration with defaults filled in. */
export type Config = z.output<typeof configSchema>;
