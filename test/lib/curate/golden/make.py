"""Makes the fixtures of lib/curate from datatrove 0.10 and spaCy 3.8 (their own code gives every answer):

    python test/lib/curate/golden/make.py SHARED_DATA

SHARED_DATA is a folder with gsm8k-train.jsonl (MIT): sentences of the corpus are drawn from it. Everything else about a document (structure, repetition, odd characters, every rule's trigger) is made here from a seed.
Writes quality.json.br (5,200 documents with the reasons of four filters) and minhash.json (signatures of 60 documents).
"""

import json
import os
import random
import sys

import brotli
from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.utils.text import TERMINAL_PUNCTUATION, split_into_words

here = os.path.dirname(os.path.abspath(__file__))
shared = sys.argv[1]
rng = random.Random(20)

SENTENCES = []
with open(os.path.join(shared, "gsm8k-train.jsonl"), encoding="utf-8") as f:
    for line in list(f)[:1500]:
        row = json.loads(line)
        SENTENCES += [s.strip() + "." for s in row["question"].split(". ") if len(s) > 12]
        SENTENCES += [s for s in row["answer"].split("\n")[:2] if len(s) > 12]

OTHER = ["Der schnelle braune Fuchs springt über den faulen Hund.", "¿Dónde está la biblioteca? ¡Aquí!", "Привет, как дела? Всё хорошо.",
         "今天天气很好。我们去公园吧！", "これは日本語の文です。とても短い。", "هذا نص باللغة العربية، وهو قصير.", "यह हिन्दी में एक वाक्य है।", "Το γρήγορο καφέ αλεπού.",
         "Ça coûte 12€ ou 15 $US, n’est-ce pas ?", "İstanbul’da ılık bir gün… çok güzel!", "ℝ ⊂ ℂ, K = 3·10⁸ m/s², 25°C."]
ODD = ["can't", "won't've", "cannot", "gonna", "dont", "I'm", "it's", "It ’s", "y'all", "o'clock", "U.S.A.", "e.g.", "i.e.,", "Mr.", "Dr.Smith", "Ph.D.", "a.m.", "10p.m.", ":-)", ":( (", "( :", "^_^", "<3",
       "¯\\(ツ)/¯", "(╯°□°）╯︵┻━┻", "http://www.example.com/a?b=c&d=e-f", "www.foo-bar.co.uk,", "john.doe-smith@mail.example.org", "192.168.0.1:8080", "8.8.8.8", "C++", "C#", "$5.00", "US$12", "5km",
       "10km/h.", "3%", "50°F.", "1,000,000", "3.14", "2+2=4", "a+b", "x=y", "foo/bar", "and/or", "well-known", "state--of--the—art", "end.Start", "hello,world", "word...word", "...", "……", "“quoted”",
       "‘single’", "''", "``", "'em", "'Cause", "rock'n'roll", "#hashtag", "@user", "[12]", "[edit]", "[citation needed]", "{x}", "~5", "~a~b", "10-20", "5-a-day", "😀", "a😀b", "★★★", "№5", "™", "½", "²",
       "K", "Kelvin", "e.g.,something", "\u200b", "\u00ad", "ﬁne", "naïve", "co-operate", "St.", "vs.", "'s", "s'", "dogs'", "the", "be", "to", "of", "and", "that", "have", "with", "THE", "<b>bold</b>",
       "&nbsp;", "a_b", "__init__", "foo()", "bar[0]", "100k", "5G", "7M.", "12.", "A.B.", "AB.", "aB.c", "ß.", "١٢٣", "٣.٤", "ok.\"", "\"ok\".", "(see", "p.12)", "--", "---", "-", "•", "–", "—", "+1", "+x",
       "x+", "5+", "1:2", "a:b", "a<b>c", "http://", "ftp://a.b", "mailto:a@b.co", "a@b", "a.b@c.de/f", "file.tar.gz", "v1.2.3", "1.2.3.4.5", "1a", "a1", "a-1", "1-a", "don’t", "we’ve", "that'll", "who'd", "a'b",
       "x…y", "…", "§5", "§", "=a", "a=", "%a", "a%", "5%", "a:", ":a", "a;b", "a!b", "wow!!!", "what?!", "!?", "(a)(b)", "((a))", "[a]", "<a>", "a>", "<a", "a|b", "a\\b", "/a/", "a/", "©2020", "®", "°", "日本語", "日本-語",
       "日本.語", "кг", "5кг", "тест.Тест", "Тест,тест"]


