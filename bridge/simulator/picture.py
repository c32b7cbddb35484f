"""One small valid JPEG, for every picture a simulator sends or serves."""

from __future__ import annotations


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


_START, _END = b"\xff\xd8", b"\xff\xd9"
_TABLES = (
    _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    + _segment(0xDB, b"\0" + b"\1" * 64)
    + _segment(0xC0, b"\x08\0\1\0\1\1\1\x11\0")  # baseline, 8 bit, 1 by 1 pixel, one component
    + _segment(0xC4, b"\x00\1" + b"\0" * 15 + b"\0")  # DC: one code of one bit, for "no difference"
    + _segment(0xC4, b"\x10\1" + b"\0" * 15 + b"\0")  # AC: one code of one bit, for "end of block"
)
_SCAN = _segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x3f"

JPEG = _START + _TABLES + _SCAN + _END
"""One grey pixel (ITU-T T.81, baseline)."""


def picture(number: int, size: int = 0) -> bytes:
    """A JPEG that differs by its comment, so that pictures can be told apart; padded to ``size`` bytes (64 kB most)."""
    comment = f"simulated picture {number} ".encode()
    comment = comment.ljust(min(size - len(JPEG) - 4, 65_000), b".")
    return _START + _segment(0xFE, comment) + _TABLES + _SCAN + _END
