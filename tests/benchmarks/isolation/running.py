"""Each case: without, beside one, beside many, without, ... in short rounds, so that a pair is of one moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from tests.benchmarks.isolation.cases import Case, cases
from tests.benchmarks.isolation.measuring import SETTLE, Bench, Round, bench, well
from tests.benchmarks.isolation.table import HEAD, Row

MANY = 20
SIDES = 5
"""VMS beside, where many of them are bad."""
ROUNDS, SECONDS = 3, 2.0
BRIEF = 0.2
"""A scale at which it is only seen whether all this runs."""


class Report(Protocol):
    def say(self, name: str, value: float, unit: str, goal: str = "") -> None: ...


async def bench_isolation(report: Report, scale: float, words: Sequence[str] = ()) -> None:
    """The p99 of healthy sensors beside what is dead, mute, slow or mad, to theirs without it, in one run."""
    rows: list[Row] = []
    for case in cases():
        if words and not any(word in (case.way, case.what, case.name) for word in words):
            continue
        if scale < BRIEF and not words and case.what in {row.case.what for row in rows}:
            continue  # one of each kind
        try:
            row = await measured(case, scale)
        except (OSError, RuntimeError, ExceptionGroup) as error:
            print(f"  {case.name}: could not be measured: {error!r}", flush=True)
            continue
        rows.append(row)
        for count in row.beside:
            report.say(f"{case.name} ×{count}: p99", row.ratio(count), "×", f"1; A / A {row.noise():.2f}")
        report.say(f"{case.name}: lost", row.lost, "", "must be 0")
        print(row, flush=True)
    print("\n".join(("", HEAD, *map(str, rows))), flush=True)


async def measured(case: Case, scale: float) -> Row:
    """A row of ``case``; the site names as many VMS as are bad, so there it is a bridge for each number."""
    row = Row(case)
    if case.way == "vms":
        for count in (1, SIDES):
            async with bench(count) as running:
                await _rounds(row, running, case, (count,), scale)
    else:
        async with bench() as running:
            await _rounds(row, running, case, (1, MANY), scale)
    return row


async def _rounds(row: Row, running: Bench, case: Case, counts: Sequence[int], scale: float) -> None:
    seconds = SECONDS if scale > BRIEF else 0.7
    await _beside(running, case, counts[0], seconds)  # what it needs is imported, what is remembered has its size
    row.without.append(await _without(running, seconds))
    for turn in range(max(1, round(ROUNDS * scale))):
        for count in counts[:: -1 if turn % 2 else 1]:
            row.beside.setdefault(count, []).append(await _beside(running, case, count, seconds))
        row.without.append(await _without(running, seconds))


async def _without(running: Bench, seconds: float) -> Round:
    async with well(running):
        await asyncio.sleep(SETTLE)
        return await running.measure(seconds)


async def _beside(running: Bench, case: Case, count: int, seconds: float) -> Round:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running.beside(case, count))
        await asyncio.sleep(SETTLE)
        return await running.measure(seconds)