PLAIN = [s for s in SENTENCES if not any(c.isdigit() or c in "$%<>=*" for c in s)]
plain = False  # this document is of plain sentences


def sentence():
    if plain:
        return rng.choice(PLAIN)
    s = rng.choice(SENTENCES)
    if rng.random() < 0.25:
        words = s.split(" ")
        for _ in range(rng.randint(1, 3)):
            words.insert(rng.randint(0, len(words)), rng.choice(ODD))
        s = " ".join(words)
    if rng.random() < 0.04:
        s = rng.choice(OTHER)
    return s


def paragraph(n):
    return " ".join(sentence() for _ in range(n))


def lines(n, ending=True):
    return [sentence() if ending else sentence().rstrip(".,!?;:'\"") for _ in range(n)]


def document(kind):
    n = rng.randint(4, 14)
    if kind == "prose":
        return "\n\n".join(paragraph(rng.randint(2, 5)) for _ in range(rng.randint(1, 4)))
    if kind == "lines":
        return "\n".join(lines(n + 6))
    if kind == "unended":
        return "\n".join(lines(n + 8, False))
    if kind == "bullets":
        return "\n".join(rng.choice(["- ", "• ", "  - ", "-", "\u00a0• "]) + s if rng.random() < 0.95 else s for s in lines(n + 5))
    if kind == "ellipsis":
        return "\n".join(s.rstrip(".") + rng.choice(["...", "…", "... ", "."]) for s in lines(n + 4))
    if kind == "hashes":
        return " ".join("#" + w if rng.random() < 0.15 else w for w in paragraph(6).split(" "))
    if kind == "duplicated lines":
        own = lines(rng.randint(3, 6))
        return "\n".join(rng.choice(own) if rng.random() < rng.random() else sentence() for _ in range(n + 8))
    if kind == "duplicated paragraphs":
        own = [paragraph(2) for _ in range(3)]
        return "\n\n".join(rng.choice(own) if rng.random() < 0.5 else paragraph(2) for _ in range(rng.randint(4, 8)))
    if kind == "repeated grams":
        phrase = " ".join(paragraph(1).split(" ")[: rng.randint(2, 12)])
        words = paragraph(rng.randint(4, 10)).split(" ")
        for _ in range(rng.randint(1, 9)):
            words.insert(rng.randint(0, len(words)), phrase)
        return " ".join(words)
    if kind == "few stop words":
        return " ".join(w for w in paragraph(14).split(" ") if w.lower() not in ("the", "be", "to", "of", "and", "that", "have", "with") or rng.random() < 0.04)
    if kind == "numbers":
        return " ".join(str(rng.randint(0, 99999)) if rng.random() < rng.choice([0.15, 0.25, 0.5]) else w for w in paragraph(8).split(" "))
    if kind == "long words":
        return " ".join(w + "".join(rng.choice("abcdefghij") for _ in range(rng.randint(0, 14))) for w in paragraph(8).split(" "))
    if kind == "short words":
        return " ".join(w[: rng.randint(1, 3)] for w in paragraph(12).split(" "))
    if kind == "odd words":
        return " ".join(rng.choice(ODD) + rng.choice(["", "", "", ".", ",", ")", "!", "'s", "..."]) for _ in range(rng.randint(30, 200)))
    if kind == "pairs":
        return " ".join(rng.choice(ODD) + rng.choice(["", "-", "/", ".", ",", "'", "\""]) + rng.choice(ODD) for _ in range(rng.randint(30, 120)))
    if kind == "white space":
        return "".join(w + rng.choice([" ", " ", " ", " ", "  ", "\n", "\t", "\u2028", "\u00a0", "\u3000", "\r\n", "\x85", "\x0b", "\x1d", " \n"]) for w in paragraph(10).split(" "))
    if kind == "short lines":
        return "\n".join(s[: rng.choice([10, 25, 30, 31, 40, 90])] for s in lines(n + 8))
    if kind == "list":
        return "\n".join(rng.choice(["", "\n\n"]) + " ".join(s.split(" ")[: rng.choice([2, 3, 6, 9])]) + "." for s in dict.fromkeys(lines(30)))
    if kind == "dots":
        return " ".join(w + rng.choice(["...", "…", "", "", "", "", "", ""]) for w in paragraph(8).split(" "))
    if kind == "policy":
        own = lines(n + 6)
        for _ in range(rng.randint(1, 5)):
            own[rng.randrange(len(own))] = rng.choice(["Read our Privacy Policy here.", "This site uses cooKies to help.", "Please enable JavaScript now.", "See [12] the terms of use today.",
                                                      "By the use of cookies we know.", "x" * 1001 + " is a word.", "He said {this} to all.", "Lorem ipsum dolor sit amet.", "It ended [citation needed]",
                                                      "It ended here.[edit]", "It ended there.[３]", "Two words.", "It went on...", "Was it \"so\"", "\u00a0Three little words!\u2003"])
        return "\n".join(own)
    if kind == "brief":
        return " ".join(paragraph(3).split(" ")[: rng.randint(0, 60)])
    if kind == "other languages":
        return " ".join(rng.choice(OTHER) for _ in range(rng.randint(2, 25)))
    raise ValueError(kind)


