"""Durations and sizes as people write them: ``10 min``, ``500 ms``, ``8 MiB``.

``Duration`` fields hold seconds (float), ``Size`` fields bytes (int); both are used in the settings of every room.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


def _quantity(text: object, units: dict[str, float] | dict[str, int], example: str) -> float:
    found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[2] not in units:
        raise ValueError(f"write a number and a unit ({', '.join(units)}), for example {example}")
    return float(found[1]) * units[found[2]]


def seconds(text: object) -> float:
    """``"500 ms"`` → 0.5; raises ValueError with what to write instead."""
    return _quantity(text, _SECONDS, "10 min")


def size(text: object) -> int:
    """``"8 MiB"`` → 8388608; raises ValueError with what to write instead."""
    return int(_quantity(text, _BYTES, "8 MiB"))


def _seconds_or_number(value: object) -> float:
    return float(value) if isinstance(value, float) else seconds(value)  # a float is a default of our own


def _size_or_number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else size(value)


Duration = Annotated[
    float,
    BeforeValidator(_seconds_or_number),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|min|h|d)$", "examples": ["10 min", "500 ms"]}),
]
Size = Annotated[
    int,
    BeforeValidator(_size_or_number),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*([kMG]?B|[KMGT]iB)$", "examples": ["8 MiB"]}),
]


def said_seconds(value: float) -> str:
    """600.0 → ``"10 min"``: the largest unit that gives a whole number, as one would write it in a setting."""
    unit = next((unit for unit, worth in reversed(_SECONDS.items()) if value >= worth and not value % worth), "s")
    return f"{value / _SECONDS[unit]:g} {unit}"


def said_size(value: int) -> str:
    """8388608 → ``"8 MiB"``."""
    binary = ("GiB", "MiB", "KiB")
    unit = next((unit for unit in binary if value >= _BYTES[unit] and not value % _BYTES[unit]), "B")
    return f"{value / _BYTES[unit]:g} {unit}"
