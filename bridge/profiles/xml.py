"""XML → documents, by local names, whatever the sender got wrong; nothing outside the message is ever looked at.

An element becomes a text, or a map when it has attributes or children: attributes as ``@name``, children by their local
name (prefixes and ``xmlns`` are dropped), several of one name as a list in their order, its own text as ``#text``. The
root becomes a map with its local name under ``@root``::

    <Alert version="2.0"><ip>10.0.0.1</ip><door no="1">open</door><zone>1</zone><zone>2</zone></Alert>
    {"@root": "Alert", "@version": "2.0", "ip": "10.0.0.1", "door": {"@no": "1", "#text": "open"}, "zone": ["1", "2"]}

Python's expat (Expat 2.4 and later bound entity expansion themselves), not a package around it: defusedxml guards the
tree builders of the standard library, of which none is used here. What it guards against is refused at the root: a
document with a DOCTYPE is not read, so no entity can be declared, none expanded and nothing external named.

Read as it is meant (reference source-lpr-others C2): a raw ``&``, control characters, no declaration, blank or strange
lines before the root, a byte order mark, bytes in the declared encoding or, when they are not, in latin-1, several
documents one after the other, anything after the last.

Bounded: 4 MiB a message, 10,000 elements and attributes, 64 levels, 50,000 line ends and ampersands each. Measured,
one core, Expat 2.5: an alert of 1.4 kB and 40 elements 0.1 ms, 10,000 elements 14 ms, 4 MiB of base64 in one element
22 ms, the worst of 4 MiB that was found (it has to be mended, or is in a Chinese encoding) 62 ms.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from xml.parsers import expat

LONGEST = 4 * 1024 * 1024
MOST_ELEMENTS = 10_000
MOST_LINES = 50_000
MOST_DOCUMENTS = 100
DEEPEST = 64
ROOT = "@root"
TEXT = "#text"

_BEFORE = 2048
"""Bytes before the root in which strange lines may stand."""

_ROOT = re.compile(r"<(?=[?!A-Za-z_\u0080-\uffff])")
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s{0,8}=\s{0,8}["']([A-Za-z0-9._-]{1,40})["']""")
_NO_REFERENCE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ENCODINGS = frozenset({
    "ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb2312", "gbk", "gb18030", "big5", "shift_jis", "euc_jp",
    "euc_kr", "koi8-r", "tis-620", *(f"iso8859-{n}" for n in range(1, 17)), *(f"cp125{n}" for n in range(9)),
    "cp874", "cp932", "cp949", "cp950",
})  # fmt: skip
"""Encodings of characters; Python knows others under such names (zip, idna, punycode), none of which is text."""


class NotXml(Exception):
    """These bytes hold no document that may be read; the message says why."""


def may_be_xml(data: bytes) -> bool:
    """Whether it begins like XML, or has a line near its beginning that does."""
    start = data[:_BEFORE]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"<\x00" in start[:8]:
        return True
    stripped = start.lstrip(b" \t\r\n\x00\xef\xbb\xbf")
    return stripped[:1] == b"<" or re.search(rb"[\r\n]\s{0,80}<[?!A-Za-z_]", start) is not None


def read(data: bytes) -> list[dict[str, object]]:
    """The documents in the bytes, in order; raises NotXml when there is none."""
    if len(data) > LONGEST:
        raise NotXml(f"it is XML of {len(data)} bytes, and {LONGEST} is the most that is read")
    text, _ = decoded(data)
    start = root_of(text)
    if start is None:
        raise NotXml("it is no XML: nothing in it begins an element")
    if are_many(text):
        raise NotXml(f"it is XML of more than {MOST_LINES} line ends or ampersands, comments or CDATA")
    text = text[start:]
    try:
        return _documents(text.encode("utf-8", "replace"))
    except expat.ExpatError as error:
        better = mended(text)
        if better == text:
            raise NotXml(_said(error)) from None
    try:
        return _documents(better.encode("utf-8", "replace"))
    except expat.ExpatError as error:
        raise NotXml(_said(error)) from None


def are_many(text: str) -> bool:
    """Whether there are more line ends, ampersands, comments or CDATA than are read."""
    return any(text.count(sign) > MOST_LINES for sign in ("\n", "\r", "&", "<!"))


def root_of(text: str) -> int | None:
    """Where the document begins, after strange lines; None when nothing near the beginning begins one."""
    found = _ROOT.search(text, 0, _BEFORE)
    return None if found is None else found.start()


