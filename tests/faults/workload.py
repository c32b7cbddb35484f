"""A journal at work, in a process of its own: ``python -m tests.faults.workload FOLDER``.

It says what has been acknowledged by writing lines into ``FOLDER/acknowledged``: ``kept ID``, ``begun EVENT CAMERA``,
``settled EVENT CAMERA``. What it commits is the same in every run, so that the test knows what must be there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.clock import SystemClock
from bridge.journal.contract import LaneHead
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Decision, Delivered, Instant, Position, SensorId, StateChange, StateKey, Urgency
from tests.journal.making import SITE, VMS, decision, message_id, now

START = datetime(2026, 3, 1, 23, 59, 50, tzinfo=UTC)
CAMERAS = ("gate-in", "gate-wide")
ROUNDS, AT_ONCE = 14, 3
CHECKPOINT = 40
UNMERGED = 12  # so that facts are merged, too


def decisions() -> list[Decision]:
    """Over midnight, so that a second day folder is made; every other one with pictures, some restating a fact."""
    made = []
    for number in range(ROUNDS * AT_ONCE):
        at = Instant(START + timedelta(seconds=number * 0.5), float(number))
        sensor = f"sensor-{number % 4}"
        fact = StateChange(StateKey(SensorId(sensor), "dedup", f"key-{number % 7}"), b"%d" % number, 4e9)
        timer = StateChange(StateKey(SensorId(sensor), "collapse", f"{number}"), b"held", 4e9, 30.0)
        made.append(
            decision(
                sensor=sensor,
                cameras=CAMERAS,
                urgency=Urgency.ALARM if number % 5 == 0 else Urgency.NOTICE,
                body=b"body %d " % number * 200,
                pictures=tuple(b"picture %d " % (number + each) * 500 for each in range(number % 3)),
                changes=(fact, timer),
                position=Position("log", str(number)),
                at=at,
                id=message_id(at, number),
            )
        )
    return made


async def work(folder: Path) -> None:
    said = os.open(folder / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(what: str) -> None:
        os.write(said, f"{what}\n".encode())

    journal = await SqliteJournal.open(
        folder / "journal", site=SITE, node="here", clock=SystemClock(), checkpoint_pages=CHECKPOINT, unmerged=UNMERGED
    )

    async def keep(each: Decision) -> None:
        await journal.commit(each)
        assert each.message is not None
        say(f"kept {each.message.id}")

    async def deliver() -> None:
        heads = await journal.claim(journal.lease, VMS, Urgency.NOTICE, now(), 2)
        await asyncio.gather(*(settle(head) for head in heads))

    async def settle(head: LaneHead | None) -> None:
        for _ in range(2):
            if head is None:
                return
            place = f"{head.delivery.event.id} {head.delivery.camera}"
            say(f"begun {place}")
            head = await journal.settle(head, Delivered(f"remote {place}"), now(), True)
            say(f"settled {place}")

    work = decisions()
    for number in range(ROUNDS):
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            group.create_task(deliver())
            for each in work[number * AT_ONCE : (number + 1) * AT_ONCE]:
                group.create_task(keep(each))
    os._exit(0)  # no closing: the cut comes before it


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
