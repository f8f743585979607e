"""Perplexities by the strided recipe in the documentation of transformers, in double precision, for strided.test.ts.

    python make_strided.py      # needs torch, transformers, safetensors; stories260K lies in ../shared/models
"""
import json
import math
import os
import random

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..', '..')
MODELS = {
    'stories260K': (os.path.join(ROOT, '..', 'shared', 'models', 'stories260K'), None),
    'qwen2': (os.path.join(ROOT, 'test', 'golden', 'cases', 'qwen2'), os.path.join(ROOT, 'test', 'golden', 'weights', 'qwen2.safetensors')),
}
torch.set_num_threads(1)


def recipe(model, ids, length, stride):
    nll_sum, count, each_sum, each_count, previous = 0.0, 0, 0.0, 0, 0
    for begin in range(0, ids.size(1), stride):
        end = min(begin + length, ids.size(1))
        target_length = end - previous
        window = ids[:, begin:end]
        target = window.clone()
        target[:, :-target_length] = -100
        with torch.no_grad():
            loss = model(window, labels=target).loss.item()
        valid = int((target != -100).sum())
        nll_sum += loss * (valid - 1)
        count += valid - 1
        scored = int((target[:, 1:] != -100).sum())
        each_sum += loss * scored
        each_count += scored
        previous = end
        if end == ids.size(1):
            break
    return math.exp(nll_sum / count), math.exp(each_sum / each_count), count, each_count


out = []
for name, (folder, weights) in MODELS.items():
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(config, attn_implementation='eager', dtype=torch.float64)
    state = load_file(weights or os.path.join(folder, 'model.safetensors'))
    model.load_state_dict({k: v.double() for k, v in state.items()}, strict=False)
    model.tie_weights()
    model.eval()
    source = random.Random(name)
    tokens = [1]
    while len(tokens) < 401:  # what the model would say, with a surprise now and then
        with torch.no_grad():
            logits = model(torch.tensor([tokens[-60:]])).logits[0, -1]
        best = logits.topk(8).indices.tolist()
        tokens.append(source.choice(best) if source.random() < 0.8 else source.randrange(config.vocab_size))
    ids = torch.tensor([tokens])
    cases = [[length, stride, *recipe(model, ids, length, stride)] for length, stride in ((64, 32), (64, 64), (50, 17), (100, 99), (500, 250))]
    out.append({'model': name, 'tokens': tokens, 'cases': cases})
with open(os.path.join(HERE, 'strided.json'), 'w') as file:
    json.dump(out, file, separators=(',', ':'))