def decoded(data: bytes) -> tuple[str, str]:
    """The text, without its byte order mark, and the name of its encoding: the mark's, the declared one, UTF-8."""
    data = data.rstrip(b"\x00") if b"<\x00" not in data[:8] and b"\x00<" not in data[:8] else data
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace"), encoding
    if data[:1] == b"<" and data[1:2] == b"\x00":
        return data.decode("utf-16-le", "replace"), "utf-16-le"
    if data[:2] == b"\x00<":
        return data.decode("utf-16-be", "replace"), "utf-16-be"
    declared = _DECLARED.search(data, 0, _BEFORE)
    for encoding in (declared[1].decode() if declared else "utf-8", "utf-8"):
        try:
            name = codecs.lookup(encoding).name
            if name in _ENCODINGS and not name.startswith("utf-16"):  # or the declaration could not have been read
                return data.decode(name), name
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("latin-1"), "latin-1"


def _said(error: expat.ExpatError) -> str:
    return f"it is no XML: {expat.ErrorString(error.code)} in line {error.lineno}, column {error.offset + 1}"


def mended(text: str) -> str:
    """Ampersands that begin no reference escaped, but in CDATA where they mean themselves; no control characters."""
    text = _FORBIDDEN.sub("", text)
    pieces: list[str] = []
    place = 0
    while True:
        opened = text.find("<![CDATA[", place)
        closed = text.find("]]>", opened) if opened >= 0 else -1
        if closed < 0:
            pieces.append(_NO_REFERENCE.sub("&amp;", text[place:]))
            return "".join(pieces)
        pieces += (_NO_REFERENCE.sub("&amp;", text[place:opened]), text[opened:closed])
        place = closed


def _documents(data: bytes) -> list[dict[str, object]]:
    """Documents one after the other. What cannot be read after the first is left; raises ExpatError, NotXml."""
    found: list[dict[str, object]] = []
    left = MOST_ELEMENTS
    view = memoryview(data)
    while len(found) < MOST_DOCUMENTS:
        builder = Builder(left)
        try:
            place = builder.parse(view)
        except expat.ExpatError:
            if not found:
                raise
            break
        assert builder.document is not None
        found.append(builder.document)
        left = builder.left
        begins = data.find(b"<", len(data) - len(view) + place)
        if begins < 0:
            break
        view = memoryview(data)[begins:]
    return found


class Builder:
    """One document. Subclass or wrap for other uses; ``left`` counts down the elements that may still come."""

    def __init__(self, left: int) -> None:
        self.document: dict[str, object] | None = None
        self.left = left
        self._open: list[tuple[str, dict[str, object], list[str]]] = []
        parser = expat.ParserCreate("utf-8")  # what the document declares is done with: the bytes are UTF-8
        parser.buffer_text = True
        parser.buffer_size = 65536
        parser.ordered_attributes = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = refuse
        parser.EntityDeclHandler = refuse
        self.parser = parser

    def parse(self, data: memoryview) -> int:
        """Read one document; gives the number of bytes it has. Raises ExpatError, NotXml."""
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError:
            if self.document is None:
                raise
            return self.parser.ErrorByteIndex
        return len(data)

    def start(self, name: str, attributes: Sequence[str]) -> None:
        self.left -= 1 + len(attributes) // 2
        if self.left < 0:
            raise NotXml(f"it is XML of more than {MOST_ELEMENTS} elements and attributes")
        if len(self._open) >= DEEPEST:
            raise NotXml(f"it is nested more than {DEEPEST} levels deep")
        made: dict[str, object] = {}
        if not self._open:
            made[ROOT] = _local(name)
        for place in range(0, len(attributes), 2):
            key = attributes[place]
            if key != "xmlns" and not key.startswith("xmlns:"):
                made["@" + _local(key)] = attributes[place + 1]
        self._open.append((_local(name), made, []))

    def text(self, text: str) -> None:
        if self._open:
            self._open[-1][2].append(text)

    def end(self, _: str) -> None:
        name, made, pieces = self._open.pop()
        text = "".join(pieces).strip()
        value: object = made
        if not made:
            value = text
        elif text:
            made[TEXT] = text
        if not self._open:
            self.document = made
            return
        above = self._open[-1][1]
        before = above.get(name)
        if before is None:
            above[name] = value
        elif type(before) is list:
            before.append(value)
        else:
            above[name] = [before, value]


def _local(name: str) -> str:
    return name.rpartition(":")[2] or name


def refuse(*_: object) -> None:
    """What a handler for declarations does. Raises NotXml."""
    raise NotXml("it is XML with a DOCTYPE, which no device needs and which is never read")
