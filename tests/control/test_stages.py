"""Who listens to a part of what passes gets that part, whole, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.control.client import CallFailed, Client
from bridge.control.stages import Sieve, Wanted
from bridge.control.tap import Tap
from bridge.model import (
    Action,
    CameraId,
    ConnectorId,
    Decision,
    Delivered,
    Fate,
    Instant,
    KeptMessage,
    Message,
    MessageId,
    NewDelivery,
    Origin,
    Quarantined,
    SensorId,
    Urgency,
    Verdict,
    VmsId,
)
from tests.control.conftest import AT, Running, event
from tests.control.test_tap import head


def decision(
    sensor: str = "gate-lpr", connector: str = "lpr", camera: str = "gate-in", unknown: bool = False
) -> Decision:
    message = Message(
        connector=ConnectorId(connector), origin=Origin("10.0.0.21", "/gate"), body=b'{"plate": "ABC123"}',
        arrived=Instant(AT, 0.0), content_type="application/json",
    )  # fmt: skip
    raised = event(1, sensor=sensor)
    new = NewDelivery(
        raised.id, 0, CameraId(camera), VmsId("cloud"), SensorId(sensor), Action.RAISE, Urgency.ALARM
    )  # fmt: skip
    verdict = Verdict(0, Fate.RAISED, SensorId(sensor), raised.id)
    if unknown:
        quarantined = (Quarantined(0, "lpr 10.0.0.21", "nobody listens", unknown=True),)
        verdict = Verdict(0, Fate.QUARANTINED, why="nobody listens")
        kept = KeptMessage(id=MessageId("m1"), message=message)
        return Decision(at=message.arrived, message=kept, verdicts=(verdict,), quarantined=quarantined)
    return Decision(
        at=message.arrived, message=KeptMessage(id=MessageId("m1"), message=message), verdicts=(verdict,),
        events=(raised,), deliveries=(new,),
    )  # fmt: skip


def through(wanted: Wanted, *decisions: Decision) -> list[str]:
    sieve = Sieve(wanted, lambda _: (ConnectorId("lpr"),))
    return [str(stage["what"]) for each in decisions for stage in sieve.decided(each)]


def test_a_decision_passes_stage_by_stage_in_the_order_of_the_work() -> None:
    assert through(Wanted(), decision()) == ["message", "item", "event"]
    assert through(Wanted(what="event"), decision()) == ["event"]


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (Wanted(sensor="gate-lpr"), True),
        (Wanted(sensor="gate-*"), True),
        (Wanted(sensor="exit"), False),
        (Wanted(connector="lpr"), True),
        (Wanted(connector="tills"), False),
        (Wanted(camera="gate-*"), True),
        (Wanted(camera="yard"), False),
    ],
)
def test_a_filter_lets_through_what_it_names(wanted: Wanted, passes: bool) -> None:
    assert ("event" in through(wanted, decision())) is passes
    assert ("message" in through(wanted, decision())) is passes
    sieve = Sieve(wanted, lambda _: (ConnectorId("lpr"),))
    assert (sieve.settled(head(), Delivered("1")) is not None) is passes


def test_an_answer_is_of_every_connector_its_sensor_is_heard_by() -> None:
    both = Sieve(Wanted(connector="memory"), lambda _: (ConnectorId("lpr"), ConnectorId("memory")))
    assert both.settled(head(), Delivered("1")) is not None


def test_the_body_of_an_unknown_sender_is_not_shown_as_no_profile_masks_its_secrets() -> None:
    sieve = Sieve(Wanted(what="message"), lambda _: ())
    (known,) = sieve.decided(decision())
    (unknown,) = sieve.decided(decision(unknown=True))
    assert known["body"] == '{"plate": "ABC123"}'
    assert unknown["body"] is None


async def test_the_control_api_takes_the_filter_and_refuses_a_stage_that_is_not_there(control: Running) -> None:
    control.service.site.sensors = {}
    client = Client(control.path)
    lines: Iterator[Any] = await asyncio.to_thread(lambda: client.listen("/tap", what="event", sensor="gate-*"))
    first = asyncio.create_task(asyncio.to_thread(next, lines))
    async with asyncio.timeout(30):
        while not control.tap._listeners:
            await asyncio.sleep(0.01)
    control.tap.decided(decision("exit"))
    control.tap.decided(decision())
    said = await first
    assert (said["what"], said["sensor"]) == ("event", "gate-lpr")
    client.close()
    with Client(control.path) as other, pytest.raises(CallFailed, match="there is no stage 'wire'"):
        await asyncio.to_thread(lambda: list(other.listen("/tap", what="wire")))


async def test_a_listener_that_is_behind_is_bounded_in_bytes_too() -> None:
    tap = Tap()
    with tap.listen(Sieve(Wanted(what="event"), lambda _: ())) as lines:
        (listener,) = tap._listeners
        listener._most_bytes = 2000
        for _ in range(50):
            tap.decided(decision())
        tap.close()
        heard = [json.loads(line) async for line in lines]
    assert heard[-1]["what"] == "dropped"
    assert sum(len(json.dumps(each, separators=(",", ":"))) for each in heard[:-1]) <= 2000
    assert heard[-1]["lines"] + len(heard) - 1 == 50
