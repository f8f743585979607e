"""Trains the byte-level BPE tokenizer on the corpus and writes tokenizer.json and tokenizer_config.json.

Usage: python tokenizer.py WORK MODEL_FOLDER
"""
import json
import random
import sys
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 6144
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
# characters of each source the merges are counted on: everyday prose counts more than the long heavy sources
SHARE = {"austen": 4e6, "moby": 1.1e6, "speeches": 3e6, "reports": 1.5e6, "bible": 3e6, "henry": 1.5e6,
         "spurgeon": 1e6, "manuals": 3e6, "factbook": 1e6, "definitions": 4e6, "examples": 2e6, "chat": 2e6}
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
            "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def sample(work):
    for name, characters in SHARE.items():
        rows = [json.loads(line) for line in open(work / "corpus" / f"{name}.jsonl")]
        texts = [row["text"] for row in rows if not row["held"]]
        random.Random(f"tokenizer {name}").shuffle(texts)
        for text in texts:
            if characters <= 0:
                break
            characters -= len(text)
            for token in SPECIAL:
                text = text.replace(token, "")
            yield text


def main(work, folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[AddedToken(t, special=True, normalized=False)
                                                                         for t in SPECIAL],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(sample(Path(work)), trainer)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|endoftext|>", "eos_token": "<|im_end|>",
              "pad_token": "<|pad|>", "additional_special_tokens": ["<|im_start|>"], "add_bos_token": False,
              "add_eos_token": False, "clean_up_tokenization_spaces": False, "model_max_length": 512,
              "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    print("tokens:", tokenizer.get_vocab_size())


if __name__ == "__main__":
    main(*sys.argv[1:])