KINDS = ["prose", "prose", "lines", "unended", "bullets", "ellipsis", "hashes", "duplicated lines", "duplicated paragraphs", "repeated grams", "repeated grams", "few stop words", "numbers",
         "long words", "short words", "odd words", "pairs", "dots", "white space", "short lines", "list", "policy", "policy", "brief", "other languages"]
documents = []
for i in range(5200):
    plain = rng.random() < 0.45
    documents.append(document(KINDS[i % len(KINDS)]))
documents += [" ".join("word" for _ in range(3)), "…" * 60, "a " * 60, "# " * 200, "." * 200 + "\n" * 5, "\n\n\n", " ", "\u2028\u2028", "{", "word" * 300 + " " + "x" * 1200 + " was there."]
documents += [c + "\nword of the land and more\n" + c for c in sorted(TERMINAL_PUNCTUATION)[:30]]

filters = [GopherQualityFilter(), GopherRepetitionFilter(), C4QualityFilter(), FineWebQualityFilter()]


def reason_of(one, text):
    try:
        result = one.filter(Document(text=text, id="0"))
    except ZeroDivisionError:
        return "empty"  # where datatrove stops with an error
    return "" if result is True else result[1]


table, reasons = [], []
for text in documents:
    for one in filters:
        reason = reason_of(one, text)
        if reason not in table:
            table.append(reason)
        reasons.append(table.index(reason))
for reason in sorted(table):
    print(sum(1 for r in reasons if table[r] == reason), repr(reason))

data = json.dumps({"table": table, "reasons": reasons, "documents": documents}, ensure_ascii=False, separators=(",", ":"))
with open(os.path.join(here, "quality.json.br"), "wb") as f:
    f.write(brotli.compress(data.encode(), quality=11, lgwin=24))

import datatrove.utils.hashes.xxhash as hashes  # noqa: E402 - newer xxhash takes bytes only
import xxhash  # noqa: E402

hashes.xxhash64 = lambda text: xxhash.xxh64_intdigest(text.encode())
step = MinhashDedupSignature(output_folder="/tmp/minhash", config=MinhashConfig())
chosen = [documents[i] for i in range(0, 240, 4)]
rows = []
for text in chosen:
    shingles = step.get_shingles(text)
    rows.append([int(x) & 0xFFFFFFFF for bucket in step.get_signature(shingles) for x in bucket] if shingles.size else [])
with open(os.path.join(here, "minhash.json"), "w", encoding="utf-8") as f:
    json.dump({"documents": chosen, "minima": rows}, f, ensure_ascii=False, separators=(",", ":"))

if len(sys.argv) > 2:  # for looking into differences: the words of every document
    with open(sys.argv[2], "w", encoding="utf-8", newline="") as f:
        f.write("\x00".join(documents))
    with open(sys.argv[2] + ".words", "w", encoding="utf-8", newline="") as f:
        for text in documents:
            f.write("".join(w + "\x01" for w in split_into_words(text)) + "\x02")
