"""Makes the adapter folders that test/lib/checkpoint/adapter.test.ts reads and reproduces: tiny random models, with
PEFT's own save_pretrained. Run in an environment with torch, transformers 5 and peft 0.21:

    python test/golden/peft_folder.py            writes test/golden/peft/<name>/
    python test/golden/peft_folder.py check DIR  loads folders written by whetstone: DIR/<name> for the same models
"""
import os
import sys
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

SIZES = dict(vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0)


def llama():
    return LlamaForCausalLM(LlamaConfig(**SIZES))


def phi3():
    return Phi3ForCausalLM(Phi3Config(**SIZES))


CASES = {
    "patterns": (llama, dict(r=4, lora_alpha=8, lora_dropout=0.05, target_modules=["q_proj", "k_proj", "o_proj", "down_proj"],
                             rank_pattern={"q_proj": 2, r".*\.1\.mlp\.down_proj": 3}, alpha_pattern={"layers.0.self_attn.k_proj": 5})),
    "regex": (phi3, dict(r=3, lora_alpha=6, use_rslora=True, target_modules=r".*\.(qkv_proj|gate_up_proj)")),
    "layers": (llama, dict(r=2, lora_alpha=2, target_modules=["v_proj", "up_proj", "gate_proj"], layers_to_transform=[1],
                           layers_pattern="layers", exclude_modules=["up_proj"])),
    "head": (llama, dict(r=2, lora_alpha=4, target_modules=["lm_head", "o_proj"])),
}


def make(folder):
    for name, (model, lora) in CASES.items():
        torch.manual_seed(1)
        peft = get_peft_model(model(), LoraConfig(task_type="CAUSAL_LM", base_model_name_or_path="tiny/" + name, **lora))
        for key, value in peft.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(value, std=0.1)
        peft.save_pretrained(os.path.join(folder, name))
        os.remove(os.path.join(folder, name, "README.md"))


def check(folder):
    """Loads what whetstone wrote; the tensors must be those of the folder that PEFT wrote, and no key left over."""
    for name in sorted(os.listdir(folder)):
        case = name.split("-")[0]
        tied = name.endswith("-tied")
        model = CASES[case][0]()
        if tied:
            model.config.tie_word_embeddings = True
            model.tie_weights()
        peft = PeftModel.from_pretrained(model, os.path.join(folder, name), is_trainable=True)
        result = peft.load_adapter(os.path.join(folder, name), adapter_name="again")
        missing = [key for key in result.missing_keys if "lora_" in key and ".again." in key]
        print(name, "missing", missing, "unexpected", list(result.unexpected_keys))
        assert not missing and not result.unexpected_keys
        loaded = {module: (layer.r["default"], layer.scaling["default"])
                  for module, layer in peft.named_modules() if hasattr(layer, "scaling") and hasattr(layer, "lora_A")}
        for module, (rank, scale) in sorted(loaded.items()):
            print("  ", module, rank, scale)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        check(sys.argv[2])
    else:
        make(os.path.join(os.path.dirname(os.path.abspath(__file__)), "peft"))
