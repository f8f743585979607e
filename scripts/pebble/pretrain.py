"""Pre-trains pebble by the clock: a constant-rate trunk from which two cool-downs branch off (a short and a long
training), and the branch with the lower held-out loss is kept.

Usage: python pretrain.py TOKENS_FOLDER TOKENIZER_JSON OUT --seconds 400 [--branches 0.45,1] [--rows 256] [--compile]
"""
import argparse
import copy
import json
import time
from pathlib import Path

import numpy
import torch
from tokenizers import Tokenizer

from model import CONFIG, Pebble, save
from muon import Muon

LENGTH = CONFIG["max_position_embeddings"]
# how often one pass over the mixture meets each source: clear prose more than heavy or telegraphic text
EPOCHS = {"austen": 2.2, "moby": 1.3, "speeches": 2.2, "reports": 0.7, "bible": 1.4, "henry": 1.0, "spurgeon": 0.5,
          "manuals": 1.4, "factbook": 2.0, "definitions": 0.6, "examples": 3.0, "chat": 0.8}
PROMPTS = ["The old house at the end of the lane", "Once upon a time there was", "My fellow citizens,", "She said that",
           "In the morning the captain", "<|im_start|>user\nWhat does the word river mean?<|im_end|>\n<|im_start|>assistant\n",
           "<|im_start|>user\nUse the word garden in a sentence.<|im_end|>\n<|im_start|>assistant\n",
           "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"]


class Mixture:
    def __init__(self, folder, device, seed):
        arrays = {n: numpy.fromfile(Path(folder) / f"{n}.bin", dtype=numpy.uint16) for n in EPOCHS}
        lengths = torch.tensor([len(a) for a in arrays.values()])
        self.starts = (lengths.cumsum(0) - lengths).to(device)
        self.room = (lengths - LENGTH - 1).to(device)
        self.weights = (lengths * torch.tensor(list(EPOCHS.values()))).float().to(device)
        self.tokens = torch.from_numpy(numpy.concatenate(list(arrays.values())).astype(numpy.int64)).to(device)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.span = torch.arange(LENGTH + 1, device=device)

    def batch(self, rows):
        source = torch.multinomial(self.weights, rows, replacement=True, generator=self.generator)
        chance = torch.rand(rows, device=self.span.device, generator=self.generator)
        at = self.starts[source] + (chance * self.room[source]).long()
        window = self.tokens[at[:, None] + self.span]
        return window[:, :-1].contiguous(), window[:, 1:].contiguous()


