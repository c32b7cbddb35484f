"""Which questions read all the points: neighbours are asked for together, within what protocol and device allow.

A read answers up to 2000 bits or 125 registers (MODBUS Application Protocol V1.1b3, 6.1 to 6.4). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from connectors.modbus.address import BITS, Table
from connectors.modbus.points import Span

Apart = set[tuple[int, Table, int]]
"""(unit, table, address): what begins there is not asked for together with what stands before it."""

MOST_BITS = 2000


class Block(msgspec.Struct, frozen=True):
    """One question: ``count`` from ``start`` on. ``spans``: what is wanted of it, in order."""

    unit: int
    table: Table
    start: int
    count: int
    spans: tuple[Span, ...]

    @property
    def label(self) -> str:
        """``discrete_input 12`` or ``input_register 0 to 9``, as on the wire."""
        last = f" to {self.start + self.count - 1}" if self.count > 1 else ""
        return f"{self.table} {self.start}{last}"


def blocks(spans: Iterable[Span], gap: int, most: int, apart: Apart) -> list[Block]:
    """As few questions as may be. ``gap`` and ``most`` in registers; of bits 16 times as many."""
    found: list[list[Span]] = []
    for span in sorted(set(spans)):
        together = found[-1] if found else None
        if together is None or not _joins(together, span, gap, most) or (span.unit, span.table, span.start) in apart:
            found.append([span])
        else:
            together.append(span)
    return [_block(each) for each in found]


def _joins(together: Sequence[Span], span: Span, gap: int, most: int) -> bool:
    first = together[0]
    if (first.unit, first.table) != (span.unit, span.table):
        return False
    if span.table in BITS:
        gap, most = gap * 16, min(most * 16, MOST_BITS)
    end = max(each.end for each in together)
    return span.start - end <= gap and max(end, span.end) - first.start <= most


def _block(spans: Sequence[Span]) -> Block:
    first = spans[0]
    end = max(each.end for each in spans)
    return Block(first.unit, first.table, first.start, end - first.start, tuple(spans))


def taken_apart(block: Block) -> Apart:
    """Where to part a block that the device refuses as a whole: at its gaps, else in the middle; nowhere when there is
    only one thing in it."""
    found: Apart = set()
    end = block.start
    for span in block.spans:
        if span.start > end:
            found.add((span.unit, span.table, span.start))
        end = max(end, span.end)
    starts = sorted({span.start for span in block.spans} - {block.start})
    # What overlaps cannot be parted: a number and one register of it are read together.
    free = [each for each in starts if all(span.end <= each or span.start >= each for span in block.spans)]
    if not found and free:
        found.add((block.unit, block.table, free[len(free) // 2]))
    return found
