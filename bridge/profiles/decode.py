"""Bytes → documents: JSON as devices write it, wherever it stands in a message.

The quick way is msgspec over the whole body. What it refuses is read again leniently: a byte order mark, NUL bytes or
commas around objects, several objects with nothing between, bytes that are no UTF-8 (taken as latin-1), raw control
characters in texts, NaN (null), numbers beyond a double (kept as text), halves of surrogate pairs (U+FFFD), and where
the profile says so texts in single quotes (the printed LPV heartbeat, reference source-cammra-lpr section 6).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

import msgspec

from bridge.model import Message, Part
from bridge.profiles.pictures import picture_type

MOST_ITEMS = 1000
DEEPEST = 64
MOST_VALUES = 50_000
"""Values in all documents of a message. Measured: 8 MB of empty lists would take 4.7 s to decode and walk, as many of
them as are allowed 30 ms."""
MOST_ENCODED = 20_000
"""Percent signs of a form. Measured: these take 14 ms."""
MOST_MENDED = 200_000
"""Escapes and control characters in bytes that are read leniently. 8 MB of them would take 130 ms, these 20 ms; 8 MB of
base64 with escaped slashes have 131,000."""
LONGEST_LITERAL = 65536
"""Characters that are read with single quotes; nobody prints pictures like that."""

_SPACE = b" \t\r\n\x00\xef\xbb\xbf"
_BETWEEN = re.compile("[ \t\r\n\x00,\ufeff]*")
_LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?|[^'"]+""", re.DOTALL)  # linear: never goes back
_WORDS = re.compile(r"\b(?:True|False|None)\b")
_MENDED = bytes(range(32)) + b"\\"
_HALF = re.compile("[\ud800-\udfff]")

decode = msgspec.json.Decoder().decode
"""The quick way: the value of clean JSON; raises ValueError (DecodeError, UnicodeDecodeError) or RecursionError."""


class Unreadable(Exception):
    """These bytes hold no document; the message says why."""


def texts(message: Message) -> list[bytes]:
    """Where documents are: the body, or every part (or form field) that begins like JSON. Raises Unreadable."""
    if message.parts:
        found = [part.data for part in message.parts if is_json(part.data)]
        if not found:
            raise Unreadable(f"none of its {len(message.parts)} parts holds JSON: {_names(message.parts)}")
        return found
    body = message.body
    if is_json(body):
        return [body]
    if not body.strip(_SPACE):
        raise Unreadable("it is empty")
    kind = picture_type(body)
    if kind is not None:
        raise Unreadable(f"it is a picture ({kind}) without any data")
    found = [value.encode() for _, value in fields(body) if is_json(value[:256].encode())]
    if not found:
        raise Unreadable(f"it is no JSON: it begins {_shown(body)}")
    return found


def read(data: bytes, literal: bool) -> tuple[list[object], str]:
    """Every document in the bytes, and what is wrong with the rest ("" when nothing is)."""
    try:
        return [decode(data)], ""
    except (ValueError, RecursionError):
        return lenient(data, literal)


def lenient(data: bytes, literal: bool) -> tuple[list[object], str]:
    """``read`` for bytes that ``decode`` has refused."""
    if len(data) > MOST_MENDED and len(data) - len(data.translate(None, _MENDED)) > MOST_MENDED:
        return [], f"it is no clean JSON, and has more than {MOST_MENDED} escapes and control characters"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    found, wrong = _scan(text)
    if literal and not found and "'" in text and len(text) <= LONGEST_LITERAL:
        found_literal, still_wrong = _scan(_as_json(text))
        if found_literal:
            found, wrong = found_literal, still_wrong
    if re.search(r"\\u[dD][89a-fA-F]", text):
        found = [_without_halves(value) for value in found]
    return found, wrong


def too_many(data: bytes) -> bool:
    """Whether the bytes could hold more than ``MOST_VALUES`` values."""
    return len(data) > MOST_VALUES and values_in(data) > MOST_VALUES


def values_in(data: bytes) -> int:
    """How many values the bytes could hold: what begins or follows one is counted."""
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def too_deep(value: object, levels: int = DEEPEST) -> bool:
    """Whether maps and lists stand in each other more than so many levels deep."""
    level: list[object] = [value]
    for _ in range(levels):
        below: list[object] = []
        for each in level:
            if type(each) is dict:
                below += [inner for inner in each.values() if type(inner) is dict or type(inner) is list]
            elif type(each) is list:
                below += [inner for inner in each if type(inner) is dict or type(inner) is list]
        if not below:
            return False
        level = below
    return True


def encode(document: object) -> bytes:
    """Compact JSON."""
    return msgspec.json.encode(document)


def is_json(data: bytes) -> bool:
    return data[:256].lstrip(_SPACE)[:1] in (b"{", b"[")


def fields(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form (``application/x-www-form-urlencoded``); empty when it is none."""
    if b"=" not in body[:256] or body.count(b"%") > MOST_ENCODED:
        return []
    try:
        return parse_qsl(body.decode("utf-8", "replace"), max_num_fields=100)
    except ValueError:
        return []


def _names(parts: Sequence[Part]) -> str:
    return ", ".join(f"{part.name or part.filename or 'unnamed'} ({part.content_type})" for part in parts[:5])


def _shown(body: bytes) -> str:
    return repr(body[:24].decode("latin-1"))


# ------------------------------------------------------------------------------------------------ the lenient reader


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


_reader = json.JSONDecoder(strict=False, parse_float=_number, parse_constant=lambda _: None)


def _scan(text: str) -> tuple[list[object], str]:
    """Documents one after the other; stops at the first place that is none."""
    found: list[object] = []
    place, end = 0, len(text)
    while True:
        place = _BETWEEN.match(text, place).end()  # type: ignore[union-attr]  # it matches nothing too
        if place >= end:
            return found, ""
        if len(found) > MOST_ITEMS:
            return found, ""
        try:
            value, place = _reader.raw_decode(text, place)
        except json.JSONDecodeError as error:
            return found, f"it is no JSON from character {error.pos + 1} on: {error.msg}"
        except ValueError as error:
            return found, f"it is no JSON: {error}"
        except RecursionError:
            return found, f"it is nested more than {DEEPEST} levels deep"
        found.append(value)


def _as_json(text: str) -> str:
    """A Python-like literal as JSON: texts in double quotes; True, False, None in small letters."""
    return "".join(_piece(match[0]) for match in _LITERAL.finditer(text))


def _piece(text: str) -> str:
    if text[0] == "'" and len(text) > 1 and text[-1] == "'":
        inside = text[1:-1].replace("\\'", "'")
        return '"' + re.sub(r'(?<!\\)"', '\\"', inside) + '"'
    if text[0] in "'\"":
        return text
    return _WORDS.sub(lambda word: {"True": "true", "False": "false"}.get(word[0], "null"), text)


def _without_halves(value: object) -> object:
    """Half a surrogate pair is no character: no encoder takes it."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_halves(each) for each in value]
    if isinstance(value, dict):
        return {_HALF.sub("\ufffd", key): _without_halves(each) for key, each in value.items()}
    return value
