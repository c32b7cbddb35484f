"""Compressed bodies, within a bound on what they become.

Dahua devices announce ``Content-Encoding: deflate`` on plain text (reference "Other number-plate systems", D2), so what
does not inflate is taken as it is.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from typing import TypeAlias

MOST_MEMBERS = 64
"""A gzip body may be several, one behind the other (RFC 1952 section 2.2); each costs a copy of those behind it."""

_PIECE = 256 * 1024
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_TEXT = re.compile(rb"[\t\r\n -~]{64}|[\t\r\n -~]{1,63}\Z")
_WAYS = {b"gzip": (_GZIP,), b"x-gzip": (_GZIP,), b"deflate": (_ZLIB, _RAW)}
# RFC 9110 section 8.4.1.2: deflate is the zlib format; "some non-conformant implementations" send it without.

Inflated: TypeAlias = bytes | None


class TooLarge(Exception):
    """A body becomes longer than it may."""


async def inflate(body: bytes, coding: bytes, most: int) -> Inflated:
    """What the body holds. None when it is not what its label says, not whole, or of another Content-Encoding.

    Nothing beyond ``most`` bytes and a piece is ever made. Raises TooLarge.
    """
    for way in _WAYS.get(coding.strip().lower(), ()):
        found = await _inflate(body, way, most)
        if found is not None:
            return found
    return None


async def _inflate(body: bytes, way: int, most: int) -> Inflated:
    if way == _RAW and _TEXT.match(body):
        return None  # a few bytes of text can pass for deflate without its frame
    packed = memoryview(body)
    whole = bytearray()
    at = 0
    for _ in range(MOST_MEMBERS):
        stream = zlib.decompressobj(way)
        while not stream.eof:
            given = packed[at : at + _PIECE]
            try:
                piece = stream.decompress(given, _PIECE)
            except zlib.error:
                return None
            at += len(given) - len(stream.unused_data if stream.eof else stream.unconsumed_tail)
            whole += piece
            if len(whole) > most:
                raise TooLarge
            if not stream.eof:
                if not piece and at == len(body):
                    return None  # cut off
                await asyncio.sleep(0)  # other senders' turn
        if way == _RAW and at < len(body):
            return None
        if way != _GZIP or body[at : at + 2] != b"\x1f\x8b":
            return bytes(whole)
        await asyncio.sleep(0)
    return None
