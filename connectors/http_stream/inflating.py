"""A compressed response, piece by piece.

Dahua devices announce ``Content-Encoding: deflate`` on plain text (reference "Other number-plate systems", D2), so what
does not begin as its label says is taken as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PIECE = 256 * 1024
_WAYS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Inflating:
    """``pieces`` of what is read become pieces of what they hold, none longer than 256 KiB."""

    def __init__(self, coding: str) -> None:
        way = _WAYS.get(coding.strip().lower())
        self._stream = None if way is None else zlib.decompressobj(way)
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Raises ValueError for what began well and went on wrong."""
        while data and self._stream is not None:
            try:
                piece = self._stream.decompress(data, _PIECE)
            except zlib.error:
                if self._begun:
                    raise ValueError("what it sends is not what its Content-Encoding says") from None
                self._stream = None
                break
            self._begun = self._begun or bool(piece)
            if piece:
                yield piece
            if self._stream.eof:
                return
            data = self._stream.unconsumed_tail
        if data and self._stream is None:
            yield data
