"""What ``check --online`` and ``selftest`` share: running the probes, and telling people what they found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TypeVar

from bridge.proving.bounded import Threads
from bridge.proving.lines import Grade, Line, Topic, counts
from bridge.proving.report.sections import printable

T = TypeVar("T")

SHOWN = 10
"""Lines that are as they should be, of one topic: more are counted."""


def probing(main: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run to its end; threads that hang (a resolver, a disk) are left behind."""

    async def within() -> T:
        asyncio.get_running_loop().set_default_executor(Threads())
        return await main()

    return asyncio.run(within())


def told(lines: Sequence[Line]) -> list[str]:
    """For people: by topic, what is not right in full, what is right in full or counted."""
    shown: list[str] = []
    for topic in Topic:
        of_it = [line for line in lines if line.topic is topic]
        right = [line for line in of_it if line.grade is Grade.OK]
        many = len(right) > SHOWN
        if of_it:
            shown.append(f"{topic.value}:")
        if many:
            shown.append(f"  ok       {len(right)} times as it should be (--json has each)")
        for line in of_it:
            if line.grade is not Grade.OK or not many:
                shown += _line(line)
    return shown


def _line(line: Line) -> Iterable[str]:
    where = f"  [{printable(line.where)}]" if line.where else ""
    yield f"  {line.grade.value:<7}  {printable(line.what)}{where}"
    if line.remedy and line.grade is not Grade.OK:
        yield f"           -> {printable(line.remedy)}"


def summary(lines: Sequence[Line]) -> str:
    """``2 wrong, 1 warn, 1 unknown, 31 ok``."""
    found = counts(lines)
    order = (Grade.WRONG, Grade.WARN, Grade.UNKNOWN, Grade.OK)
    return ", ".join(
        f"{found[grade.value]} {grade.value}" for grade in order if found[grade.value] or grade is Grade.OK
    )
