"""Makes c4-lines.json: what datatrove 0.10's C4 filter leaves of each document of quality.json.br that it keeps, as the first 16
digits of the SHA-256 of the text it writes:

    python test/lib/curate/golden/make_c4_lines.py
"""

import hashlib
import json
import os

import brotli
from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "quality.json.br"), "rb") as f:
    documents = json.loads(brotli.decompress(f.read()))["documents"]

judge = C4QualityFilter()
left = {}
changed = 0
for row, text in enumerate(documents):
    document = Document(text=text, id=str(row))
    if judge.filter(document) is True:
        left[row] = hashlib.sha256(document.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        changed += document.text != text
with open(os.path.join(here, "c4-lines.json"), "w", encoding="utf-8") as f:
    json.dump(left, f, separators=(",", ":"))
print(len(left), "kept,", changed, "of them changed")
