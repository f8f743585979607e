"""One LoRA training step of transformers + PEFT on a model folder: the peer of whetstone on the same folder.

Same method and output line as ../shared/peers/peft_step.py, which makes its models from shapes instead.

usage: peft_folder.py --model DIR --seq 512 [--batch 1] [--rank 16] [--dtype f32|bf16] [--threads 2] [--steps 6]
"""
import argparse, json, time
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--seq", type=int, required=True)
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--rank", type=int, default=16)
parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
parser.add_argument("--threads", type=int, default=0)
parser.add_argument("--steps", type=int, default=6)
options = parser.parse_args()
if options.threads:
    torch.set_num_threads(options.threads)

dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[options.dtype]
model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype, attn_implementation="sdpa")
model.config.use_cache = False
vocabulary = model.config.vocab_size
lora = LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules="all-linear", task_type="CAUSAL_LM")
model = get_peft_model(model, lora).train()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
ids = torch.randint(0, vocabulary, (options.batch, options.seq))


def step():
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.dtype == "bf16"):
        loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss


for _ in range(2):
    step()
times = []
for _ in range(options.steps):
    start = time.perf_counter()
    loss = step()
    times.append(time.perf_counter() - start)
median = sorted(times)[len(times) // 2]
print(json.dumps(dict(peer="transformers+peft", model=options.model, dtype=options.dtype, seq=options.seq, batch=options.batch,
                      step_ms=round(median * 1e3, 2), tok_s=round(options.seq * options.batch / median, 1), loss=round(loss.item(), 4))))
