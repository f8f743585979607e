"""Readers for the odd containers the texts come in: SWORD modules, R lazy-load databases, HTML."""
import html
import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path


def sword_blocks(folder, testament):
    """Decompressed blocks (books or chapters) of one testament of a SWORD module, with its entries' index."""
    for kind in "bc":
        base = Path(folder) / f"{testament}.{kind}z"
        if base.with_suffix(f".{kind}zz").exists():
            data = base.with_suffix(f".{kind}zz").read_bytes()
            index = base.with_suffix(f".{kind}zs").read_bytes()
            blocks = [zlib.decompress(data[o:o + n]) if n else b"" for o, n, _ in struct.iter_unpack("<III", index)]
            return blocks, base.with_suffix(f".{kind}zv").read_bytes()
    raise FileNotFoundError(f"{folder}: expected {testament}.bzz or {testament}.czz")


def sword_entries(folder, testament):
    """(block number, text) of each entry of one testament, in order, without repeats."""
    blocks, index = sword_blocks(folder, testament)
    previous = None
    for at in range(0, len(index) - 9, 10):
        block, offset, length = struct.unpack("<IIH", index[at:at + 10])
        if length and block < len(blocks) and (block, offset) != previous:
            previous = (block, offset)
            yield block, blocks[block][offset:offset + length].decode("utf-8", "replace")


def osis_paragraphs(entry):
    """Plain paragraphs of one OSIS-marked entry: notes and headings gone, words kept apart."""
    entry = re.sub(r"<(note|title)\b.*?</\1>", "", entry, flags=re.S)
    entry = re.sub(r'<hi type="bold">.*?</hi>', "\n", entry, flags=re.S)
    entry = entry.replace("</w><w", "</w> <w")
    entry = re.sub(r"<(div|chapter|p|l|lg|lb)\b[^>]*>|</(p|l|lg)>", "\n", entry)
    entry = html.unescape(re.sub(r"<[^>]*>", "", entry))
    return [part for part in (re.sub(r"\s+", " ", p).strip() for p in entry.split("\n")) if part]


def r_string_vectors(path):
    """Every character vector in an R lazy-load .rdb file (serialised chunks: 4-byte length, then zlib)."""
    data = Path(path).read_bytes()
    at = 0
    while at + 4 < len(data):
        (length,) = struct.unpack(">I", data[at:at + 4])
        # data chunks are "type byte + compressed"; R writes the uncompressed length first
        chunk = data[at + 4:]
        stream = zlib.decompressobj()
        raw = stream.decompress(chunk)
        at += 4 + len(chunk) - len(stream.unused_data)
        assert len(raw) == length, f"{path}: expected a chunk of {length} bytes, got {len(raw)}"
        yield from _vectors(raw)


def _vectors(raw):
    at = 0
    while (at := raw.find(b"\x00\x00\x00\x10", at)) >= 0:
        (count,) = struct.unpack(">I", raw[at + 4:at + 8])
        place, strings = at + 8, []
        while len(strings) < count and place + 8 <= len(raw) and raw[place] == 0 and raw[place + 3] == 9:
            (size,) = struct.unpack(">i", raw[place + 4:place + 8])
            size = max(size, 0)
            strings.append(raw[place + 8:place + 8 + size].decode("utf-8", "replace"))
            place += 8 + size
        if count and len(strings) == count:
            yield strings
            at = place
        else:
            at += 4


class _Paragraphs(HTMLParser):
    SKIP = {"pre", "table", "script", "style", "nav", "head", "h1", "h2", "h3", "h4", "h5", "dt", "svg"}
    BLOCK = {"p", "li", "dd", "div", "section", "blockquote", "ul", "ol", "dl", "br", "hr", "body"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found, self.buffer, self.skip = [], [], 0

    def flush(self):
        text = re.sub(r"\s+", " ", "".join(self.buffer)).strip()
        if text:
            self.found.append(text)
        self.buffer = []

    def handle_starttag(self, tag, attributes):
        if tag in self.SKIP:
            self.flush()
            self.skip += 1
        elif tag in self.BLOCK and not self.skip:
            self.flush()

    def handle_endtag(self, tag):
        if tag in self.SKIP:
            self.skip = max(0, self.skip - 1)
        elif tag in self.BLOCK and not self.skip:
            self.flush()

    def handle_data(self, data):
        if not self.skip:
            self.buffer.append(data)


def html_paragraphs(path):
    parser = _Paragraphs()
    parser.feed(Path(path).read_text("utf-8", "replace"))
    parser.flush()
    return parser.found
