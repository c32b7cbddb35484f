"""Masking by path in what is no JSON, so that it is read afterwards as it would have been read before."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from xml.parsers import expat

from bridge.profiles import lines, xml
from bridge.profiles.patterns import Pattern

MASK = "(masked)"
MOST_URLS = 20_000
Path = tuple[str, ...]

_USER = re.compile(rb"""(:(?:\\{0,8}/){2})(?:[^\s"'<>/?#\\]|\\(?!/))*@""")
_USER_OF_FORM = re.compile(rb"""(%3A%2F%2F)(?:[^\s"'<>/?#&%]|%(?!2F|3F|40|26))*%40""", re.IGNORECASE)
_TAG = re.compile(rb"""<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*+\s*/?>""")
_ATTRIBUTE = re.compile(rb"""\s(?:[^\s=:]+:)?([^\s=:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def without_users(data: bytes) -> bytes:
    """The bytes with user and password of every URL masked, ``rtsp://(masked)@10.0.0.1/``; signs may be escaped.

    Not where there could be more than ``MOST_URLS``, which no device sends.
    """
    if b"@" in data and 0 < data.count(b"//") + data.count(b"/\\") <= MOST_URLS:
        data = _USER.sub(rb"\1" + MASK.encode() + b"@", data)
    if b"%40" in data and data.count(b"%") <= MOST_URLS:
        data = _USER_OF_FORM.sub(rb"\1" + MASK.encode() + b"%40", data)
    return data


def _replaced(data: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    pieces: list[bytes] = []
    place = 0
    for start, end in sorted(spans):
        if start >= place:
            pieces += (data[place:start], MASK.encode())
            place = end
    return b"".join((*pieces, data[place:]))


# ------------------------------------------------------------------------------------------------------------------ XML


def in_xml(data: bytes, paths: Sequence[Path]) -> bytes | None:
    """The document with the elements and attributes at ``paths`` masked; None when it cannot be read."""
    if len(data) > xml.LONGEST:
        return None
    text, encoding = xml.decoded(data)
    begins = xml.root_of(text)
    if begins is None or xml.are_many(text):
        return None
    plain = {tuple(key for key in path if key not in ("[]", xml.TEXT)) for path in paths}
    before, text = text[:begins], text[begins:]
    for tried in (text, xml.mended(text)):
        encoded = tried.encode("utf-8", "replace")
        try:
            spans = _Places(plain).read(encoded)
        except (expat.ExpatError, xml.NotXml):
            continue
        if not spans:
            return data
        changed = before + _replaced(encoded, spans).decode("utf-8")
        mark = "\ufeff" if encoding.startswith("utf-16") else ""
        return (mark + changed).encode(encoding, "xmlcharrefreplace")
    return None


class _Places:
    """Where the wanted elements' contents and attributes stand, in bytes of UTF-8, in all documents of a message."""

    def __init__(self, wanted: set[Path]) -> None:
        self._wanted = wanted
        self._names = {path[-1][1:] for path in wanted if path[-1].startswith("@")}
        self._spans: list[tuple[int, int]] = []
        self._open: list[str] = []
        self._begun: list[tuple[int, int]] = []
        self._data = b""
        self._from = 0

    def read(self, data: bytes) -> list[tuple[int, int]]:
        self._data = data
        for _ in range(xml.MOST_DOCUMENTS):
            self._parser = parser = expat.ParserCreate("utf-8")
            parser.buffer_text = True
            parser.ordered_attributes = True
            parser.StartElementHandler = self._start
            parser.EndElementHandler = self._end
            parser.StartDoctypeDeclHandler = xml.refuse
            self._left, self._closed = xml.MOST_ELEMENTS, False
            try:
                parser.Parse(memoryview(data)[self._from :], True)
            except expat.ExpatError:
                if not self._closed:
                    raise
            else:
                break
            self._from = data.find(b"<", self._from + parser.ErrorByteIndex)
            if self._from < 0:
                break
        return self._spans

    def _start(self, name: str, attributes: Sequence[str]) -> None:
        self._left -= 1
        if self._left < 0 or len(self._open) > xml.DEEPEST:
            raise xml.NotXml("too much")
        self._open.append(name.rpartition(":")[2])
        path = tuple(self._open[1:])
        is_wanted = path in self._wanted
        has_wanted = attributes and self._names
        if not is_wanted and not has_wanted:
            return
        place = self._from + self._parser.CurrentByteIndex
        tag = _TAG.match(self._data, place)
        if tag is None:
            raise xml.NotXml("a tag that cannot be found again")
        if is_wanted:
            self._begun.append((len(self._open), tag.end()))
        for found in _ATTRIBUTE.finditer(self._data, place, tag.end()) if has_wanted else ():
            if (*path, "@" + found[1].decode("utf-8", "replace")) in self._wanted:
                self._spans.append(found.span(2) if found[2] is not None else found.span(3))

    def _end(self, _: str) -> None:
        if self._begun and self._begun[-1][0] == len(self._open):
            start, end = self._begun.pop()[1], self._from + self._parser.CurrentByteIndex
            if start < end:
                self._spans.append((start, end))
        self._open.pop()
        self._closed = not self._open


# ---------------------------------------------------------------------------------------------------- lines and regexes


def in_lines(data: bytes, paths: Sequence[Path]) -> bytes | None:
    """The lines with the values of names that begin with one of ``paths`` masked; None when there are no such lines."""
    if len(data) > lines.LONGEST or not lines.are_few(data):
        return None
    found = False
    made: list[bytes] = []
    for line in re.split(rb"(\r\n|\n|\r)", data):
        name, sign, _ = line.partition(b"=")
        found = found or bool(sign)
        steps = lines.steps_of(lines.decoded(name).strip()) if sign else ()
        told = tuple("[]" if isinstance(step, int) else step for step in steps)
        made.append(name + sign + MASK.encode() if any(told[: len(path)] == path for path in paths) else line)
    return b"".join(made) if found else None


def in_groups(
    data: bytes, pattern: Pattern, each_line: bool, mask: Callable[[str, bytes], bytes | None]
) -> bytes | None:
    """The text with its named groups masked as ``mask`` says (None leaves a group); None when it does not match.

    What is put there is such that the pattern matches again, when that can be: (masked), or as many *, 0, X or x.
    """
    if len(data) > lines.LONGEST or (each_line and not lines.are_few(data)):
        return None
    text = lines.decoded(data.strip(b"\r\n\x00")).encode("utf-8")
    pieces = re.split(rb"(\r\n|\n|\r)", text) if each_line else [text]
    matched = False
    for index, piece in enumerate(pieces):
        spans = pattern.spans(piece.strip())
        matched = matched or bool(spans)
        changed = piece.strip()
        for name, (start, end) in sorted(spans.items(), key=lambda each: -each[1][0]):
            value = changed[start:end]
            hidden = mask(name, value)
            if hidden is None or hidden == value:
                continue
            tries = (hidden, *(sign * len(value) for sign in (b"*", b"0", b"X", b"x")))
            made = [changed[:start] + each + changed[end:] for each in tries]
            changed = next((each for each in made if pattern.spans(each)), made[0])
        if changed != piece.strip():
            pieces[index] = changed
    return b"".join(pieces) if matched else None
