"""Makes classes.inc (properties of characters) and english.inc (words that are cut or kept in a way of their own) from Python's
Unicode data, spaCy's English rules (MIT licence) and datatrove's lists (Apache-2.0). Needs both packages:

    python native/text/tables.py
"""

import os
import re
import unicodedata

import spacy
from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION
from spacy.lang import char_classes as cc
from spacy.pipeline.sentencizer import Sentencizer

here = os.path.dirname(os.path.abspath(__file__))
tokenizer = spacy.blank("en").tokenizer
lower, upper, alpha, quotes = (re.compile(f"[{x}]") for x in (cc.ALPHA_LOWER, cc.ALPHA_UPPER, cc.ALPHA, cc.CONCAT_QUOTES))
icon, word = re.compile(f"[{cc.CONCAT_ICONS}]"), re.compile(r"\w")
sentence_ends = set(Sentencizer.default_punct_chars)

# In the order of the bits of Class in classes.h.
TESTS = [
    lambda c: c.isspace(),
    lambda c: c.isalpha(),
    lambda c: c in PUNCTUATION_SET,
    lambda c: c not in "+." and tokenizer.find_prefix(c + "zz") == 1,
    lambda c: c != "." and tokenizer.find_suffix("zz" + c) == 1,
    lambda c: c != "." and tokenizer.find_suffix("0" + c + ".") > 0,
    lambda c: upper.match(c),
    lambda c: lower.match(c),
    lambda c: alpha.match(c),
    lambda c: quotes.match(c),
    lambda c: icon.match(c),
    lambda c: unicodedata.category(c).startswith("P"),
    lambda c: c in sentence_ends,
    lambda c: c in TERMINAL_PUNCTUATION,
    lambda c: word.match(c),
    lambda c: unicodedata.category(c) == "Nd",
]


def classes():
    ranges = []
    for code in range(0x110000):
        bits = 0
        if not 0xD800 <= code < 0xE000:
            c = chr(code)
            bits = sum(1 << at for at, test in enumerate(TESTS) if test(c))
        if ranges and ranges[-1][2] == bits and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code, bits])
    return [r for r in ranges if r[2]]


def literal(text):
    return '"' + "".join(c if 32 < ord(c) < 127 and c not in '"\\?' else "".join(f"\\{b:03o}" for b in c.encode()) for c in text) + '"'


with open(os.path.join(here, "classes.inc"), "w", encoding="ascii") as out:
    out.write("// Made by tables.py: first and last code point, bits of Class.\n")
    line = ""
    for first, last, bits in classes():
        item = f"{{{first},{last},{bits}}},"
        if len(line) + len(item) > 118:
            out.write(line + "\n")
            line = ""
        line += item
    out.write(line + "\n")

with open(os.path.join(here, "english.inc"), "w", encoding="ascii") as out:
    out.write("// Made by tables.py: special cases with the bytes of each of their words, and whether words that were cut otherwise\n")
    out.write("// are put together again (1).\n")
    for key, parts in sorted(tokenizer.rules.items()):
        if key.isspace():
            continue
        again = bool(tokenizer.find_prefix(key) or tokenizer.find_infix(key) or tokenizer.find_suffix(key) or " " in key)
        lengths = ",".join(str(len(part[65].encode())) for part in parts)
        out.write(f"{{{literal(key)},{{{lengths}}},{int(again)}}},\n")
    
with open(os.path.join(here, "units.inc"), "w", encoding="ascii") as out:
    out.write("// Made by tables.py: units of measure and signs of currency that are cut off after a digit.\n")
    for unit in sorted({u for u in cc.LIST_UNITS + [c.replace("\\", "") for c in cc.LIST_CURRENCY] if u}):
        out.write(f"{literal(unit)},\n")
