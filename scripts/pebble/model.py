"""Pebble in plain PyTorch: a small Llama (RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied head)."""
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 6144, "hidden_size": 256,
          "intermediate_size": 704, "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4,
          "head_dim": 32, "hidden_act": "silu", "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
          "rope_theta": 10000.0, "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
          "attention_dropout": 0.0, "initializer_range": 0.02, "bos_token_id": 0, "eos_token_id": 2,
          "pad_token_id": 3, "use_cache": True, "torch_dtype": "bfloat16"}


class Norm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + CONFIG["rms_norm_eps"])
        return (self.weight * y).to(x.dtype)


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv, self.size = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        self.q_proj = nn.Linear(c["hidden_size"], self.heads * self.size, bias=False)
        self.k_proj = nn.Linear(c["hidden_size"], self.kv * self.size, bias=False)
        self.v_proj = nn.Linear(c["hidden_size"], self.kv * self.size, bias=False)
        self.o_proj = nn.Linear(self.heads * self.size, c["hidden_size"], bias=False)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        q = rotate(self.q_proj(x).view(b, t, self.heads, self.size).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(x).view(b, t, self.kv, self.size).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(b, t, self.kv, self.size).transpose(1, 2)
        groups = self.heads // self.kv
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1))


class Mlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.up_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.down_proj = nn.Linear(c["intermediate_size"], c["hidden_size"], bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c, dropout):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(c["hidden_size"]), Norm(c["hidden_size"])
        self.self_attn, self.mlp, self.drop = Attention(c), Mlp(c), nn.Dropout(dropout)

    def forward(self, x, cos, sin):
        x = x + self.drop(self.self_attn(self.input_layernorm(x), cos, sin))
        return x + self.drop(self.mlp(self.post_attention_layernorm(x)))


class Pebble(nn.Module):
    def __init__(self, dropout=0.0, c=CONFIG):
        super().__init__()
        self.c = c
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Layer(c, dropout) for _ in range(c["num_hidden_layers"]))
        self.norm, self.drop = Norm(c["hidden_size"]), nn.Dropout(dropout)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                scale = (2 * c["num_hidden_layers"]) ** -0.5 if name.endswith(("o_proj.weight", "down_proj.weight")) else 1
                nn.init.normal_(p, std=(0.02 if "embed" in name else p.shape[1] ** -0.5) * scale)
        turns = torch.arange(c["max_position_embeddings"])[:, None] * c["rope_theta"] ** (
            -torch.arange(0, c["head_dim"], 2) / c["head_dim"])
        self.register_buffer("cos", turns.cos(), persistent=False)
        self.register_buffer("sin", turns.sin(), persistent=False)

    def logits(self, ids):
        x = self.drop(self.embed_tokens(ids))
        cos, sin = self.cos[:ids.shape[1]], self.sin[:ids.shape[1]]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return F.linear(self.norm(x), self.embed_tokens.weight)

    def forward(self, ids, targets):
        return F.cross_entropy(self.logits(ids).flatten(0, 1).float(), targets.flatten(), ignore_index=-100)

    @torch.no_grad()
    def generate(self, ids, count, temperature=0.0, top_k=40, stop=(), generator=None):
        """Rows of equal length in, the same rows continued by `count` tokens out (greedy at temperature 0)."""
        done = torch.zeros(ids.shape[0], dtype=torch.bool, device=ids.device)
        for _ in range(count):
            logits = self.logits(ids[:, -self.c["max_position_embeddings"]:])[:, -1].float()
            if temperature > 0:
                kept, places = (logits / temperature).topk(top_k)
                choice = torch.multinomial(kept.softmax(-1), 1, generator=generator)
                following = places.gather(1, choice)
            else:
                following = logits.argmax(-1, keepdim=True)
            ids = torch.cat((ids, following), 1)
            done |= sum((following[:, 0] == s for s in stop), torch.zeros_like(done))
            if stop and done.all():
                break
        return ids


def save(model, folder):
    """The weights as Hugging Face's Llama names them, in bf16."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{k}": v.detach().to("cpu", torch.bfloat16).contiguous() for k, v in model.named_parameters()}
    save_file(tensors, str(Path(folder) / "model.safetensors"), metadata={"format": "pt"})
    (Path(folder) / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


def load(folder, device="cpu"):
    model = Pebble().to(device)
    tensors = load_file(str(Path(folder) / "model.safetensors"), device=str(device))
    model.load_state_dict({k.removeprefix("model."): v.float() for k, v in tensors.items()})
    return model.eval()
