"""One simulated VMS as a process of its own, which counts what is raised in it and notes when.

``python -m tests.benchmarks.simulated WAY``. Its first line is ``ready`` and what a site has to say of it, as JSON. At
its control port it answers lines: ``until N S`` (when so many deliveries are whole, or none came for S seconds) and
``arrived`` (plate → monotonic seconds of its first arrival).
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import msgspec
import uvloop

from bridge.simulator.digifort import SimulatedDigifort
from bridge.simulator.frigate import SimulatedFrigate
from bridge.simulator.genetec import SimulatedGenetec
from bridge.simulator.http_server import Asked, Connection, HttpServer
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import BRIDGE_EVENT, Camera
from bridge.simulator.nx import SimulatedNx
from bridge.simulator.until_told import no_end_yet, until_told
from bridge.simulator.vxg import SimulatedVxg
from bridge.simulator.webhook import SimulatedWebhook
from bridge.simulator.zoneminder import SimulatedZoneMinder

CAMERAS = 4
_PLATE = re.compile(rb"P\d{7}")
_FORGOTTEN = 1000
"""Requests a simulator keeps for tests; here they would only fill the memory."""


class Place(msgspec.Struct):
    """What a site says of a VMS. ``vms`` and ``cameras``: as in YAML. ``whole``: in the first line of the HTTP request
    with which a delivery is whole; "" where a line alone makes it so."""

    vms: dict[str, object]
    cameras: list[dict[str, object]]
    secrets: dict[str, str] = {}
    whole: str = ""
    control: int = 0


class Counted:
    """What came. ``arrived``: plate → monotonic seconds."""

    def __init__(self) -> None:
        self.whole: re.Pattern[str] | None = None
        self.deliveries = self.requests = 0
        self.last = 0.0
        self.arrived: dict[bytes, float] = {}
        self.news = asyncio.Event()

    def watch(self, server: HttpServer, kept: list[Asked]) -> None:
        """Every request from now on."""
        respond = server.respond

        def watched(asked: Asked, connection: Connection) -> None:
            self.requests += 1
            self._seen(asked.body or asked.query.encode())
            if self.whole is not None and self.whole.search(f"{asked.method} {asked.path}"):
                self._one_more()
            if len(kept) > _FORGOTTEN:
                kept.clear()
            respond(asked, connection)

        server.respond = watched

    def line(self, line: bytes) -> None:
        self._seen(line)
        if self.whole is None:
            self._one_more()

    def _seen(self, text: bytes) -> None:
        for plate in _PLATE.findall(text):  # ZoneMinder's notes have the events before too
            if plate not in self.arrived:
                self.arrived[plate] = time.monotonic()

    def _one_more(self) -> None:
        self.deliveries += 1
        self.last = time.monotonic()
        self.news.set()

    async def until(self, count: int, quiet: float) -> None:
        while self.deliveries < count:
            self.news.clear()
            try:
                async with asyncio.timeout(quiet):
                    await self.news.wait()
            except TimeoutError:
                return

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = line.decode().split()
            told: object = {each.decode(): at for each, at in self.arrived.items()}
            if words[0] == "until":
                await self.until(int(words[1]), float(words[2]))
                told = {"deliveries": self.deliveries, "last": self.last, "requests": self.requests}
            writer.write(msgspec.json.encode(told) + b"\n")


Simulated = Callable[[Counted], AbstractAsyncContextManager[Place]]
_HTTP = {"allow_http": True, "connections": 64}


@asynccontextmanager
async def webhook(counted: Counted) -> AsyncIterator[Place]:
    async with SimulatedWebhook() as sim:
        counted.watch(sim.server, [])
        sim.on_hook = lambda hook: sim.record.clear()
        url = f"{sim.base_url}/in/{{camera}}"
        yield Place({"type": "webhook", "url": url, **_HTTP}, [{} for _ in range(CAMERAS)], whole="^POST ")


@asynccontextmanager
async def vxg(counted: Counted) -> AsyncIterator[Place]:
    async with SimulatedVxg(CAMERAS) as sim:
        counted.watch(sim.server, [])
        cameras = [{"id": number, "token": f"secret:cam-{number}"} for number in sim.tokens]
        secrets = {f"cam-{number}": token for number, token in sim.tokens.items()}
        told = {"type": "vxg", "url": sim.base_url, **_HTTP}
        yield Place(told, cameras, secrets, "^POST /api/v2/storage/events/$")


@asynccontextmanager
async def zoneminder(way: str, counted: Counted) -> AsyncIterator[Place]:
    async with SimulatedZoneMinder(monitors={number: f"Monitor {number}" for number in range(1, CAMERAS + 1)}) as sim:
        counted.watch(sim.server, sim.asked)
        sim.trigger.on_line = counted.line
        login = {"user": "bridge", "password": "secret:zm", "trigger_port": sim.trigger.port, "alarm_for": "1 s"}
        cameras: list[dict[str, object]] = [{"id": number} for number in sim.monitors]
        told = {"type": "zoneminder", "url": sim.base_url, "way": way, **login, **_HTTP}
        yield Place(told, cameras, {"zm": sim.users.password}, "^PUT ")


@asynccontextmanager
async def frigate(counted: Counted) -> AsyncIterator[Place]:
    names = [f"camera_{number}" for number in range(CAMERAS)]
    async with SimulatedFrigate(cameras=names) as sim:
        counted.watch(sim.server, sim.asked)
        told = {"type": "frigate", "url": sim.base_url, "user": "bridge", "password": "secret:frigate", **_HTTP}
        cameras: list[dict[str, object]] = [{"id": name} for name in names]
        yield Place(told, cameras, {"frigate": sim.users.password}, "^POST .*/description$")


@asynccontextmanager
async def milestone(way: str, transport: str, counted: Counted) -> AsyncIterator[Place]:
    async with SimulatedMilestone() as sim:
        counted.watch(sim.server, sim.asked)
        sim.source.on_line = counted.line
        ids = [f"0b4a2f7e-1111-4222-8333-{number:012d}" for number in range(CAMERAS)]
        sim.state.cameras = {each: Camera(each, each) for each in ids}
        gateway = {"gateway": sim.base_url, "user": "bridge", "password": "secret:xprotect"}
        place: dict[str, object]
        match way:
            case "analytics":
                place, whole = {"event_server": sim.base_url}, "^POST /$"
            case "generic":
                place, whole = {"generic": f"{transport}://127.0.0.1:{sim.source.port}"}, ""
            case "ai-bridge":
                place, whole = {"ai_bridge": f"{sim.base_url}/graphql", "topic": "alerts"}, "^POST /topics/"
            case _:
                place, whole = {**gateway, "event_type": BRIDGE_EVENT}, f"^POST .*/{way}$"
        cameras: list[dict[str, object]] = [{"id": each} for each in ids]
        told = {"type": "milestone", "way": way, **place, **_HTTP}
        yield Place(told, cameras, {"xprotect": sim.users.password}, whole)


@asynccontextmanager
async def genetec(counted: Counted) -> AsyncIterator[Place]:
    async with SimulatedGenetec(cameras=CAMERAS) as sim:
        counted.watch(sim.server, sim.asked)
        login = {"user": "bridge", "password": "secret:genetec", "application": "secret:application"}
        secrets = {"genetec": sim.users.password, "application": next(iter(sim.users.licensed))}
        cameras: list[dict[str, object]] = [
            {"id": each.guid} for each in sim.directory.entities.values() if each.kind == "Camera"
        ]
        yield Place({"type": "genetec", "url": sim.base_url, **login, **_HTTP}, cameras, secrets, "^POST .*/action$")


@asynccontextmanager
async def nx(api: str, counted: Counted) -> AsyncIterator[Place]:
    devices = {f"3f2504e0-4f89-11d3-9a0c-{number:012d}": f"Camera {number}" for number in range(CAMERAS)}
    async with SimulatedNx(version="6.1" if api == "v4" else "6.0", devices=devices) as sim:
        counted.watch(sim.server, sim.asked)
        told: dict[str, object] = {
            "type": "nx",
            "url": sim.base_url,
            "user": "bridge",
            "password": "secret:nx",
            **_HTTP,
        }
        whole = "^POST .*/bookmarks$"
        if api != "v4":
            told |= {"way": "event", "api": api}
            whole = "createEvent$"
        yield Place(told, [{"id": each} for each in devices], {"nx": sim.users.password}, whole)


@asynccontextmanager
async def digifort(counted: Counted) -> AsyncIterator[Place]:
    async with SimulatedDigifort() as sim:
        counted.watch(sim.server, sim.asked)
        names = [f"CAM{number:02d}" for number in range(1, CAMERAS + 1)]
        sim.api.cameras = {name: name for name in names}
        sim.api.events = [f"Bridge-{name}" for name in names]
        told = {"type": "digifort", "url": sim.base_url, "user": "Bridge", "password": "secret:digifort", **_HTTP}
        cameras: list[dict[str, object]] = [{"id": name} for name in names]
        yield Place(told, cameras, {"digifort": sim.users.password}, "TriggerGlobalEvent$")


WAYS: dict[str, Simulated] = {
    "webhook": webhook,
    "vxg": vxg,
    "milestone-analytics": partial(milestone, "analytics", ""),
    "milestone-alarms": partial(milestone, "alarms", ""),
    "milestone-events": partial(milestone, "events", ""),
    "milestone-bookmarks": partial(milestone, "bookmarks", ""),
    "milestone-generic-tcp": partial(milestone, "generic", "tcp"),
    "milestone-generic-udp": partial(milestone, "generic", "udp"),
    "milestone-ai-bridge": partial(milestone, "ai-bridge", ""),
    "genetec": genetec,
    "nx-v4-bookmark": partial(nx, "v4"),
    "nx-createEvent": partial(nx, "v3"),
    "digifort": digifort,
    "frigate": frigate,
    "zoneminder-socket": partial(zoneminder, "socket"),
    "zoneminder-rest": partial(zoneminder, "rest"),
}


async def main(way: str, parent: int) -> None:
    counted = Counted()
    async with WAYS[way](counted) as place:
        counted.whole = re.compile(place.whole) if place.whole else None
        control = await asyncio.start_server(counted.answer, "127.0.0.1", 0)
        place.control = control.sockets[0].getsockname()[1]
        print("ready", msgspec.json.encode(place).decode(), flush=True)
        await until_told(parent)
        control.close()


if __name__ == "__main__":
    with no_end_yet():
        uvloop.run(main(sys.argv[1], os.getppid()))
