// What a task in the YAML of lm-evaluation-harness means: its keys with their defaults. A key that is not understood is
// refused, never ignored.

import { resolve } from 'node:path';
import { dataError, describe } from '../../errors.js';
import { isFunction, YamlFiles } from './yaml.js';
import type { FunctionName, Plain } from './yaml.js';

export type OutputType = 'multiple_choice' | 'loglikelihood' | 'loglikelihood_rolling' | 'generate_until';
export type Field = string | number | readonly string[] | Readonly<Record<string, string>> | FunctionName;

export interface TaskConfig {
  readonly file: string;
  readonly task: string;
  /** What tables show instead of the name. */
  readonly alias: string | undefined;
  readonly outputType: OutputType;
  readonly datasetPath: string | undefined;
  readonly datasetName: string | undefined;
  readonly datasetKwargs: Readonly<Record<string, unknown>>;
  readonly splits: { readonly test: string | undefined; readonly fewshot: string | undefined };
  /** A row is never its own example. As in the harness only where the examples' split is named and is the test split. */
  readonly excludesItself: boolean;
  readonly processDocs: FunctionName | undefined;
  readonly processResults: FunctionName | undefined;
  readonly docToText: Field | undefined;
  readonly docToTarget: Field | undefined;
  readonly docToChoice: Field | undefined;
  /** What is looked for in training rows; absent: docToText. */
  readonly decontaminationQuery: Field | undefined;
  readonly description: string;
  readonly genPrefix: string | undefined;
  readonly targetDelimiter: string;
  readonly fewshotDelimiter: string;
  readonly numFewshot: number;
  readonly fewshot: {
    readonly sampler: 'default' | 'first_n';
    readonly samples: readonly Readonly<Record<string, unknown>>[] | FunctionName | undefined;
    readonly indices: readonly number[] | undefined;
    readonly docToText: Field | undefined;
    readonly docToTarget: Field | undefined;
    readonly docToChoice: Field | undefined;
    readonly targetDelimiter: string;
    readonly fewshotDelimiter: string;
    readonly genPrefix: string | undefined;
  };
  readonly generation: { readonly until: readonly string[]; readonly maxTokens: number; readonly temperature: number; readonly topP?: number; readonly topK?: number };
  readonly repeats: number;
  readonly filters: readonly { readonly name: string; readonly steps: readonly Readonly<Record<string, unknown>>[] }[];
  readonly metrics: readonly MetricConfig[];
  readonly version: string | number | undefined;
}

export interface MetricConfig {
  readonly metric: string;
  /** Where the metric is a function. */
  readonly function: FunctionName | undefined;
  readonly aggregation: string | FunctionName | undefined;
  readonly higherIsBetter: boolean | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}

const KEYS = new Set([
  'task', 'task_alias', 'tag', 'dataset_path', 'dataset_name', 'dataset_kwargs', 'training_split', 'validation_split', 'test_split', 'fewshot_split',
  'process_docs', 'doc_to_text', 'doc_to_target', 'doc_to_choice', 'process_results', 'description', 'target_delimiter', 'fewshot_delimiter', 'fewshot_config',
  'num_fewshot', 'metric_list', 'output_type', 'generation_kwargs', 'repeats', 'filter_list', 'should_decontaminate', 'doc_to_decontamination_query', 'gen_prefix',
  'metadata', 'unsafe_code',
]);
const FEWSHOT_KEYS = new Set(['sampler', 'split', 'samples', 'fewshot_indices', 'doc_to_text', 'doc_to_target', 'doc_to_choice', 'gen_prefix', 'fewshot_delimiter', 'target_delimiter']);
const GENERATION_KEYS = new Set(['until', 'do_sample', 'temperature', 'top_p', 'top_k', 'max_gen_toks', 'max_new_tokens', 'max_tokens', 'max_completion_tokens']);
const OUTPUTS: readonly OutputType[] = ['multiple_choice', 'loglikelihood', 'loglikelihood_rolling', 'generate_until'];
/** Metrics of a task that names none, as the harness registers them. */
const DEFAULT_METRICS: Readonly<Record<OutputType, readonly string[]>> = {
  multiple_choice: ['acc', 'acc_norm'], loglikelihood: ['perplexity', 'acc'],
  loglikelihood_rolling: ['word_perplexity', 'byte_perplexity', 'bits_per_byte'], generate_until: ['exact_match'],
};

