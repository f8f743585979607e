"""The golden cases as data: which toy weights, which config.json, which adapter. Read by make.py."""

WIDTH, VOCAB = 64, 259


def decoder(model_type, architecture, **changes):
    """config.json of a two-layer toy with grouped-query attention."""
    config = dict(
        architectures=[architecture], model_type=model_type, vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=96,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-5,
        max_position_embeddings=256, rope_theta=10000.0, tie_word_embeddings=False, attention_dropout=0.0,
        bos_token_id=1, eos_token_id=2, use_cache=True, torch_dtype="bfloat16",
    )
    config.update(changes)
    return config


def llama(**changes):
    return decoder("llama", "LlamaForCausalLM", **{**dict(attention_bias=False, mlp_bias=False), **changes})


ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
LINEARS = ATTENTION + ["gate_proj", "up_proj", "down_proj"]

# name: weights (a file that several cases may share), its dtype, config, PEFT options, lengths of the documents in
# three batches, and optimizer settings where they differ from the usual ones. A document's first `mask` labels are
# left out of the loss.
USUAL = dict(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, clip=0.5)
LENGTHS = [[7, 21, 2, 33], [40, 5], [12, 12, 30, 3]]

CASES = {
    "llama": dict(
        weights="llama", config=llama(), lora=dict(r=5, lora_alpha=10, target_modules=LINEARS)),
    "llama-linear": dict(
        weights="llama", config=llama(rope_scaling=dict(rope_type="linear", factor=2.5)),
        lora=dict(r=4, lora_alpha=9, use_rslora=True, target_modules=["q_proj", "v_proj"])),
    # Frequencies depend on a document's own length once it passes max_position_embeddings: 150, 80 and 97 do.
    "llama-dynamic": dict(
        weights="llama", config=llama(max_position_embeddings=64, rope_scaling=dict(rope_type="dynamic", factor=2.0)),
        lora=dict(r=3, lora_alpha=6, target_modules=["q_proj", "k_proj"]),
        lengths=[[20, 150, 80], [64, 65], [97, 9]], prompt=5, new_tokens=59),
    "llama-yarn": dict(
        weights="llama", config=llama(rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)),
        lora=dict(r=4, lora_alpha=4, target_modules=["k_proj", "o_proj"]), lengths=[[90, 21], [40, 5], [70, 12]]),
    "llama-yarn-mscale": dict(
        weights="llama",
        config=llama(rope_theta=1000.0, rope_scaling=dict(
            rope_type="yarn", factor=8.0, original_max_position_embeddings=32, beta_fast=16.0, beta_slow=2.0,
            mscale=0.9, mscale_all_dim=0.4, truncate=False)),
        lora=dict(r=2, lora_alpha=5, target_modules=["q_proj", "k_proj"]), lengths=[[90, 21], [40, 5], [70, 12]]),
    "llama3-tied": dict(
        weights="llama-tied",
        config=llama(tie_word_embeddings=True, rope_theta=500000.0, rope_scaling=dict(
            rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)),
        lora=dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"],
                  rank_pattern={"layers.0.self_attn.q_proj": 7, "down_proj": 2}, alpha_pattern={"v_proj": 3})),
    # Every bias there is, a head width that is not width / heads, and an adapter on the head.
    "llama-biased": dict(
        weights="llama-biased", dtype="F32",
        config=llama(hidden_size=40, intermediate_size=56, head_dim=12, vocab_size=131, attention_bias=True, mlp_bias=True,
                     torch_dtype="float32"),
        lora=dict(r=4, lora_alpha=8, target_modules=LINEARS + ["lm_head"])),
    "mistral": dict(
        weights="llama", config=decoder("mistral", "MistralForCausalLM", sliding_window=8),
        lora=dict(r=3, lora_alpha=5, target_modules="all-linear")),
    "qwen2": dict(
        weights="qwen2", config=decoder("qwen2", "Qwen2ForCausalLM", rope_theta=1000000.0, rms_norm_eps=1e-6,
                                        use_sliding_window=False, sliding_window=None, max_window_layers=2),
        lora=dict(r=2, lora_alpha=8, target_modules="all-linear"), betas=(0.9, 0.95)),
    # Only layer 1 looks through a window.
    "qwen2-window": dict(
        weights="qwen2", config=decoder("qwen2", "Qwen2ForCausalLM", rope_theta=1000000.0, rms_norm_eps=1e-6,
                                        use_sliding_window=True, sliding_window=6, max_window_layers=1),
        lora=dict(r=2, lora_alpha=4, target_modules=["v_proj"], layers_to_transform=[1])),
    # Heads are wider than width / heads, each with a norm on q and k.
    "qwen3": dict(
        weights="qwen3", config=decoder("qwen3", "Qwen3ForCausalLM", head_dim=24, rope_theta=1000000.0, rms_norm_eps=1e-6,
                                        tie_word_embeddings=True, attention_bias=False),
        lora=dict(r=4, lora_alpha=8, target_modules=r".*\.layers\.\d+\.(self_attn\.(q|k)_proj|mlp\.up_proj)")),
    "smollm2": dict(
        weights="smollm2", dtype="F16",
        config=llama(hidden_size=48, intermediate_size=80, num_attention_heads=3, num_key_value_heads=1, rope_theta=100000.0,
                     tie_word_embeddings=True, torch_dtype="float16"),
        lora=dict(r=4, lora_alpha=8, target_modules="all-linear", use_rslora=True)),
    # Fused projections; three quarters of each head are rotated; a window.
    "phi3": dict(
        weights="phi3",
        config=decoder("phi3", "Phi3ForCausalLM", hidden_size=48, intermediate_size=80, num_attention_heads=3, num_key_value_heads=1,
                       partial_rotary_factor=0.75, sliding_window=16, pad_token_id=0, original_max_position_embeddings=256),
        lora=dict(r=4, lora_alpha=6, target_modules="all-linear")),
    # Weights by others, in ../shared/models: only results are kept here.
    "stories260K": dict(
        folder="stories260K", lora=dict(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"]), lengths=[[30, 61, 8], [25, 40], [50]]),
}
