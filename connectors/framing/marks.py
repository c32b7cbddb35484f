"""Bytes as people write them in YAML: ``'\x02'``, ``'\r\n'``, ``END``, or ``hex:0D 0A``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

LONGEST = 64

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.?))", re.DOTALL)
_NAMED = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
# Not 0x0D0A: without quotes that is a number in YAML.
_HEX = re.compile(r"hex:\s*((?:[0-9A-Fa-f]{2}\s*)+)")


def read(text: object, most: int = LONGEST) -> bytes:
    """The bytes this text means; raises ValueError with what to write instead."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str) or not text:
        raise ValueError("write the bytes as text, with escapes like '\\x02', or as hex:02")
    digits = _HEX.fullmatch(text)
    said = bytes.fromhex(digits[1]) if digits else _unescaped(text)
    if len(said) > most:
        raise ValueError(f"this may be {most} bytes at most")
    return said


def _unescaped(text: str) -> bytes:
    found = b""
    at = 0
    for escape in _ESCAPE.finditer(text):
        found += text[at : escape.start()].encode("utf-8")
        at = escape.end()
        if escape[1]:
            found += bytes.fromhex(escape[1])
        elif escape[2] in _NAMED:
            found += _NAMED[escape[2]]
        else:
            raise ValueError(f"{escape[0]} is no escape: there are \\xHH, \\r, \\n, \\t, \\0 and \\\\")
    return found + text[at:].encode("utf-8")


def written(said: bytes) -> str:
    """Text that ``read`` makes these bytes of."""
    if said.startswith(b"hex:"):
        return f"hex:{said.hex()}"
    return "".join(chr(each) if 0x20 < each < 0x7F and each != 0x5C else f"\\x{each:02x}" for each in said)


Mark = Annotated[
    bytes,
    PlainValidator(lambda text: read(text)),
    PlainSerializer(written, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1, "examples": ["\\x02", "\\r\\n", "hex:0D0A"]}),
]
