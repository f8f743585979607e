// From a Hugging Face config.json to the ModelSpec of the graph. What the graph lacks is ERR_UNSUPPORTED, naming
// every field at once; a value of the wrong type is ERR_MODEL with file and field. Nothing here reads weights.
// Defaults of absent fields are those of transformers 5.

import { EngineError } from '../errors.js';
import type { ModelSpec } from '../tensors.js';
import { Fields, parseJsonObject, showValue } from './fields.js';
import { HARMLESS, refuseForeignFields } from './refused.js';
import { readRope } from './rope.js';

interface Family {
  readonly kvHeads: 'heads' | number;
  readonly headWidth?: number;
  readonly maxPositions: number;
  readonly normEps: number;
  /** Which biases the family's attention may have: none, what `attention_bias` says, or always on q, k and v. */
  readonly attentionBias: 'none' | 'field' | 'qkv';
  readonly mlpBias: boolean;
  /** all: `sliding_window` holds for every layer; by-layer: `use_sliding_window`, `max_window_layers`, `layer_types`. */
  readonly window: 'none' | 'all' | 'by-layer';
  /** `sliding_window` where the config does not say. */
  readonly defaultWindow?: number;
  readonly qkNorm: boolean;
  readonly fused: boolean;
}

const PLAIN = { mlpBias: false, qkNorm: false, fused: false } as const;

const FAMILIES: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['llama', { ...PLAIN, kvHeads: 'heads', maxPositions: 2048, normEps: 1e-6, attentionBias: 'field', mlpBias: true, window: 'none' }],
  ['mistral', { ...PLAIN, kvHeads: 8, maxPositions: 131_072, normEps: 1e-6, attentionBias: 'none', window: 'all', defaultWindow: 4096 }],
  ['qwen2', { ...PLAIN, kvHeads: 32, maxPositions: 32_768, normEps: 1e-6, attentionBias: 'qkv', window: 'by-layer', defaultWindow: 4096 }],
  ['qwen3', {
    ...PLAIN, kvHeads: 32, headWidth: 128, maxPositions: 32_768, normEps: 1e-6, attentionBias: 'field', window: 'by-layer',
    defaultWindow: 4096, qkNorm: true,
  }],
  ['phi3', { ...PLAIN, kvHeads: 'heads', maxPositions: 4096, normEps: 1e-5, attentionBias: 'none', window: 'all', fused: true }],
]);

const EXTENT = { min: 1, max: 2 ** 24 };

export interface ModelConfig {
  readonly spec: ModelSpec;
  /** Fields that are neither understood nor known to be harmless: worth a line in a log. */
  readonly ignored: readonly string[];
}

/** Reads the text of a config.json. `file` is for messages. */
export function readModelConfig(text: string, file: string): ModelConfig {
  return modelConfig(new Fields(parseJsonObject(text, file), file));
}

/** The spec alone, from a parsed config.json. */
export function modelSpec(config: object, file = 'config.json'): ModelSpec {
  return modelConfig(new Fields(config, file)).spec;
}

function modelConfig(config: Fields): ModelConfig {
  const name = config.required('model_type', config.string('model_type'));
  const family = FAMILIES.get(name);
  if (family === undefined) {
    config.refuse('model_type', `supported are ${[...FAMILIES.keys()].join(', ')}`);
    throw unsupported(config);
  }
  refuseForeignFields(config);
  checkArchitectures(config);

  const width = config.required('hidden_size', config.integer('hidden_size', EXTENT));
  const heads = config.required('num_attention_heads', config.integer('num_attention_heads', { min: 1, max: 2 ** 14 }));
  const layers = config.required('num_hidden_layers', config.integer('num_hidden_layers', { min: 1, max: 2 ** 14 }));
  const kvHeads = readKvHeads(config, family, heads);
  const headWidth = readHeadWidth(config, family, width, heads);
  const maxPositions = config.integer('max_position_embeddings', { min: 1, max: 2 ** 31 - 1 }) ?? family.maxPositions;

  const activation = config.string('hidden_act') ?? 'silu';
  if (activation !== 'silu' && activation !== 'swish') config.refuse('hidden_act', 'supported is silu');
  const attentionBias = readAttentionBias(config, family, name);
  const mlpBias = config.boolean('mlp_bias') ?? false;
  if (mlpBias && !family.mlpBias) config.refuse('mlp_bias', `${name} models have none`);

  const window = readWindows(config, family, name, layers);
  const rope = readRope(config, { family: name, headWidth, maxPositions });
  const rest = {
    family: name,
    vocabulary: config.required('vocab_size', config.integer('vocab_size', EXTENT)),
    width, layers, heads, kvHeads, headWidth,
    feedForward: config.required('intermediate_size', config.integer('intermediate_size', EXTENT)),
    normEps: config.number('rms_norm_eps', { min: 0, max: 1 }) ?? family.normEps,
    tiedHead: config.boolean('tie_word_embeddings') ?? false,
    ...attentionBias, mlpBias,
    qkNorm: family.qkNorm, fusedQkv: family.fused, fusedGateUp: family.fused,
    window,
  };
  if (rope === undefined || config.unsupported.length > 0) throw unsupported(config);
  return { spec: { ...rest, rope }, ignored: config.unread().filter((key) => !HARMLESS.has(key)) };
}