/** Reads and checks a task file. Rejects with ERR_DATA naming the file and the key. */
export async function readTask(file: string): Promise<TaskConfig> {
  return checkTask(await new YamlFiles().read(file), resolve(file));
}

/** Checks the keys of a task that was made in code, or read. */
export function checkTask(value: Plain, file: string): TaskConfig {
  const refuse = (field: string, problem: string): Error => dataError({ file, field }, problem);
  if (value.group !== undefined || Array.isArray(value.task)) throw refuse('group', 'is a group of tasks, expected a single one. Open it with openTasks');
  if (value.class !== undefined) throw refuse('class', 'is a task written in Python, which cannot be run. Write its parts as TypeScript functions (docs/evaluation.md)');
  const unknown = Object.keys(value).find((key) => !KEYS.has(key));
  if (unknown !== undefined) throw refuse(unknown, 'is not understood. See "Tasks" in docs/evaluation.md for the keys that are');
  if (value.unsafe_code === true) throw refuse('unsafe_code', 'runs the model\'s programs. Use whetstone eval-code for that');
  const outputType = (value.output_type ?? 'generate_until') as OutputType;
  if (!OUTPUTS.includes(outputType)) throw refuse('output_type', `expected ${OUTPUTS.join(', ')}, came ${describe(value.output_type)}`);
  const text = (key: string, source: Plain = value): string | undefined => {
    const found = source[key];
    if (found === undefined || found === null || typeof found === 'string') return found ?? undefined;
    throw refuse(key, `expected text, came ${describe(found)}`);
  };
  const field = (key: string, source: Plain = value): Field | undefined => {
    const found = source[key] ?? undefined;
    if (found === undefined || typeof found === 'string' || typeof found === 'number' || isFunction(found) || (Array.isArray(found) && key !== 'doc_to_text')) return found as Field | undefined;
    if (key === 'doc_to_choice' && typeof found === 'object') return found as Readonly<Record<string, string>>;
    throw refuse(key, `expected a template, a field's name or !function, came ${describe(found)}`);
  };
  const whole = (key: string, absent: number, low = 0): number => {
    const found = value[key] ?? absent;
    if (Number.isInteger(found) && (found as number) >= low) return found as number;
    throw refuse(key, `expected a whole number of at least ${low}, came ${describe(found)}`);
  };
  const named = (key: string): FunctionName | undefined => {
    const found = value[key] ?? undefined;
    if (found === undefined || isFunction(found)) return found;
    throw refuse(key, `expected !function name, came ${describe(found)}`);
  };
  const test = text('test_split') ?? text('validation_split');
  if (test === undefined) throw refuse('test_split', 'expected test_split or validation_split, came neither. Say which split is evaluated');
  const fewshot = (value.fewshot_config ?? {}) as Plain;
  const strange = Object.keys(fewshot).find((key) => !FEWSHOT_KEYS.has(key));
  if (strange !== undefined) throw refuse(`fewshot_config.${strange}`, 'is not understood');
  const sampler = (fewshot.sampler ?? 'default') as 'default' | 'first_n';
  if (sampler !== 'default' && sampler !== 'first_n') throw refuse('fewshot_config.sampler', `expected default or first_n, came ${describe(fewshot.sampler)}`);
  const fewshotDelimiter = text('fewshot_delimiter') ?? '\n\n';
  const targetDelimiter = text('target_delimiter') ?? ' ';
  return {
    file, outputType, task: text('task') ?? file, alias: text('task_alias'), datasetPath: text('dataset_path'), datasetName: text('dataset_name'),
    datasetKwargs: (value.dataset_kwargs ?? {}) as Plain,
    splits: { test, fewshot: text('split', fewshot) ?? text('fewshot_split') ?? (fewshot.samples === undefined ? text('training_split') ?? text('validation_split') ?? test : undefined) },
    excludesItself: (text('split', fewshot) ?? text('fewshot_split')) === text('test_split'),
    processDocs: named('process_docs'), processResults: named('process_results'),
    docToText: field('doc_to_text'), docToTarget: field('doc_to_target'), docToChoice: field('doc_to_choice'),
    decontaminationQuery: value.should_decontaminate === true ? field('doc_to_decontamination_query') : undefined,
    description: text('description') ?? '', genPrefix: text('gen_prefix'), targetDelimiter, fewshotDelimiter, numFewshot: whole('num_fewshot', 0),
    fewshot: {
      sampler, samples: fewshot.samples as TaskConfig['fewshot']['samples'], indices: fewshot.fewshot_indices as readonly number[] | undefined,
      docToText: field('doc_to_text', fewshot) ?? field('doc_to_text'), docToTarget: field('doc_to_target', fewshot) ?? field('doc_to_target'),
      docToChoice: field('doc_to_choice', fewshot) ?? field('doc_to_choice'), targetDelimiter: text('target_delimiter', fewshot) ?? targetDelimiter,
      fewshotDelimiter: text('fewshot_delimiter', fewshot) ?? fewshotDelimiter, genPrefix: text('gen_prefix', fewshot) ?? text('gen_prefix'),
    },
    generation: generationOf(value.generation_kwargs as Plain | undefined, fewshotDelimiter, refuse),
    repeats: whole('repeats', 1, 1), filters: filtersOf(value.filter_list, refuse), metrics: metricsOf(value.metric_list, outputType, refuse),
    version: (value.metadata as { version?: string | number } | undefined)?.version,
  };
}

