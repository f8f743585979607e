"""Encodes held-out texts and hard strings with transformers and compares with @huggingface/tokenizers in Node.

Usage: python scripts/pebble/check_tokenizer.py MODEL_FOLDER WORK
"""
import json
import random
import subprocess
import sys
from pathlib import Path

from transformers import AutoTokenizer

HARD = [" ", "  two  spaces ", "tab\tand\nlines\r\n\n", "caf\u00e9 na\u00efve \u2014 \u65e5\u672c\u8a9e \U0001f600 \u0928\u092e\u0938\u094d\u0924\u0947", "don't I'LL we've",
        "<|im_start|>user\nHello<|im_end|>\n", "a<|endoftext|>b", "<|im_start", "0123456789 3.14 1,000",
        "e\u0301 combining", "\u00a0nbsp", "x" * 300, "K AH0 N T"]


def main(folder, work):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for path in sorted((Path(work) / "corpus").glob("*.jsonl")):
        held = [row["text"] for row in map(json.loads, open(path)) if row["held"]]
        rows += [text[:600] for text in random.Random(3).sample(held, min(40, len(held)))]
    texts = [{"text": t, "ids": tokenizer.encode(t, add_special_tokens=False)} for t in HARD + rows]
    for row in texts:
        row["decoded"] = tokenizer.decode(row["ids"], clean_up_tokenization_spaces=False)
        assert row["decoded"] == row["text"], row
    talks = [[{"role": "user", "content": "Hello!"}], [{"role": "system", "content": "Be brief."},
             {"role": "user", "content": "What is a river?"}, {"role": "assistant", "content": "Water."},
             {"role": "user", "content": "And a lake?"}]]
    chats = [{"messages": m, "prompt": tokenizer.apply_chat_template(m, tokenize=False, add_generation_prompt=True)}
             for m in talks]
    file = Path(work) / "tokenizer-check.json"
    file.write_text(json.dumps({"texts": texts, "chats": chats}))
    sys.exit(subprocess.run(["node", str(Path(__file__).with_suffix(".mjs")), folder, str(file)]).returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
