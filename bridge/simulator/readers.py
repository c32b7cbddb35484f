"""Simulated CAMMRA readers: vehicles pass in real time, every message is kept until it is acknowledged.

A reader is two tasks: the road, which makes messages when they are due, and the uplink, which sends them in order.
"""

from __future__ import annotations

import asyncio
import enum
import heapq
import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from bridge.simulator import payloads
from bridge.simulator.issued import Issued, Log
from bridge.simulator.payloads import Identity, Quirks
from bridge.simulator.picture import picture
from bridge.simulator.uplink import HttpUplink, Outgoing, TcpUplink, Uplink
from bridge.simulator.vehicles import CarState, Sighting, Timing, Vehicle, sightings


class Way(enum.Enum):
    MULTIPART = "multipart"
    JSON = "json"
    TCP = "tcp"


class ReaderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One reader. ``sensor``: what the ledger calls it. ``first``: its vehicles are numbered from here (they must not
    overlap another reader's).

    ``every``: seconds from one vehicle to the next; ``begins``: until the first. ``burst``: so many come at once each
    time. ``vehicles``: how many in all (None: until stopped). ``ai``: whether the app sends the consolidated
    ``reliable``. ``states``: only these are sent, as a site may choose. ``block_every``/``allow_every``: each
    so-manieth vehicle is on that list.
    ``use_event_buffer``: what could not be sent is kept and sent later; without it, it is gone.
    ``heartbeat``: seconds between heartbeats, 0 for none (HTTP only).
    """

    sensor: str
    way: Way
    host: str
    port: int
    path: str = "/"
    serial: str = "B8A44F000001"
    device: str = "defaultID"
    authorization: str = ""
    first: int = 0
    every: float = 2.0
    begins: float = 0.0
    burst: int = 1
    vehicles: int | None = None
    timing: Timing = Timing()
    ai: bool = True
    states: tuple[str, ...] = ("new", "update", "reliable", "lost")
    block_every: int = 0
    allow_every: int = 0
    picture_bytes: int = 0
    use_event_buffer: bool = True
    buffer_limit: int = 100_000
    heartbeat: float = 0.0
    heartbeat_path: str = ""
    timeout: float = 10.0
    quirks: Quirks = Quirks()


class Reader:
    """``await reader.run(stop)`` sends vehicles until ``stop`` is set or all have passed, then what is left to send."""

    def __init__(self, settings: ReaderSettings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.who = Identity(serial=settings.serial, device=settings.device)
        self._counter = itertools.count(1)
        self._reads = 0
        self.uplink: Uplink
        if settings.way is Way.TCP:
            self.uplink = TcpUplink(settings.host, settings.port, log, split=settings.quirks.split)
        else:
            self.uplink = HttpUplink(
                settings.host,
                settings.port,
                log,
                timeout=settings.timeout,
                buffer=settings.use_event_buffer,
                limit=settings.buffer_limit,
                newest_first=settings.quirks.replay_out_of_order,
                twice=settings.quirks.replay_twice,
            )

    async def run(self, stop: asyncio.Event, drain: float = 60.0) -> None:
        """Returns when everything is sent (and acknowledged, where there is a way to), ``drain`` seconds after the
        last vehicle at the latest."""
        sending = asyncio.create_task(self.uplink.run())
        beating = asyncio.create_task(self._heartbeats()) if self.settings.heartbeat else None
        try:
            await self._road(stop)
            await self.uplink.drained(drain)
        finally:
            tasks = [task for task in (sending, beating) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self.uplink.close()

    async def _road(self, stop: asyncio.Event) -> None:
        """Make every message when it is due. Vehicles that have been seen are followed to their end after ``stop``
        too, without waiting: what is left of their passes is sent at once."""
        due: list[tuple[float, int, Sighting]] = []
        order = itertools.count()
        coming = self._vehicles()
        next_vehicle = time.monotonic() + self.settings.begins
        more = True
        while due or more:
            if stop.is_set():
                for _, _, sighting in sorted(due):
                    self._say(sighting)
                return
            now = time.monotonic()
            if more and now >= next_vehicle:
                for _ in range(self.settings.burst):
                    vehicle = next(coming, None)
                    if vehicle is None:
                        more = False
                        break
                    for sighting in sightings(vehicle, self.settings.timing, self.settings.ai):
                        heapq.heappush(due, (next_vehicle + sighting.after, next(order), sighting))
                next_vehicle += self.settings.every
            while due and due[0][0] <= now:
                self._say(heapq.heappop(due)[2])
            coming_up = [*([due[0][0]] if due else []), *([next_vehicle] if more else [])]
            if coming_up:
                await _until(stop, min(coming_up) - time.monotonic())

    def _vehicles(self) -> Iterator[Vehicle]:
        settings = self.settings
        reset = settings.quirks.car_reset
        for index in itertools.count() if settings.vehicles is None else range(settings.vehicles):
            listed = ""
            if settings.block_every and index % settings.block_every == settings.block_every - 1:
                listed = "block"
            elif settings.allow_every and index % settings.allow_every == 0:
                listed = "allow"
            self._reads += 1
            yield Vehicle(settings.first + index, 1 + (index % reset if reset else index), listed)

    def _say(self, sighting: Sighting) -> None:
        if sighting.state.value not in self.settings.states:
            return
        at = time.time_ns() // 1_000_000
        issued = self.log.add(issue(self.log, self.settings.sensor, self.who.serial, sighting, at))
        for profile in range(1, self.settings.quirks.profiles + 1):
            self.uplink.put(Outgoing(self._bytes(sighting, at, next(self._counter), profile), (issued,)))

    def _bytes(self, sighting: Sighting, at: int, counter: int, profile: int) -> bytes:
        settings, quirks = self.settings, self.settings.quirks
        found = payloads.document(sighting, self.who, at, counter, profile, quirks)
        if settings.way is Way.TCP:
            return payloads.encode(found, quirks) + quirks.separator
        numbers = (counter, counter + 1_000_000) if quirks.second_picture else (counter,)
        pictures = tuple(picture(number, settings.picture_bytes) for number in numbers)
        if settings.way is Way.JSON:
            kind, body = payloads.JSON, payloads.encode(found, quirks, pictures)
        else:
            kind, body = payloads.FORM, payloads.multipart(payloads.encode(found, quirks), counter, pictures, quirks)
        host = f"{settings.host}:{settings.port}"
        return payloads.post(settings.path, host, kind, body, settings.authorization, quirks)

    async def _heartbeats(self) -> None:
        settings = self.settings
        path, host = settings.heartbeat_path or settings.path, f"{settings.host}:{settings.port}"
        link = HttpUplink(settings.host, settings.port, self.log, buffer=False)
        try:
            while True:
                body = payloads.heartbeat(self.who, self._reads, datetime.now(UTC))
                await link.once(payloads.post(path, host, payloads.JSON, body, settings.authorization, Quirks()))
                await asyncio.sleep(settings.heartbeat)
        finally:
            link.close()


def issue(log: Log, sensor: str, serial: str, sighting: Sighting, at: int) -> Issued:
    """The ledger's entry for a message about to be sent; ``expect`` in the words of the CAMMRA profile."""
    vehicle = sighting.vehicle
    expect = {"plate": sighting.plate, "country": "CZE", "colour": vehicle.color.lower(), "lane": "1"}
    if sighting.state is not CarState.NEW:
        expect |= {"make": vehicle.make[0], "model": vehicle.make[1]}
    if sighting.direction != "unknown":
        expect["direction"] = sighting.direction
    return Issued(
        sensor=sensor,
        serial=serial,
        car=vehicle.car,
        state=sighting.state.value,
        capture_timestamp=at,
        plate=sighting.plate,
        number=log.next_number(sensor),
        raises=sighting.raises,
        urgency="alarm" if vehicle.listed == "block" else "notice",
        expect=expect,
    )


async def _until(stop: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