@torch.no_grad()
def held_out(model, folder, device, limit):
    """Mean loss a token on the held-out documents of each source, and over all of them."""
    model.eval()
    losses, total, count = {}, 0.0, 0
    for name in EPOCHS:
        ids = torch.from_numpy(numpy.fromfile(Path(folder) / f"held-{name}.bin", dtype=numpy.uint16).astype(numpy.int64))
        ids = torch.cat((torch.tensor([0]), ids)).to(device)
        rows = min((len(ids) - 1) // LENGTH, limit)
        if not rows:
            continue
        x, y = ids[:rows * LENGTH].view(rows, LENGTH), ids[1:rows * LENGTH + 1].view(rows, LENGTH)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            sums = [model(a, b).item() * a.numel() for a, b in zip(x.split(32), y.split(32))]
        losses[name] = round(sum(sums) / x.numel(), 4)
        total, count = total + sum(sums), count + x.numel()
    model.train()
    return round(total / count, 4), losses


class Trainer:
    def __init__(self, args):
        self.args, self.device = args, torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(args.seed)
        torch.set_float32_matmul_precision("high")
        self.model = Pebble(args.dropout).to(self.device)
        self.data = Mixture(args.tokens, self.device, args.seed)
        inner = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        outer = [{"params": [self.model.embed_tokens.weight], "weight_decay": 0.1},
                 {"params": [p for p in self.model.parameters() if p.ndim == 1], "weight_decay": 0.0}]
        self.optimizers = [Muon(inner, args.muon_lr, weight_decay=args.weight_decay),
                           torch.optim.AdamW(outer, args.adam_lr, betas=(0.9, 0.95))]
        self.rates = [args.muon_lr, args.adam_lr]
        self.forward = torch.compile(self.model) if args.compile else self.model
        self.steps = 0

    def step(self, scale):
        for optimizer, rate in zip(self.optimizers, self.rates):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
        ids, targets = self.data.batch(self.args.rows)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss = self.forward(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        return loss

    def run(self, seconds, rate, label):
        """Steps until the clock says so; `rate` maps the fraction of time gone to a factor on the learning rates."""
        begin, first, last = time.time(), self.steps, 0.0
        while (gone := time.time() - begin) < seconds:
            loss = self.step(rate(gone / seconds))
            if self.steps % 20 == 0:
                value = loss.item()
                if time.time() - last > 15:
                    last = time.time()
                    total, _ = held_out(self.model, self.args.tokens, self.device, self.args.held_rows)
                    speed = (self.steps - first) * self.args.rows * LENGTH / (last - begin)
                    print(f"{label} {gone:5.0f} s step {self.steps} {self.steps * self.args.rows * LENGTH / 1e6:.0f} M tokens "
                          f"loss {value:.3f} held-out {total} {speed / 1e6:.2f} M tokens/s", flush=True)

    def snapshot(self):
        return copy.deepcopy((self.model.state_dict(), [o.state_dict() for o in self.optimizers], self.steps))

    def restore(self, state):
        self.model.load_state_dict(state[0])
        for optimizer, saved in zip(self.optimizers, copy.deepcopy(state[1])):
            optimizer.load_state_dict(saved)
        self.steps = state[2]


def samples(model, tokenizer_path, device):
    tokenizer = Tokenizer.from_file(tokenizer_path)
    generator = torch.Generator(device).manual_seed(7)
    model.eval()
    for prompt in PROMPTS:
        ids = torch.tensor([[0, *tokenizer.encode(prompt).ids]], device=device)
        for temperature in (0.0, 0.7):
            out = model.generate(ids, 70, temperature, stop=(0, 2), generator=generator)[0].tolist()
            print(f"[{temperature}]", repr(tokenizer.decode(out[1:], skip_special_tokens=False)), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tokens")
    parser.add_argument("tokenizer")
    parser.add_argument("out")
    for name, value in {"seconds": 400.0, "rows": 256, "seed": 1, "dropout": 0.1, "muon_lr": 0.02, "adam_lr": 0.003,
                        "weight_decay": 0.1, "warmup_steps": 3, "held_rows": 10**6}.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    parser.add_argument("--branches", default="0.4,1.0")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    began = time.time()
    trainer = Trainer(args)
    print("parameters:", sum(p.numel() for p in trainer.model.parameters()), "tokens:", len(trainer.data.tokens))
    for _ in range(args.warmup_steps):
        trainer.step(0.01)
    print(f"ready after {time.time() - began:.0f} s", flush=True)
    best, done = None, 0.0
    for number, end in enumerate(float(b) for b in args.branches.split(",")):
        cool = 0.3 * end  # the last 30 % of a branch's time cools down to zero
        trunk = (end - cool) * args.seconds - done
        trainer.run(trunk, lambda f: min(1.0, 0.05 + f * 20) if done == 0 else 1.0, "trunk")
        done = (end - cool) * args.seconds
        state = trainer.snapshot()
        trainer.run(cool * args.seconds, lambda f: max(0.0, 1 - f), f"branch {end}")
        total, by_source = held_out(trainer.model, args.tokens, trainer.device, args.held_rows)
        report = {"branch": end, "steps": trainer.steps, "tokens": trainer.steps * args.rows * LENGTH,
                  "held_out": total, "by_source": by_source}
        print(json.dumps(report), flush=True)
        if best is None or total < best:
            best = total
            save(trainer.model, args.out)
            (Path(args.out) / "report.json").write_text(json.dumps(report, indent=2) + "\n")
            samples(trainer.model, args.tokenizer, trainer.device)
            trainer.model.train()
        trainer.restore(state)
    print(f"finished after {time.time() - began:.0f} s, held-out loss {best}", flush=True)


if __name__ == "__main__":
    main()
