"""Trains the quickstart with transformers and PEFT and prints the learning curve: the reference for whetstone's own run.

Usage: python verify_peft.py MODEL_FOLDER DATA_FOLDER [--lr 5e-3 --rank 16 --rows 64 --epochs 1 --points 4 --part test]
"""
import argparse
import json
import random
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from lora_trials import batch_of, distance

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def rows_of(path, tokenizer):
    rows = []
    for row in map(json.loads, open(path)):
        prompt = tokenizer.encode(row["prompt"], add_special_tokens=False)
        answer = tokenizer.encode(row["completion"], add_special_tokens=False)
        rows.append((prompt, [*answer, tokenizer.eos_token_id], row["completion"].split()))
    return rows


@torch.no_grad()
def evaluate(model, tokenizer, rows, most=24):
    model.eval()
    edits = length = exact = 0
    shown, groups = [], {}
    for row in rows:
        groups.setdefault(len(row[0]), []).append(row)
    for size, group in groups.items():
        ids = torch.tensor([r[0] for r in group])
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=most, do_sample=False,
                             pad_token_id=tokenizer.pad_token_id)
        for (prompt, _, want), answer in zip(group, out[:, size:]):
            got = tokenizer.decode(answer, skip_special_tokens=True).split()
            edits, length, exact = edits + distance(got, want), length + len(want), exact + (got == want)
            shown.append((tokenizer.decode(prompt), " ".join(got), " ".join(want)))
    model.train()
    return round(edits / length, 4), round(exact / len(rows), 4), shown


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("data")
    for name, value in {"lr": 5e-3, "rank": 16, "rows": 64, "epochs": 1.0, "points": 4, "part": "test", "seed": 1,
                        "threads": 2}.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=args.rank, lora_alpha=2 * args.rank, target_modules=TARGETS,
                                             lora_dropout=0.0, task_type="CAUSAL_LM"))
    train = rows_of(Path(args.data) / "train.jsonl", tokenizer)
    held = rows_of(Path(args.data) / f"{args.part}.jsonl", tokenizer)
    adapters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(adapters, args.lr, weight_decay=0.0)
    steps = int(args.epochs * len(train) / args.rows)
    print(f"{sum(p.numel() for p in adapters)} adapter weights, {len(train)} rows, {steps} steps", vars(args), flush=True)
    error, exact, before = evaluate(model, tokenizer, held)
    print(json.dumps({"step": 0, "tokens": 0, "error": error, "exact": exact}), flush=True)
    order, rng, tokens, spent = [], random.Random(args.seed), 0, 0.0
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = args.lr * min(1, (step + 1) / (0.05 * steps), (steps - step) / (0.95 * steps))
        while len(order) < args.rows:
            fresh = list(train)
            rng.shuffle(fresh)
            order = fresh + order
        rows = [order.pop() for _ in range(args.rows)]
        ids, targets = batch_of(rows, "cpu")
        began = time.time()
        logits = model(input_ids=ids).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adapters, 1.0)
        optimizer.step()
        spent += time.time() - began
        tokens += sum(len(p) + len(c) for p, c, _ in rows)
        if (step + 1) % max(1, steps // args.points) == 0 or step + 1 == steps:
            error, exact, after = evaluate(model, tokenizer, held)
            print(json.dumps({"step": step + 1, "tokens": tokens, "loss": round(loss.item(), 3), "error": error,
                              "exact": exact, "seconds": round(spent)}), flush=True)
    for old, new in random.Random(4).sample(list(zip(before, after)), 8):
        print(f"{old[0]!r}\n  before {old[1]!r}\n  after  {new[1]!r}\n  truth  {old[2]!r}")


if __name__ == "__main__":
    main()
