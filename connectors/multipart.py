"""Multipart bodies → parts, from senders that follow RFC 7578 and from those that do not.

A strict parser is tried first. What it refuses goes to a splitter of our own that looks for boundary lines in the raw
bytes, so that lines that end in LF alone, a part without Content-Disposition, a missing last boundary, a preamble and
a wrong or missing boundary parameter still give the same parts. Pure; work is bounded by the size of the body and by
``MOST_PARTS``.

What a part holds is recognised by its first bytes before its label: readers call JPEG pictures "png" and give the same
part different names.
"""

from __future__ import annotations

import re

from multipart import MultipartError, PushMultipartParser, content_disposition_unquote, parse_options_header

from bridge.model import Part

MOST_PARTS = 64
"""A body with more parts is not split."""

_LONGEST_BOUNDARY = 200
_LONGEST_HEADER = 1024
LONGEST_HEADERS = 4 * 1024
_MOST_FALSE_BOUNDARIES = 256
SNIFFED = 8 * 1024

_BOUNDARY_PARAMETER = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^\s;,"]+))', re.IGNORECASE)
BOUNDARY_LINE = re.compile(
    rb"^--([^\r\n]{1,%d}?)[ \t]*\r?\n(?=[A-Za-z][A-Za-z-]*[ \t]*:|\r?\n)" % _LONGEST_BOUNDARY, re.MULTILINE
)
_STARTS_MULTIPART = re.compile(rb"[\r\n]*--[^\r\n]{1,%d}\r?\n[A-Za-z][A-Za-z-]*[ \t]*:" % _LONGEST_BOUNDARY)
REST_OF_LINE = re.compile(rb"[ \t]{0,64}(?:\r?\n|\Z)")
# Possessive, so that a line without an end is not tried in all the ways it could be divided.
HEADER_LINE = re.compile(rb"([A-Za-z][A-Za-z0-9_-]*+)[ \t]*+:([^\r\n]*+)\r?\n")
CONTINUED_LINE = re.compile(rb"([ \t][^\r\n]++)\r?\n")
BLANK_LINE = re.compile(rb"\r?\n")
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*[{\[]")


def split(body: bytes, content_type: str) -> tuple[Part, ...]:
    """The parts of a multipart body, in order, with content types one can trust; never raises.

    ``content_type`` is the body's own, as its sender gave it ("" when it gave none). A body that cannot be split, or
    that has more than ``MOST_PARTS``, comes back as one part that holds all of it.
    """
    declared = declared_boundary(content_type)
    parts = _parse(body, declared) if declared else None
    if parts is None and declared:
        parts = _cut(body, declared)
    if parts is None:
        found = BOUNDARY_LINE.search(body, 0, SNIFFED)
        if found is not None and found[1] != declared:
            parts = _cut(body, found[1])
    if parts is None:
        return (Part(_kind(body, "") or "application/octet-stream", body),)
    return tuple(parts)


def looks_multipart(body: bytes) -> bool:
    """Whether a body whose label says something else, or nothing, begins like a multipart body."""
    return _STARTS_MULTIPART.match(body, 0, SNIFFED) is not None


def declared_boundary(content_type: str) -> bytes:
    """The boundary as a Content-Type says it, without the dashes before it in the body; b"" when it says none."""
    found = _BOUNDARY_PARAMETER.search(content_type)
    boundary = (found[1] or found[2]).encode("latin-1", "replace") if found else b""
    return boundary if len(boundary) <= _LONGEST_BOUNDARY else b""


def _kind(data: bytes, label: str) -> str:
    """The content type by the first bytes, or "" when they tell nothing."""
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:4] == b"\x89PNG":
        return "image/png"
    # Two letters are little proof: "BMW" as a plain field is no picture.
    if data[:2] == b"BM" and (label.startswith("image/") or data[6:10] == b"\0\0\0\0"):
        return "image/bmp"
    return "application/json" if _JSON.match(data) else ""


def part_of(data: bytes, label: str, name: str, filename: str) -> Part:
    """A part with a content type one can trust. ``label``: what its sender says it is."""
    label = label.partition(";")[0].strip().lower()
    kind = _kind(data, label) or label or ("application/octet-stream" if filename else "text/plain")
    return Part(kind, data, name, filename)


# -------------------------------------------------------------------------------------------------- the strict parser


def _parse(body: bytes, boundary: bytes) -> list[Part] | None:
    """The parts by the library, or None when it refuses the body."""
    parser = PushMultipartParser(boundary, strict=True, max_segment_count=MOST_PARTS, max_header_size=_LONGEST_HEADER)
    parts: list[Part] = []
    data: list[bytes] = []
    segment = None
    try:
        for event in parser.parse(body):
            if event is None:
                assert segment is not None
                whole = data[0] if len(data) == 1 else b"".join(data)
                label = segment.header("Content-Type") or ""
                parts.append(part_of(whole, label, segment.name or "", segment.filename or ""))
            elif isinstance(event, bytes | bytearray):
                data.append(bytes(event))
            else:
                segment, data = event, []
        parser.close()
    except MultipartError:
        return None
    return parts or None


# ------------------------------------------------------------------------------------------------- our own splitter


class _Boundaries:
    """Finds the boundary lines of one body."""

    def __init__(self, body: bytes, boundary: bytes) -> None:
        self.body = body
        self.dashes = b"--" + boundary
        self.tries = _MOST_FALSE_BOUNDARIES

    def after(self, start: int) -> tuple[int, int, bool] | None:
        """The next boundary line: where it begins, where what follows it begins, and whether it is the last one."""
        body, dashes = self.body, self.dashes
        while (at := body.find(dashes, start)) >= 0:
            end = at + len(dashes)
            if at == 0 or body[at - 1] == 0x0A:
                if body.startswith(b"--", end):
                    return at, end + 2, True
                if (rest := REST_OF_LINE.match(body, end)) is not None:
                    return at, rest.end(), False
            self.tries -= 1
            if self.tries < 0:  # the boundary's text all over the body: work stays bounded
                return None
            start = end
        return None

    def stands_at(self, at: int) -> bool:
        """Whether data may end here: a boundary line or the end of the body follows."""
        if len(self.body) - at <= 2:
            return not self.body[at:].strip(b"\r\n")
        line = 2 if self.body.startswith(b"\r\n", at) else 1
        return self.body.startswith(b"\n" + self.dashes, at + line - 1)


def _cut(body: bytes, boundary: bytes) -> list[Part] | None:
    """The parts between boundary lines, or None when there are none or too many."""
    boundaries = _Boundaries(body, boundary)
    line = boundaries.after(0)
    if line is None:
        return None
    line_end = b"\r\n" if body[line[1] - 2 : line[1]] == b"\r\n" else b"\n"
    parts: list[Part] = []
    while line is not None and not line[2] and line[1] < len(body):
        if len(parts) == MOST_PARTS:
            return None
        headers, start = headers_at(body, line[1])
        stop = _end_by_length(headers.get("content-length", ""), start, boundaries)
        line = boundaries.after(start if stop is None else stop)
        if stop is None:
            stop = _end_without_boundary(body, start, boundaries.dashes, line_end) if line is None else line[0]
            if line is not None:
                stop = max(start, stop - (2 if line_end == b"\r\n" and body[stop - 2 : stop] == b"\r\n" else 1))
        name, filename = names_in(headers.get("content-disposition", ""))
        parts.append(part_of(body[start:stop], headers.get("content-type", ""), name, filename))
    return parts if parts and boundaries.tries >= 0 else None


def headers_at(body: bytes, start: int) -> tuple[dict[str, str], int]:
    """The header lines that begin here, names in lower case, and where the data begins."""
    headers: dict[str, str] = {}
    last, at, limit = "", start, min(len(body), start + LONGEST_HEADERS)
    while True:
        if (line := HEADER_LINE.match(body, at, limit)) is not None:
            last = line[1].decode("ascii").lower()
            headers[last] = header_text(line[2])
        elif last and (line := CONTINUED_LINE.match(body, at, limit)) is not None:
            headers[last] += " " + header_text(line[1])
        elif (line := BLANK_LINE.match(body, at, limit)) is not None:
            return headers, line.end()
        else:
            return headers, at  # the data follows without a blank line
        at = line.end()


def _end_by_length(length: str, start: int, boundaries: _Boundaries) -> int | None:
    """Where the part's own Content-Length says it ends, if what follows agrees."""
    if not (length.isascii() and length.isdigit() and len(length) <= 12):
        return None
    end = start + int(length)
    return end if end <= len(boundaries.body) and boundaries.stands_at(end) else None


def _end_without_boundary(body: bytes, start: int, dashes: bytes, line_end: bytes) -> int:
    """The end of a last part that no boundary closes: a line end, or what came of the boundary line, is not data."""
    closing = line_end + dashes + b"--"
    begun = body.rfind(line_end, max(start, len(body) - len(closing)))
    return begun if begun >= 0 and closing.startswith(body[begun:]) else len(body)


def names_in(disposition: str) -> tuple[str, str]:
    """The name and the file name in a Content-Disposition, "" where it has none."""
    _, options = parse_options_header(disposition[:_LONGEST_HEADER], unquote=content_disposition_unquote)
    return options.get("name", ""), options.get("filename", "")


def header_text(value: bytes) -> str:
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()