type Refuse = (field: string, problem: string) => Error;

function generationOf(given: Plain | null | undefined, fewshotDelimiter: string, refuse: Refuse): TaskConfig['generation'] {
  const kwargs = given ?? {};
  const unknown = Object.keys(kwargs).find((key) => !GENERATION_KEYS.has(key));
  if (unknown !== undefined) throw refuse(`generation_kwargs.${unknown}`, `is not understood. Known are ${[...GENERATION_KEYS].join(', ')}`);
  const number = (key: string): number | undefined => {
    const found = kwargs[key] ?? undefined;
    if (found === undefined || Number.isFinite(Number(found))) return found === undefined ? undefined : Number(found);
    throw refuse(`generation_kwargs.${key}`, `expected a number, came ${describe(found)}`);
  };
  const sample = kwargs.do_sample ?? (number('temperature') ?? 0) > 0;
  const [topP, topK] = [number('top_p'), number('top_k')];
  const until = kwargs.until ?? (given === undefined || given === null ? fewshotDelimiter : [fewshotDelimiter]);
  return {
    until: [until].flat() as string[],
    maxTokens: number('max_gen_toks') ?? number('max_new_tokens') ?? number('max_tokens') ?? number('max_completion_tokens') ?? 256,
    temperature: sample === true ? number('temperature') ?? 1 : 0,
    ...(sample === true && topP !== undefined ? { topP } : {}), ...(sample === true && topK !== undefined ? { topK } : {}),
  };
}

function filtersOf(list: unknown, refuse: Refuse): TaskConfig['filters'] {
  if (list === undefined || list === null) return [{ name: 'none', steps: [{ function: 'take_first' }] }];
  if (!Array.isArray(list)) throw refuse('filter_list', `expected a list, came ${describe(list)}`);
  return list.map((item: Plain, i) => {
    if (typeof item?.name !== 'string' || !Array.isArray(item.filter)) throw refuse('filter_list', `entry ${i + 1}: expected name and filter, came ${describe(item)}`);
    return { name: item.name, steps: item.filter as Plain[] };
  });
}

function metricsOf(list: unknown, outputType: OutputType, refuse: Refuse): MetricConfig[] {
  const entries = list === undefined || list === null ? DEFAULT_METRICS[outputType].map((metric) => ({ metric })) : list;
  if (!Array.isArray(entries)) throw refuse('metric_list', `expected a list, came ${describe(entries)}`);
  return entries.map((entry: Plain, i) => {
    const { metric, aggregation, higher_is_better: higherIsBetter, hf_evaluate: evaluate, ...options } = entry ?? {};
    const name = isFunction(metric) ? metric.functionName : metric;
    if (typeof name !== 'string') throw refuse('metric_list', `entry ${i + 1}: expected metric: name, came ${describe(entry)}`);
    if (evaluate === true && name !== 'exact_match') throw refuse('metric_list', `${name} with hf_evaluate: true is not understood`);
    return { metric: name, aggregation: aggregation as string | FunctionName | undefined, function: isFunction(metric) ? metric : undefined, higherIsBetter: higherIsBetter as boolean | undefined, options };
  });
}
