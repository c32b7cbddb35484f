"""A load of plate messages for benchmarks and fault tests: one event each, unique plates and vehicles, nothing lost.

Every message is the consolidated ``reliable`` of a vehicle of its own, so no bridge has a reason to hold it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Sequence

import msgspec

from bridge.simulator import payloads
from bridge.simulator.issued import Issued, Log
from bridge.simulator.payloads import Identity, Quirks
from bridge.simulator.picture import picture
from bridge.simulator.readers import Way
from bridge.simulator.uplink import HttpUplink, Outgoing
from bridge.simulator.vehicles import CarState, Sighting, Vehicle, plate


class LoadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``senders`` connections carry ``sensors``; a sensor's messages go over one of them, in order, one at a time.

    ``rate``: messages a second in all, sent when they are due whatever the answers do (open loop; one that is late
    stays late, and its latency counts from when it was due); None: each sender sends as fast as it is answered.
    ``path`` has ``{sensor}`` where the sensor's name goes. ``alarm_every``: each so-manieth of a sensor is on the
    block list.
    ``first``: the number of the first vehicle, so that two loads do not share plates.
    """

    host: str
    port: int
    sensors: Sequence[str]
    senders: int = 4
    rate: float | None = 200.0
    path: str = "/s/{sensor}"
    way: Way = Way.JSON
    authorization: str = ""
    alarm_every: int = 0
    picture_bytes: int = 0
    first: int = 0
    timeout: float = 10.0
    keep_latencies: bool = False


class Load:
    """``await load.run(seconds=10)`` or ``run(messages=5000)``; what was sent and acknowledged is in ``log``."""

    def __init__(self, settings: LoadSettings, log: Log) -> None:
        if settings.way is Way.TCP:
            raise ValueError("a load needs acknowledgements: json or multipart")
        self.settings = settings
        self.log = log
        self._numbers = itertools.count(settings.first)
        self._messages = {
            sensor: _Template(settings, sensor, f"B8A44F{index:06X}") for index, sensor in enumerate(settings.sensors)
        }
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Make no new messages; what was made is still sent until it is acknowledged."""
        self._stop.set()

    async def run(self, *, seconds: float | None = None, messages: int | None = None) -> None:
        """Until so many seconds or messages, or ``stop``; returns when all that was made is acknowledged.

        Bound it from outside where the receiver may never acknowledge.
        """
        settings = self.settings
        senders = min(settings.senders, len(settings.sensors))
        shares = [list(settings.sensors[index::senders]) for index in range(senders)]
        began = time.monotonic()
        ends = began + seconds if seconds is not None else float("inf")
        async with asyncio.TaskGroup() as group:
            for index, share in enumerate(shares):
                count = None if messages is None else len(range(index, messages, senders))
                group.create_task(self._sender(share, index, senders, began, ends, count))

    async def _sender(
        self, sensors: list[str], index: int, senders: int, began: float, ends: float, count: int | None
    ) -> None:
        settings = self.settings
        link = HttpUplink(settings.host, settings.port, self.log, timeout=settings.timeout)
        turn = itertools.cycle(sensors)
        step = senders / settings.rate if settings.rate else 0.0
        try:
            for number in itertools.count() if count is None else range(count):
                due = began + (index / senders + number) * step if step else time.monotonic()
                if due >= ends or self._stop.is_set():
                    return
                wait = due - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                await self._until_acknowledged(link, self._messages[next(turn)].next(self.log, next(self._numbers)))
                if settings.keep_latencies:
                    self.log.latencies.append(time.monotonic() - due)
        finally:
            link.close()

    async def _until_acknowledged(self, link: HttpUplink, outgoing: Outgoing) -> None:
        while True:
            reply = await link.send(outgoing)
            if reply is not None and reply.taken:
                return
            await asyncio.sleep(0.05 if reply is None else max(0.05, min(reply.retry_after, 1.0)))


_PLATE, _CAR, _STAMP, _LISTED, _MODE = "@plate@", 909_090_909, 1_808_080_808_808, "@list@", "@mode@"


class _Template:
    """A sensor's messages, built once but for what differs."""

    def __init__(self, settings: LoadSettings, sensor: str, serial: str) -> None:
        self._settings = settings
        self._sensor = sensor
        self._serial = serial
        self._car = itertools.count(1)
        vehicle = Vehicle(0, _CAR)
        seen = Sighting(vehicle, CarState.RELIABLE, 0.0, _PLATE, "in", 0.934, raises=True)
        found = payloads.document(seen, Identity(serial=serial), _STAMP, 1)
        found |= {"plateText": _PLATE, "plateList": _LISTED, "plateListMode": _MODE}
        text = msgspec.json.encode(found).decode().replace("%", "%%")
        for mark, name in (
            (_PLATE, "plate"),
            (str(_CAR), "car"),
            (str(_STAMP), "stamp"),
            (_LISTED, "list"),
            (_MODE, "mode"),
        ):
            text = text.replace(mark, f"%({name})s")
        self._text = text

    def next(self, log: Log, number: int) -> Outgoing:
        """The sensor's next message, of vehicle ``number``."""
        settings = self._settings
        stamp = time.time_ns() // 1_000_000
        car = next(self._car)
        alarm = bool(settings.alarm_every) and car % settings.alarm_every == 0
        mode, listed = ("block", "Block list") if alarm else ("", "")
        text = plate(number)
        body = (self._text % {"plate": text, "car": car, "stamp": stamp, "list": listed, "mode": mode}).encode()
        shot = (
            picture(number, settings.picture_bytes) if settings.picture_bytes or settings.way is Way.MULTIPART else b""
        )
        kind = payloads.JSON
        if settings.way is Way.MULTIPART:
            kind, body = payloads.FORM, payloads.multipart(body, number, (shot,), _PLAIN)
        elif shot:
            body = payloads.encode(msgspec.json.decode(body), _PLAIN, (shot,))
        path = settings.path.format(sensor=self._sensor)
        request = payloads.post(path, f"{settings.host}:{settings.port}", kind, body, settings.authorization, _PLAIN)
        issued = Issued(
            sensor=self._sensor,
            serial=self._serial,
            car=car,
            state="reliable",
            capture_timestamp=stamp,
            plate=text,
            number=log.next_number(self._sensor),
            raises=True,
            urgency="alarm" if alarm else "notice",
            expect={"plate": text, "country": "CZE", "direction": "in", "make": "Skoda", "list_mode": mode or "none"},
            picture=hashlib.sha256(shot).hexdigest() if shot else "",
        )
        return Outgoing(request, (log.add(issued),))


_PLAIN = Quirks()


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max of latencies, in the unit they came in; empty when there are none."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    last = len(ordered) - 1
    points = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: ordered[min(last, int(share * len(ordered)))] for name, share in points.items()}
