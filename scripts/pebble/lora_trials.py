"""Tries LoRA recipes for the quickstart on a trained pebble, with a hand-written LoRA, and prints each one's result.

Usage: python lora_trials.py MODEL_FOLDER TOKENIZER_JSON DATA_FOLDER [SECONDS]
"""
import json
import math
import random
import sys
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn

from model import Mlp, Attention, load

END = 2


class Lora(nn.Module):
    def __init__(self, frozen, rank, alpha):
        super().__init__()
        self.frozen, self.scale = frozen, alpha / rank
        self.a = nn.Parameter(torch.empty(rank, frozen.in_features, device=frozen.weight.device))
        self.b = nn.Parameter(torch.zeros(frozen.out_features, rank, device=frozen.weight.device))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x):
        return self.frozen(x) + (x @ self.a.T @ self.b.T) * self.scale


def adapt(model, rank, alpha):
    for p in model.parameters():
        p.requires_grad_(False)
    added = []
    for module in list(model.modules()):
        if isinstance(module, (Attention, Mlp)):
            for name, child in list(module.named_children()):
                lora = Lora(child.frozen if isinstance(child, Lora) else child, rank, alpha)
                setattr(module, name, lora)
                added += [lora.a, lora.b]
    return added


def rows_of(path, tokenizer):
    rows = []
    for line in open(path):
        row = json.loads(line)
        rows.append((tokenizer.encode(row["prompt"]).ids, [*tokenizer.encode(row["completion"]).ids, END], row["completion"].split()))
    return rows


def batch_of(rows, device):
    width = max(len(p) + len(c) for p, c, _ in rows)
    ids = torch.full((len(rows), width), END)
    targets = torch.full((len(rows), width), -100)
    for i, (p, c, _) in enumerate(rows):
        ids[i, :len(p) + len(c)] = torch.tensor(p + c)
        targets[i, len(p) - 1:len(p) + len(c) - 1] = torch.tensor(c)
    return ids.to(device), targets.to(device)


def distance(a, b):
    line = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, line[0] = line[0], i
        for j, y in enumerate(b, 1):
            previous, line[j] = line[j], min(line[j] + 1, line[j - 1] + 1, previous + (x != y))
    return line[-1]


def evaluate(model, tokenizer, rows, device, count=32):
    """Error rate over words of the answer (edits over length), exact share, and a few answers."""
    edits = length = exact = 0
    shown = []
    groups = {}
    for row in rows:
        groups.setdefault(len(row[0]), []).append(row)
    for size, group in groups.items():
        out = model.generate(torch.tensor([r[0] for r in group], device=device), count, stop=(END,)).tolist()
        for (prompt, _, want), ids in zip(group, out):
            ids = ids[size:]
            ids = ids[:ids.index(END)] if END in ids else ids
            got = tokenizer.decode(ids).split()
            edits += min(distance(got, want), 4 * len(want))
            length += len(want)
            exact += got == want
            shown.append((tokenizer.decode(prompt), " ".join(got), " ".join(want)))
    return edits / length, exact / len(rows), random.Random(2).sample(shown, 6)


def trial(folder, tokenizer, data, device, rank=16, alpha=32, lr=5e-3, rows=64, budget=300_000, limit=None, seed=1):
    torch.manual_seed(seed)
    model = load(folder, device)
    train = rows_of(Path(data) / "train.jsonl", tokenizer)[:limit]
    valid = rows_of(Path(data) / "valid.jsonl", tokenizer)
    adapters = adapt(model, rank, alpha)
    optimizer = torch.optim.AdamW(adapters, lr, weight_decay=0.0, betas=(0.9, 0.99))
    mean = sum(len(p) + len(c) for p, c, _ in train) / len(train)
    steps = int(budget / mean / rows)
    order, rng, last = [], random.Random(seed), 0.0
    for step in range(steps):
        scale = min(1, (step + 1) / (0.05 * steps), (steps - step) / (0.8 * steps))
        optimizer.param_groups[0]["lr"] = lr * scale
        while len(order) < rows:
            fresh = list(train)
            rng.shuffle(fresh)
            order += fresh
        ids, targets = batch_of([order.pop() for _ in range(rows)], device)
        loss = model(ids, targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(adapters, 1.0)
        optimizer.step()
        last = loss.item() if step % 20 == 0 else last
    error, exact, shown = evaluate(model, tokenizer, valid, device)
    print(json.dumps({"data": Path(data).name, "rank": rank, "alpha": alpha, "lr": lr, "rows": rows, "budget": budget, "limit": limit,
                      "steps": steps, "epochs": round(steps * rows / len(train), 2), "loss": round(last, 3),
                      "error": round(error, 4), "exact": round(exact, 4)}), flush=True)
    return shown


def main(folder, tokenizer_path, data, seconds="60"):
    began, device = time.time(), torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = Tokenizer.from_file(tokenizer_path)
    for name in data.split(","):
        base = evaluate(load(folder, device), tokenizer, rows_of(Path(name) / "valid.jsonl", tokenizer), device)
        print(Path(name).name, "base error", round(base[0], 4), "exact", base[1], base[2][:2])
    recipes = [{"lr": lr} for lr in (2e-3, 5e-3, 1e-2, 2e-2)]
    recipes += [{"rows": 32, "lr": lr} for lr in (2e-3, 5e-3, 1e-2)] + [{"rows": 16, "lr": 3e-3}]
    recipes += [{"rank": 32, "alpha": 64, "lr": 5e-3}, {"rank": 8, "alpha": 16, "lr": 5e-3}, {"budget": 200_000}]
    recipes += [{"limit": 3000}, {"rank": 64, "alpha": 128, "lr": 3e-3}]
    for recipe in recipes:
        for name in data.split(","):
            if time.time() - began > float(seconds):
                return
            shown = trial(folder, tokenizer, name, device, **recipe)
            print("   ", shown[:3], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
