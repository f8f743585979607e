"""Makes ifd.json: losses of answers with and without their prompts by transformers, one row at a time, in float64.

    python test/lib/train/select/make.py

Needs torch and transformers. The model is models/pebble of this repository. The answer's tokens are those of the whole
text, the end token among them; without the prompt they follow the token that begins texts.
"""
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

root = Path(__file__).resolve().parents[4]
folder = root / "models" / "pebble"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()

ROWS = [
    ("Once upon a time", " there was a small dog who lived in a house."),
    ("Question: What is the capital of France?\nAnswer:", " Paris"),
    ("The sun was going down, and the old man", " looked at the sea and said nothing."),
    ("one two three four", " five six seven eight nine ten"),
    ("Say the word again: garden.\n", "garden"),
    ("A king had three sons. The first", " was strong, the second was clever, and the third was kind."),
    ("zq", " The weather was very cold that winter, and snow lay upon the hills."),
    ("Repeat: blue bird blue bird blue bird", " blue bird blue bird blue bird"),
]


def mean_loss(tokens, begin):
    """Mean nll of tokens[begin:]."""
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0, :-1]
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor(tokens[1:]), reduction="none")
    return losses[begin - 1:].mean().item()


rows = []
for prompt, completion in ROWS:
    whole = tokenizer(prompt + completion, add_special_tokens=False).input_ids + [tokenizer.eos_token_id]
    begin = len(tokenizer(prompt, add_special_tokens=False).input_ids)
    assert whole[:begin] == tokenizer(prompt, add_special_tokens=False).input_ids, prompt
    answer = whole[begin:]
    loss, alone = mean_loss(whole, begin), mean_loss([tokenizer.bos_token_id] + answer, 1)
    rows.append({"prompt": prompt, "completion": completion, "tokens": len(answer), "loss": loss, "alone": alone, "ifd": loss / alone})

(Path(__file__).parent / "ifd.json").write_text(json.dumps(rows, indent=1) + "\n")
