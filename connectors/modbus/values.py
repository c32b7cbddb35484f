"""Registers as numbers. Pure.

A register is 16 bits, the more significant byte first (MODBUS Application Protocol V1.1b3, 4.2). How a device lays a
longer number over several registers is its own business: ``word_order`` says which register comes first, ``byte_order``
whether the two bytes of each are swapped besides.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Literal, TypeAlias

Written: TypeAlias = Literal[
    "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"
]  # fmt: skip
Order: TypeAlias = Literal["big", "little"]

_FORMATS = {
    "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q",
    "float32": ">f", "float64": ">d",
}  # fmt: skip


def registers_of(written: Written) -> int:
    """How many registers a number takes: 1, 2 or 4."""
    return struct.calcsize(_FORMATS[written]) // 2


def bits_of(written: Written) -> int:
    return registers_of(written) * 16


def number(registers: Sequence[int], written: Written, word_order: Order, byte_order: Order) -> int | float:
    """The number in these registers; there are as many as it takes."""
    words = registers if word_order == "big" else registers[::-1]
    raw = b"".join([each.to_bytes(2, byte_order) for each in words])
    value: int | float = struct.unpack(_FORMATS[written], raw)[0]
    return value


def scaled(value: int | float, scale: float, offset: float) -> int | float:
    """``value × scale + offset``, without the digits that binary fractions add."""
    if scale == 1.0 and not offset:
        return value
    return float(f"{value * scale + offset:.10g}")


def is_number(value: int | float) -> bool:
    return math.isfinite(value)
