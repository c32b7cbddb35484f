"""Simulated VisualCortex, OvenMediaEngine and OMNI say what the real ones do, and the ledger knows what they said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import pytest

from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.issued import Log
from bridge.simulator.omni import SimulatedOmni
from bridge.simulator.omni.scene import Scene, SceneSettings
from bridge.simulator.ovenmediaengine import (
    LIFE,
    OvenMediaEngine,
    OvenMediaEngineSettings,
    document,
    signed,
)
from bridge.simulator.visualcortex import VisualCortex, VisualCortexSettings, event

BOUND = 20.0


class Receiver(AbstractAsyncContextManager["Receiver"]):
    """Takes what is posted; ``answers`` in turn, then 200. ``seen`` is told each request."""

    def __init__(self, *answers: int, seen: Callable[[int], None] = lambda _: None) -> None:
        self.asked: list[Asked] = []
        self._answers = list(answers)
        self._seen = seen
        self._server = HttpServer(self._respond)

    def _respond(self, asked: Asked, connection: Connection) -> None:
        self.asked.append(asked)
        self._seen(len(self.asked))
        status = self._answers.pop(0) if self._answers else 200
        connection.answer(Answer(status, b"{}"))

    async def __aenter__(self) -> Receiver:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    @property
    def port(self) -> int:
        return self._server.port


async def played(device: VisualCortex | OvenMediaEngine | Scene, stop: asyncio.Event) -> None:
    async with asyncio.timeout(BOUND):
        await device.run(stop, 5.0)


# ------------------------------------------------------------------------------------------------------- VisualCortex


def test_an_element_has_the_keys_of_the_published_samples() -> None:
    element, expect = event("48f73949-01be-44c5-b4f7-ae2c1ad20001", 1, 1767603603.127)
    assert element == {
        "type": "event",
        "payload": {
            "entity_id": "48f73949-01be-44c5-b4f7-ae2c1ad20001",
            "entity_type_cd": "camera",
            "transformation_name": "vc_line_cross",
            "transformation_version": "1.0.0",
            "processing_entity_id": "a58f9979-78ff-4ffd-9923-74e17abb0001",
            "processing_entity_type_cd": "edge_box",
            "event_dttm": "2026-01-05T09:00:03.127Z",
            "data_json": {
                "event_definition_uuid": "65b8a0cb-6c5d-4937-bd0d-e9f269330001",
                "object_uuid": "b9238484-03b6-4f20-ab56-000000000001",
                "label": "bicycle",
                "direction": "exit",
            },
            "created_at": "2026-01-05T09:00:03.177Z",
        },
    }
    assert expect["direction"] == "out"


async def test_batches_hold_several_cameras_records_that_are_no_events_and_come_twice() -> None:
    log, stop = Log(), asyncio.Event()

    def seen(count: int) -> None:
        if count == 8:
            stop.set()

    async with Receiver(seen=seen) as receiver:
        cameras = [(f"vc-{index}", f"camera-{index}") for index in range(3)]
        settings = VisualCortexSettings(
            host="127.0.0.1", port=receiver.port, path="/vc", cameras=cameras, every=0.01, batch=3
        )
        await played(VisualCortex(settings, log), stop)
    bodies = [asked.body for asked in receiver.asked]
    batches = [json.loads(body) for body in bodies]
    assert len(set(bodies)) < len(bodies), "none came twice"
    assert {each["payload"]["entity_id"] for each in batches[0]} == {"camera-0", "camera-1", "camera-2"}
    assert any(each["type"] == "camera" for batch in batches for each in batch)
    assert any(isinstance(each["payload"].get("data_json"), str) for batch in batches for each in batch)
    assert log.issued
    assert all(each.sure for each in log.issued)


# ---------------------------------------------------------------------------------------------------- OvenMediaEngine


def test_the_signature_is_that_of_the_reference() -> None:
    body = b'{"messages":[{"code":"OK","description":"The current status is good"}],"sourceUri":"#default#app/cam1","type":"INGRESS"}'  # noqa: E501
    assert signed(b"1234", body) == "qgEUvVETS30kE00afCmIq-T_I_U"


def test_the_body_is_one_line_with_its_keys_in_order() -> None:
    body = document("#default#app/dock3", datetime(2026, 1, 5, 9, 0, 1, 487000, UTC), ("INGRESS_HAS_BFRAME",))
    assert body.startswith(
        b'{"messages":[{"code":"INGRESS_HAS_BFRAME","description":"There are B-Frames in the ingress stream"}],'
        b'"sourceInfo":{"createdTime":"2026-01-05T09:00:01.487+00:00","name":"dock3","sourceType":"Rtmp",'
        b'"sourceUrl":"TCP://10.20.0.31:10639","tracks":['
    )
    assert body.endswith(b']},"sourceUri":"#default#app/dock3","type":"INGRESS"}')
    assert b"\n" not in body


async def lives(receiver: Receiver, log: Log, stop: asyncio.Event) -> None:
    settings = OvenMediaEngineSettings(
        host="127.0.0.1",
        port=receiver.port,
        path="/ome",
        streams=[("dock", "#default#app/dock")],
        secret="k",
        every=0.01,
    )
    await played(OvenMediaEngine(settings, log), stop)


async def test_a_life_that_has_begun_is_told_to_its_end_and_signed() -> None:
    log, stop = Log(), asyncio.Event()
    async with Receiver(seen=lambda count: stop.set() if count == 2 else None) as receiver:
        await lives(receiver, log, stop)
    assert len(receiver.asked) == len(LIFE)
    for asked in receiver.asked:
        assert asked.headers[b"x-ome-signature"].decode() == signed(b"k", asked.body)
    assert [each.state for each in log.issued] == [
        f"{code} {state}" for notification in LIFE for _, code, state in notification.tells
    ]
    assert all(each.sure for each in log.issued)


async def test_after_a_notification_was_refused_nothing_of_that_life_is_sure_and_it_is_not_sent_again() -> None:
    log, stop = Log(), asyncio.Event()
    async with Receiver(200, 503, seen=lambda count: stop.set() if count == 7 else None) as receiver:
        await lives(receiver, log, stop)
    assert len(receiver.asked) == 2 * len(LIFE)
    first, second = log.issued[: len(log.issued) // 2], log.issued[len(log.issued) // 2 :]
    assert [each.sure for each in first] == [True] + [False] * (len(first) - 1)
    assert all(each.unsure for each in first[1:])
    assert all(each.sure for each in second)


async def test_nobody_there_is_tried_three_times(unused_tcp_port: int) -> None:
    log, stop = Log(), asyncio.Event()
    stop.set()
    settings = OvenMediaEngineSettings(
        host="127.0.0.1",
        port=unused_tcp_port,
        path="/",
        streams=[("dock", "#default#app/dock")],
        secret="k",
        every=0.01,
    )
    await played(OvenMediaEngine(settings, log), stop)
    assert log.issued == []
    stop.clear()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    await played(OvenMediaEngine(settings, log), stop)
    assert {each.attempts for each in log.issued} == {3}
    assert all(each.unsure for each in log.issued)


# --------------------------------------------------------------------------------------------------------------- OMNI


@pytest.mark.parametrize("listening", [True, False])
async def test_what_nobody_heard_has_no_promised_place_and_all_must_arrive(listening: bool) -> None:
    from websockets.asyncio.client import connect

    log, stop = Log(), asyncio.Event()
    async with SimulatedOmni() as omni:
        scene = Scene(SceneSettings(cameras=[("lobby", "camera-1")], every=0.01, hidden_every=5), omni, log)
        running = asyncio.create_task(played(scene, stop))
        if listening:
            async with connect(f"{omni.ws_url}?endpoint_id={omni.endpoint}") as client:
                await omni.listeners(1)
                heard = [json.loads(await client.recv()) for _ in range(12)]
            stop.set()
            names = {each["activity_id"] for each in heard}
            assert names <= {each.name for each in log.issued}
            assert not any(each.name in names for each in log.issued if each.car % 5 == 0)
        else:
            asyncio.get_running_loop().call_later(0.2, stop.set)
        async with asyncio.timeout(BOUND):
            await running
    assert log.issued
    assert all(each.sure for each in log.issued)
    if not listening:
        assert not any(each.ordered for each in log.issued)
