"""The Prometheus text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/.

Ours because it is this page: a library would bring a registry, locks around each count and a server of its own.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import TypeAlias

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels: TypeAlias = Mapping[str, str]
Sample: TypeAlias = tuple[Labels, float]


class Histogram:
    """``bounds``: upper bounds of the buckets, ascending, +Inf left out. Not cumulative in memory, so that counting
    is one search and two additions."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Exposition:
    """Families of samples, written in the order they are given. A family without samples is left out."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def counter(self, name: str, about: str, samples: Iterable[Sample]) -> None:
        """``name`` ends in ``_total``."""
        self._family(name, "counter", about, samples)

    def gauge(self, name: str, about: str, samples: Iterable[Sample]) -> None:
        self._family(name, "gauge", about, samples)

    def histogram(self, name: str, about: str, samples: Iterable[tuple[Labels, Histogram]]) -> None:
        lines: list[str] = []
        for labels, histogram in samples:
            seen = 0
            for bound, count in zip((*histogram.bounds, math.inf), histogram.counts, strict=True):
                seen += count
                lines.append(_line(f"{name}_bucket", {**labels, "le": _number(bound)}, seen))
            lines.append(_line(f"{name}_sum", labels, histogram.sum))
            lines.append(_line(f"{name}_count", labels, seen))
        self._write(name, "histogram", about, lines)

    def text(self) -> bytes:
        return "".join(f"{line}\n" for line in self._lines).encode()

    def _family(self, name: str, kind: str, about: str, samples: Iterable[Sample]) -> None:
        self._write(name, kind, about, [_line(name, labels, value) for labels, value in samples])

    def _write(self, name: str, kind: str, about: str, lines: list[str]) -> None:
        if lines:
            help_text = about.replace("\\", r"\\").replace("\n", r"\n")
            self._lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *lines]


def _line(name: str, labels: Labels, value: float) -> str:
    said = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{said}}} {_number(value)}" if said else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
