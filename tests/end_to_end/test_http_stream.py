"""The bridge as a process of its own behind an answer that does not end: killed under load, restarted, nothing lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bridge.simulator.secret_files import write_secrets
from bridge.simulator.vxg import SimulatedVxg
from tests.connectors.stream_server import Device, Viewer, part, playing
from tests.end_to_end.bridge_process import ROOT, running, until

KILLS, EVENTS, SEED = 3, 300, 7
SITE = """\
version: 1
site: {{name: Stream yard, timezone: Europe/Prague}}
vms:
  cloud: {{type: vxg, url: "{vms}", allow_http: true}}
cameras:
  gate: {{vms: cloud, id: 4711, token: secret:gate}}
connectors:
  events: {{type: http-stream, url: "{stream}", heartbeat: 5 s, picture_count: picNum}}
sensors:
  door: {{profile: {profile}, connector: events, cameras: [gate]}}
"""
COUNTER = """\
profile: counter
name: Something that counts, and gives no identity that a doubled event could be known by
kind: device
about: For this test.
decode: [json]
messages:
  tick:
    when: {any: [item.number]}
    fields: {number: {from: item.number, as: whole}}
    type: door.opened
    title: "Door, {number}"
"""


def place(folder: Path, vms: SimulatedVxg, device: Device, profile: str) -> None:
    write_secrets(folder / "secrets", {"gate": vms.tokens[4711]})
    (folder / "profiles").mkdir()
    (folder / "profiles" / "counter.yaml").write_text(COUNTER)
    (folder / "site.yaml").write_text(SITE.format(vms=vms.base_url, stream=device.url, profile=profile))


@pytest.mark.shows("connector:http-stream", "kill")
async def test_events_with_ids_are_neither_lost_nor_doubled_when_the_bridge_is_killed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    asked_from: list[int] = []

    async def play(viewer: Viewer) -> None:
        begin = int(viewer.header("Last-Event-ID") or 0)
        asked_from.append(begin)
        await viewer.begin("text/event-stream")
        most = min(EVENTS, EVENTS * len(asked_from) // (KILLS + 1))  # so that none of its lives hears the end of it
        for number in range(begin + 1, most + 1):
            await viewer.say(b'id: %d\ndata: {"number": %d}\n\n' % (number, number))
            if number % 5 == 0:
                await asyncio.sleep(0.01)
        while True:
            await viewer.say(b": still here\n\n")
            await asyncio.sleep(1.0)

    async with SimulatedVxg([4711]) as vms, playing(play) as device:
        place(tmp_path, vms, device, "counter")
        for kill in range(KILLS):
            async with running(tmp_path) as bridge:
                told = len(vms.record)
                await until(lambda kill=kill, told=told: len(asked_from) > kill and len(vms.record) > told, bridge.said)
                await asyncio.sleep(chance.uniform(0.0, 0.15))
                bridge.process.kill()
        async with running(tmp_path) as bridge:
            await until(lambda: len({event.meta["number"] for event in vms.record}) == EVENTS, bridge.said)
            status = await bridge.status()
            assert await bridge.stop() == 0
    numbers = [int(event.meta["number"]) for event in vms.record]
    assert numbers == list(range(1, EVENTS + 1))
    assert {fate: count for fate, count in status["items"].items() if count} == {"raised": EVENTS}
    assert asked_from == sorted(asked_from)
    assert 0 < asked_from[1] < EVENTS, "it was killed in the middle, and went on there"


async def played(folder: Path, profile: str, play: Callable[[Viewer], Awaitable[None]], events: int) -> SimulatedVxg:
    async with SimulatedVxg([4711]) as vms, playing(play) as device:
        place(folder, vms, device, profile)
        async with running(folder) as bridge:
            await until(lambda: len(vms.record) >= events, bridge.said)
            assert await bridge.stop() == 0
    return vms


async def test_a_dahua_stream_becomes_events_on_its_camera(tmp_path: Path) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.begin("multipart/x-mixed-replace; boundary=myboundary")
        for body in (b"Heartbeat", b"Code=AlarmLocal;action=Start;index=1", b"Code=AlarmLocal;action=Stop;index=1"):
            await viewer.say(part(body))
        await viewer.gone()

    vms = await played(tmp_path, "dahua", play, 2)
    shown = [(event.meta["type"], event.meta["state"]) for event in vms.record]
    assert shown == [("input.changed", "active"), ("input.changed", "restored")]


async def test_a_hikvision_stream_becomes_an_event_with_its_pictures(tmp_path: Path) -> None:
    captured = (ROOT / "mappings/profiles/hikvision/stream-anpr-with-pictures.stream").read_bytes()

    async def play(viewer: Viewer) -> None:
        await viewer.say(captured)
        await viewer.gone()

    vms = await played(tmp_path, "hikvision", play, 1)
    (event,) = vms.record
    assert (event.meta["type"], event.meta["plate"]) == ("vehicle.identified", "4AB1234")
