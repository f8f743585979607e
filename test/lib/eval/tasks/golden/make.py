"""What lm-evaluation-harness says of the tasks beside this file: scores, standard errors and the answer to every request.

Run in this folder, with lm_eval 0.4.13, transformers and torch installed:
    python make.py pebble ../../../../../models/pebble
    python make.py stories260K ../../../../../../shared/models/stories260K
"""
import glob
import gzip
import json
import os
import sys

os.environ["DISABLE_MULTIPROC"] = "1"
import torch
from lm_eval import evaluator
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

name, folder = sys.argv[1:3]
torch.set_num_threads(1)
model = HFLM(pretrained=folder, dtype="float32", device="cpu", batch_size=1)
model.model.generation_config.max_new_tokens = None  # a model's own would win over max_gen_toks
manager = TaskManager(include_path=".", include_defaults=False)
out = {}
for file in sorted(glob.glob("*.yaml")):
    if file.startswith(("group-", "tag-", "prefix")):  # make_groups.py
        continue
    task = "own_" + file[:-5].replace("-", "_")
    run = evaluator.simple_evaluate(model, tasks=[task], task_manager=manager, bootstrap_iters=1000, log_samples=True)
    scores = {key: value for key, value in run["results"][task].items() if "," in key and value != "N/A"}
    samples = {}
    for sample in run["samples"][task]:
        samples.setdefault(sample["doc_id"], {
            "requests": [list(args) for args in sample["arguments"]],
            "answers": [resps[0] for resps in sample["resps"]],
        })
    out[file] = {"scores": scores, "samples": [samples[i] for i in sorted(samples)]}
with gzip.GzipFile(f"{name}.json.gz", "w", mtime=0) as f:
    f.write(json.dumps(out, sort_keys=True, default=str).encode())
print({file: entry["scores"] for file, entry in out.items()})
