// adapter_config.json: reads PEFT's file into a LoraConfig, refusing by name what this engine does not compute, and
// writes it as PEFT 0.21 does: sorted keys, two spaces, no newline at the end.

import { EngineError } from '../errors.js';
import { Fields } from '../model/fields.js';
import type { LoraConfig } from './targets.js';

export const CONFIG_FILE = 'adapter_config.json';
const PEFT_VERSION = '0.21.0';

/** What an adapter folder says about itself beside the LoRA hyper-parameters. */
export interface AdapterConfigFile {
  readonly lora: LoraConfig;
  /** The base model it was trained on: a path or hub name, as the writer knew it. */
  readonly baseModel?: string;
  readonly revision?: string;
}

/** Fields that PEFT writes, with the values that ask for nothing special. Others are refused by name. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  alora_invocation_tokens: [null], arrow_config: [null], bias: ['none'], ensure_weight_tying: [false],
  fan_in_fan_out: [false], kasa_config: [null], layer_replication: [null], lora_bias: [false], megatron_config: [null],
  modules_to_save: [null, []], monteclora_config: [null], peft_type: ['LORA'], target_parameters: [null, []],
  task_type: ['CAUSAL_LM', 'FEATURE_EXTRACTION', null], trainable_token_indices: [null], use_bdlora: [null, false],
  use_dora: [false], use_qalora: [false], velora_config: [null],
  init_lora_weights: [true, false, null, 'gaussian', 'eva', 'orthogonal'],
};

/** Fields that are read below, or that say nothing about the adapter's function. */
const KNOWN = new Set([
  'r', 'lora_alpha', 'lora_dropout', 'target_modules', 'exclude_modules', 'layers_to_transform', 'layers_pattern',
  'rank_pattern', 'alpha_pattern', 'use_rslora', 'base_model_name_or_path', 'revision', 'auto_mapping', 'peft_version',
  'inference_mode', 'megatron_core', 'loftq_config', 'eva_config', 'corda_config', 'lora_ga_config', 'runtime_config',
  'qalora_group_size',
]);

/** Reads a parsed adapter_config.json. ERR_MODEL for wrong types, ERR_UNSUPPORTED naming every foreign field. */
export function readAdapterConfig(json: object, file: string): AdapterConfigFile {
  const fields = new Fields(json, file);
  for (const key of fields.keys()) {
    if (KNOWN.has(key)) continue;
    const value = fields.raw(key) ?? null;
    const neutral = NEUTRAL[key] ?? [null, false];
    if (!neutral.some((allowed) => JSON.stringify(allowed) === JSON.stringify(value))) {
      const words = neutral.map((allowed) => JSON.stringify(allowed)).join(' or ');
      fields.refuse(key, key in NEUTRAL ? `supported is ${words}` : 'unknown field');
    }
  }
  fields.required('peft_type', fields.raw('peft_type'));
  if (fields.unsupported.length > 0) {
    const reasons = [...fields.unsupported];
    throw new EngineError(`${file}: this adapter needs what the engine does not have: ${reasons.join('; ')}`,
      { code: 'ERR_UNSUPPORTED', op: 'read adapter', reasons });
  }
  const optional = {
    excludeModules: names(fields, 'exclude_modules'), layersPattern: names(fields, 'layers_pattern'),
    layersToTransform: fields.integers('layers_to_transform', { min: 0 }),
    rankPattern: pattern(fields, 'rank_pattern'), alphaPattern: pattern(fields, 'alpha_pattern'),
  };
  const lora: LoraConfig = {
    r: fields.integer('r', { min: 1 }) ?? 8, // PEFT's defaults, for files of older versions
    alpha: fields.number('lora_alpha') ?? 8,
    dropout: fields.number('lora_dropout', { min: 0 }) ?? 0,
    targetModules: fields.required('target_modules', names(fields, 'target_modules')),
    useRslora: fields.boolean('use_rslora') ?? false,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
  const baseModel = fields.string('base_model_name_or_path');
  const revision = fields.string('revision');
  return { lora, ...(baseModel === undefined ? {} : { baseModel }), ...(revision === undefined ? {} : { revision }) };
}

function names(fields: Fields, key: string): string | readonly string[] | undefined {
  const value = fields.raw(key);
  return typeof value === 'string' ? value : fields.strings(key);
}

function pattern(fields: Fields, key: string): Readonly<Record<string, number>> | undefined {
  const table = fields.object(key);
  if (table === undefined || table.keys().length === 0) return undefined;
  return Object.fromEntries(table.keys().map((name) => [name, table.required(name, table.number(name))]));
}

/** The text of an adapter_config.json. Equal input gives equal bytes. */
export function adapterConfigText({ lora, baseModel, revision }: AdapterConfigFile): string {
  const sorted = (value: string | readonly string[] | undefined): unknown =>
    (value === undefined ? null : typeof value === 'string' ? value : [...value].sort(byCodePoint));
  return pythonJson({
    alora_invocation_tokens: null, alpha_pattern: lora.alphaPattern ?? {}, arrow_config: null, auto_mapping: null,
    base_model_name_or_path: baseModel ?? null, bias: 'none', corda_config: null, ensure_weight_tying: false,
    eva_config: null, exclude_modules: sorted(lora.excludeModules), fan_in_fan_out: false, inference_mode: true,
    init_lora_weights: true, kasa_config: null, layer_replication: null, layers_pattern: lora.layersPattern ?? null,
    layers_to_transform: lora.layersToTransform ?? null, loftq_config: {}, lora_alpha: lora.alpha, lora_bias: false,
    lora_dropout: new PythonFloat(lora.dropout ?? 0), lora_ga_config: null, megatron_config: null,
    megatron_core: 'megatron.core', modules_to_save: null, monteclora_config: null, peft_type: 'LORA',
    peft_version: PEFT_VERSION, qalora_group_size: 16, r: lora.r, rank_pattern: lora.rankPattern ?? {},
    revision: revision ?? null, target_modules: sorted(lora.targetModules), target_parameters: null,
    task_type: 'CAUSAL_LM', trainable_token_indices: null, use_bdlora: null, use_dora: false, use_qalora: false,
    use_rslora: lora.useRslora ?? false, velora_config: null,
  }, '');
}

/** A number that Python would print as a float: 0.0, not 0. */
class PythonFloat {
  constructor(readonly value: number) {}

  toString(): string {
    const text = String(this.value);
    if (/e/.test(text)) return text.replace(/e([+-])(\d)$/, 'e$10$2'); // 1e-7 → 1e-07
    if (this.value !== 0 && Math.abs(this.value) < 1e-4) return this.value.toExponential().replace(/e-(\d)$/, 'e-0$1');
    return Number.isInteger(this.value) ? `${text}.0` : text;
  }
}

/** json.dumps(value, indent=2, sort_keys=True): the same layout, ASCII only. */
function pythonJson(value: unknown, indent: string): string {
  if (value instanceof PythonFloat) return value.toString();
  if (typeof value === 'number' && !Number.isInteger(value)) return new PythonFloat(value).toString();
  if (typeof value === 'string') {
    return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const items = Array.isArray(value)
    ? value.map((item) => inner + pythonJson(item, inner))
    : Object.keys(value).sort(byCodePoint).map((key) =>
      `${inner}${pythonJson(key, inner)}: ${pythonJson((value as Record<string, unknown>)[key], inner)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  return items.length === 0 ? `${open}${close}` : `${open}\n${items.join(',\n')}\n${indent}${close}`;
}

/** Python sorts by code point; JavaScript's default by UTF-16 unit. */
function byCodePoint(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
