// Fields of config.json that change what a model computes and that the graph does not have. Each may stand there
// with a value that means "not used"; anything else is ERR_UNSUPPORTED with its name. docs/models.md lists them.

import { showValue, type Fields } from './fields.js';

/** Field → values that change nothing. Absent and null never do. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  // stored in another form
  quantization_config: [], compression_config: [], sparsity_config: [], pretraining_tp: [1],
  // experts
  num_experts: [0, 1], num_local_experts: [0, 1], n_routed_experts: [0], moe_num_experts: [0], n_shared_experts: [0],
  num_experts_per_tok: [0], moe_intermediate_size: [0], moe_layer_freq: [], num_nextn_predict_layers: [0],
  // scaled activations and logits
  logit_scale: [1], logits_scaling: [1], lm_head_multiplier: [1], embedding_multiplier: [1], residual_multiplier: [1],
  attention_multiplier: [], key_multiplier: [1], mlp_multipliers: [], scale_emb: [1], scale_depth: [],
  dim_model_base: [], mup_scale_factor: [], query_pre_attn_scalar: [], attn_temperature_tuning: [false, 0],
  final_logit_softcapping: [], attn_logit_softcapping: [], logits_soft_cap: [], logit_cap: [], clip_qkv: [],
  // other shapes of attention and positions
  no_rope_layers: [[]], no_rope_layer_interval: [0], rope_interleaved: [false], rope_scaling_layers: [],
  attention_chunk_size: [], q_lora_rank: [], kv_lora_rank: [], use_mrope: [false], alibi: [false], use_alibi: [false],
  position_embedding_type: ['rope', 'rotary'], sliding_window_pattern: [], attn_output_gate: [false],
  qk_norm: [false], use_qk_norm: [false], qk_layernorm: [false], parallel_attn: [false], use_parallel_residual: [false],
  use_post_norm: [false], sandwich_norm: [false], attention_sinks: [false], per_layer_config: [],
  // other parts
  is_encoder_decoder: [false], add_cross_attention: [false], tie_encoder_decoder: [false], cross_attention_layers: [],
  vision_config: [], text_config: [], audio_config: [], chunk_size_feed_forward: [0], hidden_activation: ['silu', 'swish'],
  use_bias: [false], bias: [false], lm_head_bias: [false],
  // dropout in the frozen part: only an adapter's own is applied
  attention_dropout: [0], hidden_dropout: [0], residual_dropout: [0], resid_pdrop: [0], embd_pdrop: [0], mlp_dropout: [0],
};

/** Fields without any effect on the numbers, or that other files decide. */
export const HARMLESS: ReadonlySet<string> = new Set(['architectures', 'torch_dtype', 'dtype', 'initializer_range', 'use_cache',
  'transformers_version', '_name_or_path', 'name_or_path', '_commit_hash', 'auto_map', '_attn_implementation',
  'attn_implementation', 'bos_token_id', 'eos_token_id', 'pad_token_id', 'unk_token_id', 'cls_token_id', 'sep_token_id',
  'decoder_start_token_id', 'id2label', 'label2id', 'num_labels', 'problem_type', 'finetuning_task', 'task_specific_params',
  'output_attentions', 'output_hidden_states', 'return_dict', 'torchscript', 'is_decoder', 'prefix', 'tokenizer_class',
  'output_router_logits', 'router_aux_loss_coef', 'norm_topk_prob', 'is_llama_config', 'transformers.js_config',
  'unsloth_fixed', 'unsloth_version', 'model_name', 'license', 'rope_theta', 'original_max_position_embeddings']);

/** Adds a reason for every field that asks for something the graph lacks. */
export function refuseForeignFields(config: Fields): void {
  for (const [key, neutral] of Object.entries(NEUTRAL)) {
    const value = config.raw(key);
    if (value === undefined || neutral.some((allowed) => same(allowed, value))) continue;
    config.refuse(key, neutral.length === 0 ? 'not supported' : `supported is only ${neutral.map(showValue).join(' or ')}`);
  }
}

function same(allowed: unknown, value: unknown): boolean {
  return allowed === value || JSON.stringify(allowed) === JSON.stringify(value);
}
