"""Turns raw paragraphs into plain modern typography and throws away what is not prose."""
import re

REPLACE = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u2026": "...",
           "\u2013": "-", "\u2212": "-", "\u00ad": "", "\ufeff": "", "``": '"', "''": '"', "\u2028": " ",
           "\u00b6": "", "\u00bb": "", "\u00ab": ""}
SENTENCE_END = re.compile(r"[.!?][\"')]*$")


def tidy(text):
    """One line of text: straight quotes, one kind of dash, single spaces, no emphasis marks."""
    for old, new in REPLACE.items():
        text = text.replace(old, new)
    text = re.sub(r"\s*-{2,}\s*", "\u2014", text)
    text = re.sub(r"(?<!\w)_([^_\n]{1,200})_(?!\w)", r"\1", text)
    text = re.sub(r"\s*\[[0-9a-zA-Z]{1,3}\]", "", text)
    text = re.sub(r"\s+([,;:.!?])(?=\s|$)", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


def is_prose(text, least=60):
    """A paragraph of whole sentences: starts like one, ends like one, and is made of words."""
    if len(text) < least or not SENTENCE_END.search(text) or not re.match(r"[\"'(]?[A-Z]", text):
        return False
    letters = sum(c.isalpha() or c.isspace() for c in text) / len(text)
    words = text.split()
    return letters > 0.9 and len(words) >= 8 and sum(w.isupper() and len(w) > 1 for w in words) / len(words) < 0.15


def is_plain(text):
    """Technical prose without code: no identifiers, paths, calls or markup in it."""
    return is_prose(text, 90) and not re.search(r"[_{}<>=|\\^~$@#*/]|\w\(|\(\)|::|->|\w\.\w|\w[a-z][A-Z]", text)


def unwrap(lines):
    """Hard-wrapped lines to paragraphs: a blank line ends one."""
    paragraphs, current = [], []
    for line in [*lines, ""]:
        if line.strip():
            current.append(line.strip())
        elif current:
            paragraphs.append(" ".join(current))
            current = []
    return paragraphs
