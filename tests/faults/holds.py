"""Holds, debounces and ends at work, in a process of its own: ``python -m tests.faults.holds FOLDER``.

Cars are held for a better message, doors have to last, and a leak ends by itself; time is moved by hand. What the world
was told is written into ``FOLDER/acknowledged``: ``kept MESSAGE`` once a sender has its receipt.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bridge.decide.rules import Debounce, Rule
from bridge.intake import Intake
from bridge.journal.sqlite import SqliteJournal
from bridge.model import SensorId, SiteId
from bridge.profiles.expression import compile_expression
from bridge.supervision import Conditions
from tests.intake.conftest import HandClock, message, site_with_words

RULES: tuple[Rule, ...] = (Debounce("debounce", 1.5, when=compile_expression('event.fields.how == "slow"', {"event"})),)
CAMERAS = ("gate-in", "gate-wide")
SENSOR = SensorId("gate-lpr")
SITE = site_with_words(CAMERAS, RULES)
ROUNDS = 8
CHECKPOINT = 30


def said_in(number: int) -> list[Sequence[dict[str, object]]]:
    """What is said in a round; half a second passes after each."""
    car: dict[str, object] = {"thing": f"car {number}", "hold": 1.5, "plate": f"plate {number}"}
    door: dict[str, object] = {"door": f"{number}", "state": "active", "how": "slow"}
    leak: dict[str, object] = {"door": f"leak {number}", "state": "active", "how": "", "ends": 1.0, "alarm": True}
    over: list[dict[str, object]] = [{"door": f"{number}", "state": "restored"}] if number % 3 == 0 else []
    return [[car, door], [{**car, "plate": f"better {number}"}, leak], [door, *over], []]


async def opened(folder: Path, clock: HandClock) -> tuple[SqliteJournal, Intake]:
    journal = await SqliteJournal.open(
        folder / "journal",
        site=SiteId("depot"),
        node="here",
        clock=clock,
        settings=SITE.journal,
        checkpoint_pages=CHECKPOINT,
    )
    return journal, Intake(SITE, journal, clock, Conditions(clock))


async def work(folder: Path) -> None:
    told = os.open(folder / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    clock = HandClock()
    _, intake = await opened(folder, clock)
    for number in range(ROUNDS):
        async with asyncio.timeout(20):
            for together in said_in(number):
                receipts = await asyncio.gather(*(intake.submit(message(clock, **each)) for each in together))
                for receipt in receipts:
                    assert receipt.kept
                    os.write(told, f"kept {receipt.message}\n".encode())
                clock.seconds += 0.5
                await intake.fire_due()
    os._exit(0)  # no closing: the cut comes before it


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
