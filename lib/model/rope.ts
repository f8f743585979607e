// From the position fields of a config.json to RopeSpec, with the defaults and precedences of transformers 5:
// `rope_scaling` (old layout) wins over `rope_parameters` (new); theta inside either wins over a top-level one;
// the original length comes from the top level, else from inside, else it is max_position_embeddings.

import type { RopeSpec } from '../tensors.js';
import type { Fields } from './fields.js';

const DEFAULT_THETA = 10_000;
const LAYER_TYPES = ['full_attention', 'sliding_attention', 'chunked_attention', 'linear_attention'];
/** Every key that may stand among the RoPE fields without a meaning that we would lose. */
const KNOWN_KEYS = new Set(['rope_type', 'type', 'rope_theta', 'partial_rotary_factor', 'factor',
  'original_max_position_embeddings', 'low_freq_factor', 'high_freq_factor', 'attention_factor', 'beta_fast',
  'beta_slow', 'mscale', 'mscale_all_dim', 'truncate', 'short_factor', 'long_factor', 'finetuned']);

export interface RopeContext {
  readonly family: string;
  readonly headWidth: number;
  readonly maxPositions: number;
}

/** Reads the RoPE fields; what cannot be honoured goes to `config.unsupported` and gives undefined. */
export function readRope(config: Fields, { family, headWidth, maxPositions }: RopeContext): RopeSpec | undefined {
  const scaling = nonEmpty(config.object('rope_scaling'));
  const parameters = nonEmpty(config.object('rope_parameters'));
  const fields = scaling ?? parameters;

  const perLayer = fields?.keys().find((key) => LAYER_TYPES.includes(key));
  if (fields !== undefined && perLayer !== undefined) {
    fields.refuse(perLayer, 'positions that differ between layers are not supported');
    return undefined;
  }
  for (const key of fields?.keys() ?? []) {
    if (!KNOWN_KEYS.has(key) && fields?.raw(key) !== undefined) fields?.refuse(key, 'unknown field of the positions');
  }

  const outerTheta = config.number('rope_theta', { min: 1e-6 });
  const theta = fields?.number('rope_theta', { min: 1e-6 }) ?? outerTheta ?? DEFAULT_THETA;
  const rotaryWidth = readRotaryWidth(config, fields, family, headWidth);
  const kind = fields?.string('rope_type') ?? fields?.string('type') ?? 'default';
  const common = { theta, rotaryWidth, maxPositions };

  if (family === 'phi3' && kind !== 'default') {
    fields?.refuse(fields.raw('rope_type') === undefined ? 'type' : 'rope_type',
      'of this family only plain positions are supported (scaled ones are longrope there)');
    return undefined;
  }
  if (kind === 'default' || fields === undefined) return { kind: 'default', ...common };

  const factor = (): number => fields.required('factor', fields.number('factor', { min: 1 }));
  const outerOriginal = config.integer('original_max_position_embeddings', { min: 1 });
  const originalMaxPositions =
    outerOriginal ?? fields.integer('original_max_position_embeddings', { min: 1 }) ?? maxPositions;
  switch (kind) {
    case 'linear':
      return { kind, ...common, factor: factor() };
    case 'dynamic':
      // transformers measures growth against max_position_embeddings here, whatever the original length.
      return { kind, ...common, factor: factor(), originalMaxPositions: maxPositions };
    case 'llama3': {
      const lowFreqFactor = fields.required('low_freq_factor', fields.number('low_freq_factor', { min: 1e-6 }));
      const highFreqFactor = fields.required('high_freq_factor', fields.number('high_freq_factor', { min: 1e-6 }));
      if (highFreqFactor <= lowFreqFactor) fields.fail('high_freq_factor', `more than low_freq_factor (${lowFreqFactor})`);
      return { kind, ...common, factor: factor(), lowFreqFactor, highFreqFactor, originalMaxPositions };
    }
    case 'yarn':
      return { kind, ...common, ...readYarn(fields, maxPositions, originalMaxPositions), originalMaxPositions };
    default:
      fields.refuse(fields.raw('rope_type') === undefined ? 'type' : 'rope_type',
        'supported are default, linear, dynamic, llama3 and yarn');
      return undefined;
  }
}

function nonEmpty(fields: Fields | undefined): Fields | undefined {
  return fields !== undefined && fields.keys().length > 0 ? fields : undefined;
}

function readRotaryWidth(config: Fields, fields: Fields | undefined, family: string, headWidth: number): number {
  const outer = config.number('partial_rotary_factor', { min: 0, max: 1 });
  const inner = fields?.number('partial_rotary_factor', { min: 0, max: 1 });
  const owner = inner === undefined ? config : (fields as Fields);
  const part = inner ?? outer ?? 1;
  if (part !== 1 && family !== 'phi3') owner.refuse('partial_rotary_factor', `${family} models rotate whole heads`);
  const width = Math.trunc(headWidth * part);
  if (width < 2 || width % 2 !== 0) {
    if (part === 1) config.fail('head_dim', 'an even head width');
    owner.fail('partial_rotary_factor', `a part of the head width ${headWidth} that is even and at least 2`);
  }
  return width;
}

function readYarn(fields: Fields, maxPositions: number, originalMaxPositions: number) {
  if (!fields.present('factor')) fields.required('factor', undefined);
  const factor = fields.number('factor', { min: 1e-6 }) ?? maxPositions / originalMaxPositions;
  const mscale = fields.number('mscale') ?? 0;
  const mscaleAllDim = fields.number('mscale_all_dim') ?? 0;
  const amplitude = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const inferred = mscale !== 0 && mscaleAllDim !== 0 ? amplitude(mscale) / amplitude(mscaleAllDim) : amplitude(1);
  if (fields.present('truncate') && fields.raw('truncate') === undefined) fields.fail('truncate', 'true or false');
  return {
    factor,
    betaFast: fields.number('beta_fast', { min: 0 }) || 32,
    betaSlow: fields.number('beta_slow', { min: 0 }) || 1,
    attentionFactor: fields.number('attention_factor', { min: 0 }) ?? inferred,
    truncate: fields.boolean('truncate') ?? true,
  };
}
