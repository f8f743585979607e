"""The naive baselines of the quickstart: the commonest answer, and the best sound for each letter on its own.

Each letter gives 0 to 2 sounds; which ones, is found by aligning the training words again and again (hard EM), and each
letter then always gives what it gave most often. Usage: python baseline.py DATA_FOLDER [test]
"""
import collections
import json
import math
import sys
from pathlib import Path

from lora_trials import distance


def read(path):
    for row in map(json.loads, open(path)):
        letters = row["prompt"].split("\n")[0].removeprefix("Word: ").split()
        yield letters, row["completion"].split()


def align(letters, sounds, cost):
    """The cheapest way to cut the sounds into one piece of 0 to 2 for each letter."""
    best = {(0, 0): (0.0, [])}
    for i, letter in enumerate(letters):
        following = {}
        for (_, j), (total, pieces) in best.items():
            for width in (0, 1, 2):
                if j + width <= len(sounds):
                    piece = tuple(sounds[j:j + width])
                    value = total + cost(letter, piece)
                    if (i + 1, j + width) not in following or value < following[i + 1, j + width][0]:
                        following[i + 1, j + width] = (value, [*pieces, piece])
        best = following
    return best.get((len(letters), len(sounds)), (0, None))[1]


def letter_table(train, rounds=6):
    counts = None
    for _ in range(rounds):
        def cost(letter, piece):
            if counts is None:
                return abs(1 - len(piece)) + 0.01 * len(piece)
            return -math.log((counts[letter][piece] + 0.1) / (sum(counts[letter].values()) + 100))
        fresh = collections.defaultdict(collections.Counter)
        for letters, sounds in train:
            for letter, piece in zip(letters, align(letters, sounds, cost) or []):
                fresh[letter][piece] += 1
        counts = fresh
    return {letter: max(pieces, key=pieces.get) for letter, pieces in counts.items()}


def main(folder, part="test"):
    train, test = list(read(Path(folder) / "train.jsonl")), list(read(Path(folder) / f"{part}.jsonl"))
    table = letter_table(train)
    print({k: " ".join(v) for k, v in sorted(table.items())})
    most = collections.Counter(tuple(s) for _, s in train).most_common(1)[0]
    guesses = {"letter by letter": lambda w: [s for letter in w for s in table.get(letter, ())],
               f"always '{' '.join(most[0])}'": lambda w: list(most[0]), "the letters themselves": lambda w: [c.upper() for c in w]}
    for name, guess in guesses.items():
        edits = sum(distance(guess(w), s) for w, s in test)
        exact = sum(guess(w) == s for w, s in test)
        print(f"{name}: error {edits / sum(len(s) for _, s in test):.4f}, exact {exact / len(test):.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
