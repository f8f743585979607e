// config.json to ModelSpec: every family's fields and defaults, and what is refused.
import { isEngineError } from '../../../lib/errors.js';
import { modelSpec, readModelConfig } from '../../../lib/model/spec.js';

const llama = {
  model_type: 'llama', architectures: ['LlamaForCausalLM'], vocab_size: 512, hidden_size: 64, intermediate_size: 172,
  num_hidden_layers: 5, num_attention_heads: 8, num_key_value_heads: 4, rms_norm_eps: 1e-5, rope_theta: 10000.0,
  max_position_embeddings: 512, hidden_act: 'silu', tie_word_embeddings: true, torch_dtype: 'float32',
};

function failure(config: object): unknown {
  try {
    modelSpec(config, 'm/config.json');
  } catch (error) {
    return error;
  }
  return undefined;
}

function reasons(config: object): readonly string[] {
  const error = failure(config);
  return isEngineError(error, 'ERR_UNSUPPORTED') ? error.details.reasons : [`not refused: ${String(error)}`];
}

test('a llama config becomes a spec', () => {
  expect(modelSpec(llama)).toEqual({
    family: 'llama', vocabulary: 512, width: 64, layers: 5, heads: 8, kvHeads: 4, headWidth: 8, feedForward: 172,
    normEps: 1e-5, tiedHead: true, qkvBias: false, oBias: false, mlpBias: false, qkNorm: false, fusedQkv: false,
    fusedGateUp: false, window: [0, 0, 0, 0, 0],
    rope: { kind: 'default', theta: 10000, rotaryWidth: 8, maxPositions: 512 },
  });
  expect(modelSpec({ ...llama, attention_bias: true, mlp_bias: true })).toMatchObject({ qkvBias: true, oBias: true, mlpBias: true });
});

test('absent fields take the defaults of each family', () => {
  const { num_key_value_heads: _, max_position_embeddings: __, rms_norm_eps: ___, rope_theta: ____, ...bare } = llama;
  const wide = { ...bare, hidden_size: 128, num_attention_heads: 64, tie_word_embeddings: undefined };
  const of = (model_type: string) => modelSpec({ ...wide, model_type, architectures: undefined });
  expect(of('llama')).toMatchObject({ kvHeads: 64, normEps: 1e-6, tiedHead: false, rope: { theta: 10000, maxPositions: 2048 } });
  expect(of('mistral')).toMatchObject({ kvHeads: 8, window: [4096, 4096, 4096, 4096, 4096], rope: { maxPositions: 131072 } });
  expect(of('qwen2')).toMatchObject({ kvHeads: 32, qkvBias: true, oBias: false, rope: { maxPositions: 32768 } });
  expect(of('qwen3')).toMatchObject({ kvHeads: 32, headWidth: 128, qkNorm: true, qkvBias: false });
  expect(of('phi3')).toMatchObject({ kvHeads: 64, normEps: 1e-5, fusedQkv: true, fusedGateUp: true, rope: { maxPositions: 4096 } });
});

test('sliding windows follow each family\'s fields', () => {
  const mistral = { ...llama, model_type: 'mistral' };
  expect(modelSpec({ ...mistral, sliding_window: null }).window).toEqual([0, 0, 0, 0, 0]);
  expect(modelSpec({ ...mistral, sliding_window: 7 }).window).toEqual([7, 7, 7, 7, 7]);
  expect(modelSpec({ ...mistral, sliding_window: 7, layer_types: Array(5).fill('sliding_attention') }).window).toEqual([7, 7, 7, 7, 7]);
  expect(reasons({ ...mistral, sliding_window: 7, layer_types: ['full_attention', ...Array(4).fill('sliding_attention')] })[0])
    .toContain('layer_types');
  const qwen = { ...llama, model_type: 'qwen2', sliding_window: 6, max_window_layers: 3 };
  expect(modelSpec(qwen).window).toEqual([0, 0, 0, 0, 0]);
  expect(modelSpec({ ...qwen, use_sliding_window: true }).window).toEqual([0, 0, 0, 6, 6]);
  const types = ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention', 'full_attention'];
  expect(modelSpec({ ...qwen, use_sliding_window: true, layer_types: types }).window).toEqual([6, 0, 6, 0, 0]);
  expect(failure({ ...qwen, layer_types: types })).toMatchObject({ code: 'ERR_MODEL', details: { field: 'layer_types' } });
  expect(failure({ ...qwen, layer_types: types.slice(1) })).toMatchObject({ code: 'ERR_MODEL', details: { field: 'layer_types' } });
  expect(reasons({ ...llama, sliding_window: 6 })[0]).toContain('sliding_window = 6');
});

