"""The load: unique messages, each sent until it is acknowledged, in order for each sensor."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

import pytest

from bridge.simulator.faults import Fault, Kind
from bridge.simulator.issued import Log
from bridge.simulator.load import Load, LoadSettings, percentiles
from bridge.simulator.readers import Way
from bridge.simulator.webhook import SimulatedWebhook

SENSORS = [f"gate-{number}" for number in range(10)]


def settings(hooks: SimulatedWebhook, **changes: object) -> LoadSettings:
    defaults: dict[str, object] = {"host": "127.0.0.1", "port": hooks.server.port, "sensors": SENSORS, "rate": None}
    return LoadSettings(**(defaults | changes))  # type: ignore[arg-type]


async def run(load: Load, **bounds: float) -> None:
    async with asyncio.timeout(20):
        await load.run(**bounds)  # type: ignore[arg-type]


async def test_every_message_is_a_vehicle_of_its_own_and_all_are_acknowledged() -> None:
    async with SimulatedWebhook() as hooks:
        log = Log()
        await run(Load(settings(hooks, keep_latencies=True), log), messages=203)
        assert len(log.issued) == len(log.acknowledged) == len(hooks.record) == 203
        found = [json.loads(hook.body) for hook in hooks.record]
        assert {each["plateUTF8"] for each in found} == {each.plate for each in log.issued}
        assert len({each["plateUTF8"] for each in found}) == 203
        assert {each["carState"] for each in found} == {"reliable"}
        assert {hook.path for hook in hooks.record} == {f"/s/{sensor}" for sensor in SENSORS}
        assert len(log.latencies) == 203


@pytest.mark.parametrize("kind", [Kind.CUT_AFTER, Kind.UNAVAILABLE])
async def test_a_message_is_sent_again_until_it_is_acknowledged_and_order_is_kept(kind: Kind) -> None:
    async with SimulatedWebhook() as hooks:
        hooks.faults.add(Fault(kind=kind, probability=0.1, seconds=0))
        log = Log()
        await run(Load(settings(hooks, senders=5), log), messages=150)
        assert len(log.acknowledged) == 150
        cars = defaultdict(list)
        for hook in hooks.record:
            cars[hook.path].append(int(json.loads(hook.body)["carID"]))
        for came in cars.values():
            assert list(dict.fromkeys(came)) == list(range(1, 16))
        assert (len(hooks.record) > 150) == (kind is Kind.CUT_AFTER)


async def test_a_rate_is_kept_and_pictures_and_alarms_come_as_asked() -> None:
    async with SimulatedWebhook() as hooks:
        log = Log()
        load = Load(settings(hooks, rate=200.0, way=Way.MULTIPART, picture_bytes=900, alarm_every=5), log)
        await run(load, seconds=0.5)
        assert 90 <= len(log.issued) <= 101
        assert all(len(hook.body) > 900 for hook in hooks.record)
        assert sum(each.alarm for each in log.issued) == sum(b'"block"' in hook.body for hook in hooks.record) > 0
        assert len({each.picture for each in log.issued}) == len(log.issued)


async def test_a_stopped_load_still_gets_its_last_messages_acknowledged() -> None:
    async with SimulatedWebhook() as hooks:
        log = Log()
        load = Load(settings(hooks), log)
        running = asyncio.create_task(run(load))
        while len(log.issued) < 20:
            await asyncio.sleep(0)
        load.stop()
        await running
        assert len(log.acknowledged) == len(log.issued)


def test_percentiles_are_read_from_the_ordered_values() -> None:
    assert percentiles([]) == {}
    assert percentiles([float(value) for value in range(100, 0, -1)]) == {"p50": 51, "p95": 96, "p99": 100, "max": 100}
