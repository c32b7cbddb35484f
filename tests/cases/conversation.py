"""A recorded conversation: what a device and the bridge said to each other, as text that people read and compare.

``#`` begins a comment where a line begins; in hexadecimal also behind the digits. The other lines:

``at 2026-11-21T20:10:00Z``
    First of all: what the site's clock says. It stands still.
``device connects to lpr``, ``device connects to lpr from 127.0.0.2``
    The device opens a connection to the connector of this name, or its datagrams go there.
``bridge connects to broker``
    The connector of this name connects to the device, or asks it, at the port ``${broker}``.
``> GET / HTTP/1.1\\r\\n`` or ``>x 20 02 00 00``
    From the device. Text is in UTF-8 with ``\\r \\n \\t \\0 \\\\ \\xHH``; no line end is meant unless it is written.
``< HTTP/1.1 200 \\r\\n`` or ``<x 40 02 .. **``
    From the bridge, which has to say just that: but for ``\\*`` in text and ``**`` in hexadecimal, which stand for
    anything up to what follows, and ``..``, which is any byte.
``kept 3``
    Wait until the bridge has kept so many messages altogether, where it does not answer.
``wait 5 s``
    The site's clock goes on by so much.
``device hangs up``, ``bridge hangs up``
    The connection ends; or the bridge has to end it.

Lines of one direction are one piece until another line, or an empty one, comes: for datagrams each piece is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from bridge.units import seconds

_HEX = re.compile(r"[0-9a-fA-F]{2}|\.\.|\*\*")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([rnt0\\*]))")
_PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
_LONGEST = 110
"""Characters of a line that is written."""


class Unreadable(ValueError):
    """A conversation, or another file of a case, is none. The message names the line."""


@dataclass(frozen=True)
class Connect:
    """``by_device``: it connects to the connector; else the connector to it. ``source``: from which address."""

    connector: str
    by_device: bool
    source: str = "127.0.0.1"


@dataclass(frozen=True)
class Say:
    """From the device: these bytes, as one piece."""

    data: bytes


@dataclass(frozen=True)
class Hear:
    """From the bridge: what ``pattern`` matches. ``begins``: all that stands before its first gap."""

    pattern: re.Pattern[bytes]
    begins: bytes
    text: str
    line: int


@dataclass(frozen=True)
class Kept:
    messages: int


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class HangUp:
    by_device: bool


Step: TypeAlias = Connect | Say | Hear | Kept | Wait | HangUp


@dataclass(frozen=True)
class Conversation:
    at: datetime
    steps: tuple[Step, ...]


@dataclass
class _Piece:
    """Lines of one direction, one behind the other."""

    spoken: bool
    line: int
    data: list[bytes | None] = field(default_factory=list)
    """One byte, or several; None for anything, b"" for any one byte."""
    texts: list[str] = field(default_factory=list)

    def step(self) -> Say | Hear:
        if self.spoken:
            if not all(self.data):
                raise Unreadable(f"line {self.line}: what the device says has no gaps")
            return Say(b"".join(each or b"" for each in self.data))
        pattern = b"".join(_regex(each) for each in self.data)
        begins = b""
        for each in self.data:
            if not each:
                break
            begins += each
        return Hear(re.compile(pattern, re.DOTALL), begins, "\n".join(self.texts), self.line)


def _regex(piece: bytes | None) -> bytes:
    if piece is None:
        return b".*?"
    return re.escape(piece) if piece else b"."


def read(text: str) -> Conversation:
    """Raises Unreadable."""
    at: datetime | None = None
    steps: list[Step] = []
    piece: _Piece | None = None
    for number, line in enumerate(text.split("\n"), 1):
        try:
            if line.startswith("#"):
                continue
            if line[:1] in ("<", ">"):
                spoken = line[0] == ">"
                if piece is not None and piece.spoken is not spoken:
                    steps.append(piece.step())
                    piece = None
                piece = piece or _Piece(spoken, number)
                piece.data += _in_hex(line[2:]) if line[1:2] == "x" else _in_text(line)
                piece.texts.append(line)
                continue
            if piece is not None:
                steps.append(piece.step())
                piece = None
            words = line.split()
            if not words:
                continue
            if words[0] == "at" and at is None and len(words) == 2:
                at = datetime.fromisoformat(words[1])
                if at.tzinfo is None:
                    raise Unreadable("say the moment with its offset, or with Z")
            else:
                steps.append(_step(words))
        except ValueError as wrong:
            raise Unreadable(f"line {number}: {wrong}") from wrong
    if piece is not None:
        steps.append(piece.step())
    if at is None:
        raise Unreadable("no line says at which moment it was: at 2026-11-21T20:10:00Z")
    return Conversation(at, tuple(steps))


def _step(words: list[str]) -> Step:
    match words:
        case ["device", "connects", "to", connector]:
            return Connect(connector, by_device=True)
        case ["device", "connects", "to", connector, "from", source]:
            return Connect(connector, by_device=True, source=source)
        case ["bridge", "connects", "to", connector]:
            return Connect(connector, by_device=False)
        case ["kept", count]:
            return Kept(int(count))
        case ["wait", *length]:
            return Wait(seconds(" ".join(length)))
        case [("device" | "bridge") as who, "hangs", "up"]:
            return HangUp(who == "device")
    raise Unreadable(f"this says nothing here: {' '.join(words)}")


def _in_hex(text: str) -> Iterator[bytes | None]:
    digits = "".join(text.partition("#")[0].split())
    if _HEX.sub("", digits):
        raise Unreadable(f"these are no hexadecimal digits: {_HEX.sub('', digits)}")
    for each in _HEX.findall(digits):
        yield None if each == "**" else b"" if each == ".." else bytes.fromhex(each)


def _in_text(line: str) -> Iterator[bytes | None]:
    if line[1:2] not in (" ", ""):
        raise Unreadable(f"write {line[0]} and a blank, or {line[0]}x")
    said, end = line[2:].encode(), 0
    for found in _ESCAPE.finditer(said):
        yield from _some(said[end : found.start()])
        if found[2] == b"*":
            if line[0] == ">":
                raise Unreadable("what the device says has no gaps")
            yield None
        else:
            yield bytes.fromhex(found[1].decode()) if found[1] else _PLAIN[found[2]]
        end = found.end()
    if b"\\" in _ESCAPE.sub(b"", said):
        raise Unreadable(r"a \ begins one of \r \n \t \0 \\ \xHH \*")
    yield from _some(said[end:])


def _some(text: bytes) -> Iterator[bytes]:
    if text:
        yield text


# ------------------------------------------------------------------------------------------------------------ writing

_TEXT = re.compile(rb"(?:[\x20-\x7e]|\r\n|[\xc3-\xdf][\x80-\xbf]){6,}")
_CONTROL = re.compile(rb"[^\r\n\t\x20-\x7e]")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NAMES = {"\r": r"\r", "\n": r"\n", "\t": r"\t", "\0": r"\0", "\\": "\\\\"}


def written(mark: str, data: bytes) -> Iterator[str]:
    """The lines of one piece: as text where it is text, else in hexadecimal."""
    if len(_CONTROL.findall(data)) * 20 < len(data):
        yield from _as_text(mark, data)
        return
    end = 0
    for found in _TEXT.finditer(data):
        yield from _as_hex(mark, data[end : found.start()])
        yield from _as_text(mark, found[0])
        end = found.end()
    yield from _as_hex(mark, data[end:])


def _as_hex(mark: str, data: bytes) -> Iterator[str]:
    for start in range(0, len(data), 32):
        yield f"{mark}x {data[start : start + 32].hex(' ')}"


def _as_text(mark: str, data: bytes) -> Iterator[str]:
    """A line for each that it has; where one is too long, several. No blank at an end, which editors take away."""
    for line in _LINE.findall(data.decode(errors="surrogateescape")):
        told = ""
        for each in map(_escaped, line):
            if len(told) >= _LONGEST:
                yield f"{mark} {_whole(told)}"
                told = ""
            told += each
        yield f"{mark} {_whole(told)}"


def _whole(line: str) -> str:
    return line[:-1] + r"\x20" if line.endswith(" ") else line


def _escaped(each: str) -> str:
    if each in _NAMES:
        return _NAMES[each]
    if each.isprintable():
        return each
    return "".join(f"\\x{byte:02x}" for byte in each.encode(errors="surrogateescape"))
