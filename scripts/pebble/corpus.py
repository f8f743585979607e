"""Builds the training text: WORK/corpus/SOURCE.jsonl of {"text", "held"}, from packages that gather.sh unpacked.

A document whose name hashes into the last percent and a half is held out and never trained on.
Usage: python corpus.py WORK
"""
import hashlib
import json
import re
import sys
from pathlib import Path

import chat
from sources import ALL, documents
from wordnet import synsets

TURN = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n"


def held_out(name):
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 1000 < 15


def split_synsets(x):
    """Training and held-out synsets, so that a held-out gloss is met nowhere: not in prose, not in chat."""
    both = {False: [], True: []}
    for s in synsets(x):
        both[held_out(f"synset {s.gloss}")].append(s)
    return both


def definitions(by_split):
    """WordNet as running text: a few definitions a document."""
    rng = chat.seeded("definitions")
    for held, chosen in by_split.items():
        entries = []
        for s in chosen:
            word = s.words[0]
            named, plural = word[0].isupper(), word.endswith("s") and not word.endswith("ss")
            if s.part == "noun" and re.match(r"(a|an|the|any|one|someone|something)\b", s.gloss) and not plural:
                entries.append(f"{'' if named else chat.article(word).capitalize() + ' '}{word} is {s.gloss}.")
            elif s.part == "verb" and rng.random() < 0.7:
                entries.append(f"To {word} is to {s.gloss}.")
            else:
                entries.append(f"{word}: {s.gloss}.")
        yield from grouped(entries, 6, held, rng)


def examples(by_split):
    rng = chat.seeded("examples")
    for held, chosen in by_split.items():
        lines = sorted({chat.sentence(e) for s in chosen for e in s.examples if chat.is_sentence(e)})
        yield from grouped(lines, 8, held, rng)


def grouped(lines, count, held, rng):
    rng.shuffle(lines)
    for start in range(0, len(lines), count):
        yield held, "\n\n".join(lines[start:start + count])


def conversations(x, by_split, prose):
    rng = chat.seeded("conversations")
    rows = [(held, row) for held in by_split for row in chat.about_words(by_split[held], rng)]
    rows += [(False, row) for row in chat.greetings()]
    for row in [*chat.about_places(x, rng), *chat.going_on(prose, rng, 0.3)]:
        rows.append((held_out(f"chat {row[0]}"), row))
    rng.shuffle(rows)
    for held, (question, answer) in rows:
        yield held, TURN.format(question, answer)


def tagged(name, x):
    for key, text in documents(name, x):
        yield held_out(f"{name} {key}"), text


def main(work):
    work = Path(work)
    (work / "corpus").mkdir(exist_ok=True)
    x, prose = work / "x", []
    by_split = split_synsets(x)
    makers = {name: lambda name=name: tagged(name, x) for name in ALL}
    makers |= {"definitions": lambda: definitions(by_split), "examples": lambda: examples(by_split),
               "chat": lambda: conversations(x, by_split, prose)}
    for name, make in makers.items():
        total = held_total = 0
        with open(work / "corpus" / f"{name}.jsonl", "w") as out:
            for held, text in make():
                out.write(json.dumps({"text": text, "held": held}) + "\n")
                total += len(text)
                held_total += len(text) * held
                if name in ("austen", "speeches", "bible", "factbook", "manuals", "moby", "henry") and not held:
                    prose.append(text)
        print(f"{name:12} {total:10} characters, {held_total:7} held out", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
