"""The points of one unit that are read equally often: their questions, and whose each piece of an answer is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from connectors.backoff import Pace
from connectors.modbus.plan import Apart, Block, blocks
from connectors.modbus.points import Point, Read, Span, Value


class _Place(NamedTuple):
    """Where one value stands: in which block's answer, from where to where."""

    read: Read
    block: int
    first: int
    end: int


class Seen(NamedTuple):
    """A point that was read. ``value``: None when the device says that there is none; ``along``: those read with it."""

    point: Point
    value: Value | None
    along: Mapping[str, Value]


Answers = Sequence[Sequence[int] | None]
"""Of each block in order: what was read; None when it was not."""


class Group:
    """``blocks``: the questions of a round; ``due``: when the next one begins, in monotonic seconds; ``pace``: how long
    after this one."""

    def __init__(self, unit: int, every: float, points: Sequence[Point], due: float) -> None:
        self.unit = unit
        self.every = every
        self.due = due
        self.pace = Pace(every)
        self.blocks: Sequence[Block] = ()
        self._points = points
        self._places: list[tuple[Point, _Place, tuple[tuple[str, _Place], ...]]] = []

    def plan(self, gap: int, most: int, apart: Apart) -> None:
        self.blocks = blocks([span for point in self._points for span in point.spans], gap, most, apart)
        within: dict[Span, int] = {span: index for index, block in enumerate(self.blocks) for span in block.spans}

        def place(read: Read) -> _Place:
            index = within[read.span]
            first = read.span.start - self.blocks[index].start
            return _Place(read, index, first, first + read.span.count)

        self._places = [
            (point, place(point.read), tuple([(name, place(read)) for name, read in point.values.items()]))
            for point in self._points
        ]

    def seen(self, answers: Answers) -> Iterator[Seen]:
        """The points of which something was read."""
        for point, (read, block, first, end), others in self._places:
            answer = answers[block]
            if answer is not None:
                along = {name: value for name, each in others if (value := _value(each, answers)) is not None}
                yield Seen(point, read.value(answer[first:end]), along)


def _value(place: _Place, answers: Answers) -> Value | None:
    answer = answers[place.block]
    return None if answer is None else place.read.value(answer[place.first : place.end])


def groups_of(points: Sequence[Point], usual: float, due: float) -> list[Group]:
    """What is read more often comes first. ``usual``: seconds between two rounds, where a point says nothing else."""
    sorts: dict[tuple[float, int], list[Point]] = {}
    for point in points:
        sorts.setdefault((point.every or usual, point.unit), []).append(point)
    return [Group(unit, every, found, due) for (every, unit), found in sorted(sorts.items(), key=lambda each: each[0])]
