"""Turns the corpus into token files: WORK/tokens/SOURCE.bin and held-SOURCE.bin (uint16), each document closed.

Plain documents end in <|endoftext|>; conversations end in it too, so that every text starts right after one.
Usage: python pack.py WORK MODEL_FOLDER
"""
import json
import sys
from pathlib import Path

import numpy
from tokenizers import Tokenizer


def main(work, folder):
    work = Path(work)
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    end = tokenizer.token_to_id("<|endoftext|>")
    (work / "tokens").mkdir(exist_ok=True)
    for path in sorted((work / "corpus").glob("*.jsonl")):
        rows = [json.loads(line) for line in open(path)]
        for held in (False, True):
            texts = [row["text"] for row in rows if row["held"] == held]
            ids = [i for e in tokenizer.encode_batch(texts) for i in (*e.ids, end)]
            name = ("held-" if held else "") + path.stem
            numpy.array(ids, dtype=numpy.uint16).tofile(work / "tokens" / f"{name}.bin")
            print(f"{name:18} {len(texts):7} documents {len(ids):9} tokens "
                  f"{sum(map(len, texts)) / max(1, len(ids)):.2f} characters a token", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
