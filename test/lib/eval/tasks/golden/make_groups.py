"""What lm-evaluation-harness says of the group and the tag beside this file, and of tasks through the chat template of the
embedded model: scores, standard errors, requests and answers.

Run in this folder, with lm_eval 0.4.13, transformers and torch installed:
    python make_groups.py ../../../../../models/pebble
"""
import gzip
import json
import os
import sys

os.environ["DISABLE_MULTIPROC"] = "1"
import torch
from lm_eval import evaluator
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

torch.set_num_threads(1)
model = HFLM(pretrained=sys.argv[1], dtype="float32", device="cpu", batch_size=1)
model.model.generation_config.max_new_tokens = None  # a model's own would win over max_gen_toks
CHATS = [
    {"fewshot_as_multiturn": True},
    {"fewshot_as_multiturn": True, "system_instruction": "Answer briefly."},
    {"fewshot_as_multiturn": False, "system_instruction": "Answer briefly."},
    {"apply_chat_template": False, "fewshot_as_multiturn": False, "system_instruction": "Answer briefly."},
]
TASKS = ["own_blank", "own_choice", "own_last_word", "own_many", "own_say", "own_yes_no", "own_prefix"]


def scores(results):
    return {name: {key: None if value == "N/A" else value for key, value in entry.items() if "," in key}
            for name, entry in results.items()}


def run(tasks, **settings):
    return evaluator.simple_evaluate(model, tasks=tasks, task_manager=TaskManager(include_path=".", include_defaults=False),
                                     bootstrap_iters=1000, log_samples=True, **settings)


group = run(["own_family"], fewshot_as_multiturn=False)
out = {"group": {"scores": scores(group["results"]), "subtasks": group["group_subtasks"]}, "tag": sorted(run(["own_others"], limit=2)["results"]),
       "chats": []}
for chat in CHATS:
    settings = {"apply_chat_template": True, **chat}
    done = run(TASKS, limit=3, **settings)
    samples = {}
    for task in TASKS:
        rows = {}
        for sample in done["samples"][task]:
            rows.setdefault(sample["doc_id"], {"requests": [list(args) for args in sample["arguments"]],
                                               "answers": [resps[0] for resps in sample["resps"]]})
        samples[task] = [rows[i] for i in sorted(rows)]
    out["chats"].append({"settings": settings, "scores": scores(done["results"]), "samples": samples})
with gzip.GzipFile("groups.json.gz", "w", mtime=0) as f:
    f.write(json.dumps(out, sort_keys=True, default=str).encode())
print(json.dumps(out["group"], indent=1))