function unsupported(config: Fields): EngineError {
  const reasons = [...config.unsupported];
  return new EngineError(`${config.file}: this model needs what the engine does not have: ${reasons.join('; ')}`,
    { code: 'ERR_UNSUPPORTED', op: 'load model', reasons });
}

function checkArchitectures(config: Fields): void {
  const names = config.strings('architectures');
  if (names !== undefined && names.length > 0 && !names.some((name) => /(ForCausalLM|Model)$/.test(name))) {
    config.refuse('architectures', 'supported are causal language models');
  }
}

function readKvHeads(config: Fields, family: Family, heads: number): number {
  const fallback = config.present('num_key_value_heads') || family.kvHeads === 'heads' ? heads : family.kvHeads;
  const kvHeads = config.integer('num_key_value_heads', { min: 1, max: heads }) ?? fallback;
  if (heads % kvHeads !== 0) config.fail('num_key_value_heads', `a divisor of num_attention_heads (${heads})`);
  return kvHeads;
}

function readHeadWidth(config: Fields, family: Family, width: number, heads: number): number {
  const given = config.integer('head_dim', { min: 2, max: 2 ** 14 });
  if (given !== undefined) return given;
  if (family.headWidth !== undefined && !config.present('head_dim')) return family.headWidth;
  if (width % heads !== 0) config.fail('hidden_size', `a multiple of num_attention_heads (${heads}), or head_dim`);
  return width / heads;
}

function readAttentionBias(config: Fields, family: Family, name: string): { qkvBias: boolean; oBias: boolean } {
  const said = config.boolean('attention_bias');
  if (family.attentionBias === 'field') return { qkvBias: said ?? false, oBias: said ?? false };
  const always = family.attentionBias === 'qkv';
  if (said !== undefined && said !== always) {
    config.refuse('attention_bias', always ? `${name} models always have one on q, k and v` : `${name} models have none`);
  }
  return { qkvBias: always, oBias: false };
}

function readWindows(config: Fields, family: Family, name: string, layers: number): readonly number[] {
  const given = config.integer('sliding_window', { min: 1, max: 2 ** 31 - 1 });
  const size = given ?? (config.present('sliding_window') ? undefined : family.defaultWindow);
  const types = config.strings('layer_types');
  if (types !== undefined && types.length !== layers) config.fail('layer_types', `a list of ${layers} layer types`);
  const foreign = types?.find((type) => type !== 'full_attention' && type !== 'sliding_attention');
  if (foreign !== undefined) config.refuse('layer_types', `${showValue(foreign)} is not supported`);

  if (family.window === 'by-layer') {
    const used = config.boolean('use_sliding_window') ?? false;
    const from = config.integer('max_window_layers', { min: 0 }) ?? 28;
    return Array.from({ length: layers }, (_, layer) => {
      const slides = types === undefined ? used && size !== undefined && layer >= from : types[layer] === 'sliding_attention';
      if (slides && (!used || size === undefined)) {
        config.fail('layer_types', 'sliding_attention only together with use_sliding_window and sliding_window');
      }
      return slides ? (size as number) : 0;
    });
  }
  if (family.window === 'none') {
    if (given !== undefined) config.refuse('sliding_window', `${name} models have none`);
    if (config.boolean('use_sliding_window') === true) config.refuse('use_sliding_window', `${name} models have none`);
  }
  const everywhere = family.window === 'all' ? (size ?? 0) : 0;
  const expected = everywhere > 0 ? 'sliding_attention' : 'full_attention';
  if (foreign === undefined && types?.some((type) => type !== expected)) {
    config.refuse('layer_types', `layers of ${name} models are all alike`);
  }
  return Array.from({ length: layers }, () => everywhere);
}
