"""Watching a service never costs it anything but the lines themselves."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

from bridge.control.client import Client
from bridge.control.tap import Tap
from bridge.journal.contract import LaneHead
from bridge.model import (
    CameraId,
    Decision,
    Delivered,
    Delivery,
    Fate,
    Instant,
    Lane,
    Rejected,
    SensorId,
    Urgency,
    Verdict,
    VmsId,
)
from tests.control.conftest import AT, Running, event


def decision(number: int) -> Decision:
    verdict = Verdict(0, Fate.RAISED, SensorId("gate-lpr"), event(number).id)
    return Decision(at=Instant(AT, 0.0), verdicts=(verdict,), events=(event(number),))


def head() -> LaneHead:
    return LaneHead(
        lane=Lane(SensorId("gate-lpr"), CameraId("gate-in"), Urgency.ALARM),
        delivery=Delivery(event=event(1), camera=CameraId("gate-in"), vms=VmsId("cloud")),
        ambiguous=False,
        begun_at=datetime.now(UTC),
        ref=1,
    )


async def test_a_listener_hears_decisions_and_outcomes_from_now_on(control: Running) -> None:
    tap = control.tap
    tap.decided(decision(1))  # nobody listens yet
    client = Client(control.path)
    lines = await asyncio.to_thread(client.listen, "/tap")
    tap.decided(decision(2))
    tap.settled(head(), Delivered("4711"))
    tap.settled(head(), Rejected("400"))
    said = await asyncio.to_thread(next, lines)
    assert (said["what"], said["events"][0]["id"]) == ("decided", "e2")  # type: ignore[index]
    said = await asyncio.to_thread(next, lines)
    assert (said["what"], said["outcome"], said["remote_id"]) == ("settled", "delivered", "4711")
    said = await asyncio.to_thread(next, lines)
    assert (said["outcome"], said["why"]) == ("rejected", "400")
    client.close()
    async with asyncio.timeout(30):
        while tap._listeners:  # a listener that leaves is forgotten
            await asyncio.sleep(0.01)


async def test_a_slow_listener_loses_lines_and_is_told_how_many() -> None:
    tap = Tap(lines=3)
    with tap.listen() as lines:
        for number in range(10):
            tap.decided(decision(number))
        tap.close()
        heard = [json.loads(line) async for line in lines]
    assert [line["what"] for line in heard] == ["decided", "decided", "decided", "dropped"]
    assert heard[-1]["lines"] == 7


async def test_the_number_of_listeners_is_bounded() -> None:
    tap = Tap(listeners=1)
    with tap.listen():
        assert tap.full
    assert not tap.full