test.each([
  ['model_type', { model_type: 'gpt2' }, 'model_type = "gpt2"'],
  ['activation', { hidden_act: 'gelu' }, 'hidden_act = "gelu"'],
  ['experts', { num_local_experts: 8 }, 'num_local_experts = 8'],
  ['logit scaling', { logits_scaling: 8 }, 'logits_scaling = 8'],
  ['soft caps', { final_logit_softcapping: 30 }, 'final_logit_softcapping = 30'],
  ['quantised weights', { quantization_config: { bits: 4 } }, 'quantization_config = {"bits":4}'],
  ['slices', { pretraining_tp: 2 }, 'pretraining_tp = 2'],
  ['interleaved positions', { rope_interleaved: true }, 'rope_interleaved = true'],
  ['a classifier', { architectures: ['LlamaForSequenceClassification'] }, 'architectures'],
  ['partial rotation', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor = 0.5'],
  ['bias in mistral', { model_type: 'mistral', attention_bias: true }, 'attention_bias = true'],
  ['bias in its mlp', { model_type: 'mistral', mlp_bias: true }, 'mlp_bias = true'],
  ['no bias in qwen2', { model_type: 'qwen2', attention_bias: false }, 'attention_bias = false'],
  ['dropout', { attention_dropout: 0.1 }, 'attention_dropout = 0.1'],
  ['longrope', { rope_scaling: { rope_type: 'longrope', short_factor: [1], long_factor: [1] } }, 'rope_scaling.rope_type = "longrope"'],
  ['an unknown rope', { rope_parameters: { rope_type: 'spiral' } }, 'rope_parameters.rope_type = "spiral"'],
  ['an old key', { rope_scaling: { type: 'su', factor: 2 } }, 'rope_scaling.type = "su"'],
  ['yarn of phi3', { model_type: 'phi3', rope_scaling: { type: 'yarn', factor: 2 } }, 'rope_scaling.type = "yarn"'],
  ['positions by layer', { rope_parameters: { full_attention: { rope_theta: 1 } } }, 'rope_parameters.full_attention'],
  ['a strange rope key', { rope_scaling: { rope_type: 'linear', factor: 2, mrope_section: [1] } }, 'rope_scaling.mrope_section'],
])('what the graph lacks is refused by name: %s', (_, change, expected) => {
  expect(reasons({ ...llama, ...change }).join('\n')).toContain(expected);
});

test('all reasons are given at once', () => {
  expect(reasons({ ...llama, hidden_act: 'gelu', logit_scale: 0.5, num_experts: 4 })).toHaveLength(3);
});

test.each([
  ['vocab_size', '512'], ['hidden_size', 64.5], ['hidden_size', -1], ['num_hidden_layers', 1e9], ['num_attention_heads', null],
  ['num_key_value_heads', 3], ['rms_norm_eps', 'tiny'], ['tie_word_embeddings', 'yes'], ['head_dim', 7], ['rope_theta', []],
  ['rope_scaling', 'linear'], ['hidden_act', 1], ['layer_types', 'all'], ['model_type', 3], ['sliding_window', 0],
])('a wrong value of %s is ERR_MODEL with file and field', (field, value) => {
  const error = failure({ ...llama, [field]: value });
  expect(error).toMatchObject({ code: 'ERR_MODEL', details: { file: 'm/config.json', field } });
  expect((error as Error).message).toContain('m/config.json');
});

test('broken JSON and JSON that is no object are ERR_MODEL', () => {
  for (const text of ['{"a":', '[]', 'null', '"x"', '']) {
    expect(() => readModelConfig(text, 'config.json')).toThrow(expect.objectContaining({ code: 'ERR_MODEL' }));
  }
});

test('fields that mean nothing here are reported, known harmless ones are not', () => {
  const { ignored } = readModelConfig(JSON.stringify({ ...llama, use_cache: true, flux_capacitor: 3 }), 'config.json');
  expect(ignored).toEqual(['flux_capacitor']);
});

describe('positions', () => {
  const rope = (change: object) => modelSpec({ ...llama, ...change }).rope;

  test('theta comes from inside, then from the top level, then is 10000', () => {
    expect(rope({ rope_theta: 5, rope_parameters: { rope_type: 'default', rope_theta: 7 } }).theta).toBe(7);
    expect(rope({ rope_theta: 5, rope_parameters: { rope_type: 'default' } }).theta).toBe(5);
    expect(rope({ rope_theta: undefined }).theta).toBe(10000);
    expect(rope({ rope_theta: 5, rope_parameters: { rope_theta: 7 }, rope_scaling: { type: 'linear', factor: 2 } }))
      .toMatchObject({ kind: 'linear', theta: 5, factor: 2 });
  });

  test('llama3, linear and dynamic keep their parameters, in the old layout and the new', () => {
    const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
    const expected = { kind: 'llama3', theta: 10000, rotaryWidth: 8, maxPositions: 512, factor: 8, lowFreqFactor: 1,
      highFreqFactor: 4, originalMaxPositions: 64 };
    expect(rope({ rope_scaling: llama3 })).toEqual(expected);
    expect(rope({ rope_parameters: { ...llama3, rope_theta: 10000 }, rope_theta: undefined })).toEqual(expected);
    expect(rope({ rope_scaling: llama3, original_max_position_embeddings: 128 })).toMatchObject({ originalMaxPositions: 128 });
    expect(rope({ rope_scaling: { type: 'dynamic', factor: 2, original_max_position_embeddings: 64 } }))
      .toMatchObject({ kind: 'dynamic', factor: 2, originalMaxPositions: 512 });
  });

  test('yarn resolves its amplitude from attention_factor, mscale and mscale_all_dim', () => {
    const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 128 };
    expect(rope({ rope_scaling: yarn })).toEqual({ kind: 'yarn', theta: 10000, rotaryWidth: 8, maxPositions: 512, factor: 4,
      originalMaxPositions: 128, betaFast: 32, betaSlow: 1, attentionFactor: 0.1 * Math.log(4) + 1, truncate: true });
    expect(rope({ rope_scaling: { ...yarn, attention_factor: 0.5 } })).toMatchObject({ attentionFactor: 0.5 });
    expect(rope({ rope_scaling: { ...yarn, mscale: 0.7 } })).toMatchObject({ attentionFactor: 0.1 * Math.log(4) + 1 });
    expect(rope({ rope_scaling: { ...yarn, mscale: 0.7, mscale_all_dim: 0.5 } }))
      .toMatchObject({ attentionFactor: (0.07 * Math.log(4) + 1) / (0.05 * Math.log(4) + 1) });
    expect(rope({ rope_scaling: { ...yarn, factor: null, original_max_position_embeddings: undefined } }))
      .toMatchObject({ factor: 1, attentionFactor: 1, originalMaxPositions: 512 });
    expect(rope({ rope_scaling: { ...yarn, beta_fast: 16, beta_slow: 0, truncate: false } }))
      .toMatchObject({ betaFast: 16, betaSlow: 1, truncate: false });
  });

  test('phi3 rotates a part of each head', () => {
    expect(rope({ model_type: 'phi3', partial_rotary_factor: 0.75 }).rotaryWidth).toBe(6);
    expect(failure({ ...llama, model_type: 'phi3', partial_rotary_factor: 0.4 }))
      .toMatchObject({ code: 'ERR_MODEL', details: { field: 'partial_rotary_factor' } });
  });

  test.each([
    ['factor', { rope_type: 'linear' }], ['factor', { rope_type: 'linear', factor: 'two' }], ['factor', { rope_type: 'yarn' }],
    ['low_freq_factor', { rope_type: 'llama3', factor: 2, high_freq_factor: 4 }],
    ['high_freq_factor', { rope_type: 'llama3', factor: 2, low_freq_factor: 4, high_freq_factor: 4 }],
    ['truncate', { rope_type: 'yarn', factor: 2, truncate: 1 }],
  ])('a wrong or missing %s is ERR_MODEL', (field, scaling) => {
    expect(failure({ ...llama, rope_scaling: scaling })).toMatchObject({ code: 'ERR_MODEL', details: { field: `rope_scaling.${field}` } });
  });
});
