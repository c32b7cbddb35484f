"""The two ends of every benchmark, in one process on its own core: plate readers that post, a VMS that takes.

Both are bare asyncio protocols, so that neither is what is measured. The VMS answers as VXG does, and notes when each
plate arrived; the readers note when each left: one clock, no agreement needed.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

MESSAGE = (
    b'{"packetCounter":"4711","capture_timestamp":"%d","frame_timestamp":"1767603723512044","capture_ts":'
    b'"1767603723512000000","datetime":"20260105 100203512","plateText":"%s","plateUnicode":"%s","plateUTF8":"%s",'
    b'"plateASCII":"%s","plateCountry":"CZE","plateISO3166-2":"","plateRegion":"Praha","plateRegionCode":"A",'
    b'"plateList":"","plateListMode":"","plateListDescription":"","plateConfidence":"0.912004","carState":"reliable",'
    b'"roiID":"1","geotag":{"lat":50.08,"lon":14.42},"imageType":"vehicle","plateImageType":"jpeg",'
    b'"plateImageSize":"0","carMoveDirection":"in","timeProcessing":"0","plateCoordinates":[612,540,148,40],'
    b'"plateCoordinatesRelative":[212,180,148,40],"carID":"%d","GEOtarget":"Camera","imagesURI":'
    b'["/local/fflprapp/tools.cgi?action=getImage&name=3/20260105100203_512004lp_4AB1234_4711.jpg"],"profileID":"1",'
    b'"vehicle_info":{"view":"front","type":"CAR","color":"GRAY"},"camera_info":{"SerialNumber":"B8A44F%06d",'
    b'"ProdShortName":"AXIS Q1805-LE","IPAddress":"10.20.0.11","MACAddress":"B8A44F%06d"},"sensorProviderID":"GATE-1"}'
)
"""A CAMMRA AI "reliable" message as reference sample S1 has it, 1.2 kB: no hold, one event each."""

_DECLARED = (
    b'{"meta":{"limit":20,"offset":0,"total_count":1,"next":null,"previous":null},"objects":[{"name":'
    b'"vehicle_identified","custom":true,"notify":true,"receive":false,"caps":{"can_be_triggered":false,'
    b'"can_record":false,"can_snapshot":false,"is_periodic":false}}]}'
)

_PLATE = re.compile(rb"P\d{7}")


def request(number: int, sensor: int) -> bytes:
    """One POST of reader ``sensor``; ``number`` makes its plate, carID and time unique."""
    plate = b"P%07d" % number
    stamp = int(time.time() * 1000)
    body = MESSAGE % (stamp, plate, plate, plate, plate, number, sensor, sensor)
    return b"POST /s/%d HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        sensor,
        len(body),
        body,
    )


STATES = (b"new", b"update", b"reliable", b"lost")
"""The life of a vehicle in four messages. The first two do not know its direction, so they are held."""

APART = 256
"""Messages between two of one vehicle: more than are under way at once, so that they come in order."""

REPAINTED = 10
"""One vehicle in so many is seen in another colour at last: an amendment."""


def vehicle_of(number: int) -> tuple[int, int]:
    """Which vehicle message ``number`` is about, and which state of its life it tells."""
    return number // (APART * len(STATES)) * APART + number % APART, number // APART % len(STATES)


def life_cycle(number: int, sensor: int) -> bytes:
    """One POST in the lives of ``APART`` vehicles at a time, each of which keeps to its reader (of 200)."""
    vehicle, state = vehicle_of(number)
    sensor = vehicle % 200
    plate = b"P%07d" % vehicle
    body = MESSAGE % (int(time.time() * 1000), plate, plate, plate, plate, vehicle, sensor, sensor)
    body = body.replace(b'"carState":"reliable"', b'"carState":"%s"' % STATES[state])
    if state < 2:
        body = body.replace(b'"carMoveDirection":"in"', b'"carMoveDirection":"unknown"')
    elif state == 3 and vehicle % REPAINTED == 0:
        body = body.replace(b'"color":"GRAY"', b'"color":"BLUE"')
    return b"POST /s/%d HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        sensor,
        len(body),
        body,
    )


def malformed(number: int, sensor: int) -> bytes:
    """A POST that begins like a message and is none."""
    body = b'{"packetCounter":"%d","carState":' % number
    return b"POST /s/%d HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n%s" % (sensor, len(body), body)


class Exchange(asyncio.Protocol):
    """HTTP/1.1 messages with a Content-Length, one after the other."""

    def __init__(self) -> None:
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data if self.buffer else data
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                break
            head = data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(data) < end + 4 + length:
                break
            self.message(head, data[end + 4 : end + 4 + length])
            data = data[end + 4 + length :]
        self.buffer = data

    def message(self, head: bytes, body: bytes) -> None:
        raise NotImplementedError


class Vms:
    """Takes events on a loopback port. ``arrived``: plate → monotonic seconds of its first arrival. ``deliveries``:
    events raised; ``amended``: amendments that are whole."""

    def __init__(self) -> None:
        self.arrived: dict[bytes, float] = {}
        self.deliveries = self.amended = 0
        self.port = 0
        self.server: asyncio.Server | None = None
        self.links: set[asyncio.Transport] = set()
        self.woken = asyncio.Event()

    async def open(self, port: int = 0) -> None:
        self.server = await asyncio.get_running_loop().create_server(lambda: _Taking(self), "127.0.0.1", port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Be away: refuse new connections and cut the open ones."""
        if self.server is not None:
            self.server.close()
            for link in list(self.links):
                link.abort()
            self.server = None

    async def until(self, count: int, bound: float = 120.0, amended: int = 0) -> None:
        """Wait until ``count`` deliveries have come, and so many amendments."""
        async with asyncio.timeout(bound):
            while self.deliveries < count or self.amended < amended:
                self.woken.clear()
                await self.woken.wait()


class _Taking(Exchange):
    def __init__(self, vms: Vms) -> None:
        super().__init__()
        self.vms = vms

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.vms.links.add(self.transport)

    def connection_lost(self, reason: Exception | None) -> None:
        if self.transport is not None:
            self.vms.links.discard(self.transport)

    def message(self, head: bytes, body: bytes) -> None:
        assert self.transport is not None
        if head.startswith(b"get"):
            answer, status = _DECLARED, b"200 OK"
        elif b"/api/v4/meta/" in head[:60]:
            answer, status = b'{"objects":[{"status":201,"id":"1"}]}', b"201 Created"
        elif head.startswith(b"put"):
            self.vms.amended += b"/meta/bridge_revision/" in head.split(b"\r\n", 1)[0]  # an amendment's last tag
            self.vms.woken.set()
            answer, status = b"{}", b"200 OK"
        else:
            at = body.find(b'"license_plate":"')
            found = _PLATE.search(body, at if at >= 0 else 0)
            plate = found[0] if found is not None else b""
            vms = self.vms
            if plate not in vms.arrived:
                vms.arrived[plate] = time.monotonic()
            vms.deliveries += 1
            vms.woken.set()
            answer, status = b'{"id":%d}' % (900000 + vms.deliveries), b"201 Created"
        self.transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(answer), answer)
        )


class Readers:
    """Posts from many sensors over keep-alive connections. ``left``: plate → monotonic seconds it was written."""

    def __init__(self, port: int, sensors: int, make: Callable[[int, int], bytes] = request) -> None:
        self.port = port
        self.make = make
        self.sensors = sensors
        self.next = 0
        self.left: dict[bytes, float] = {}
        self.acknowledged = 0
        self.refused = 0

    async def closed_loop(self, connections: int, count: int) -> float:
        """``count`` messages, each connection one at a time; returns seconds."""
        done = asyncio.get_running_loop().create_future()
        target = self.acknowledged + count
        stop_at = self.next + count

        def on_answer(link: _Reading) -> None:
            if self.acknowledged >= target and not done.done():
                done.set_result(None)
            if self.next < stop_at:
                link.post()

        began = time.monotonic()
        links = await self._connect(connections, on_answer)
        for link in links:
            if self.next < stop_at:
                link.post()
        async with asyncio.timeout(300):
            await done
        took = time.monotonic() - began
        for link in links:
            assert link.transport is not None
            link.transport.close()
        return took

    async def open_loop(self, connections: int, rate: float, seconds: float) -> None:
        """Messages at ``rate`` a second whatever the answers do."""
        links = await self._connect(connections, lambda link: None)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(int(rate * seconds)):
            wait = began + number / rate - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            links[number % connections].post()
        async with asyncio.timeout(30):
            while any(link.waiting for link in links):
                await asyncio.sleep(0.01)
        for link in links:
            assert link.transport is not None
            link.transport.close()

    async def _connect(self, connections: int, on_answer: Callable[[_Reading], None]) -> list[_Reading]:
        loop = asyncio.get_running_loop()
        return [
            (await loop.create_connection(lambda: _Reading(self, on_answer), "127.0.0.1", self.port))[1]
            for _ in range(connections)
        ]


class _Reading(Exchange):
    def __init__(self, readers: Readers, on_answer: Callable[[_Reading], None]) -> None:
        super().__init__()
        self.readers = readers
        self.on_answer = on_answer
        self.waiting = 0

    def post(self) -> None:
        readers = self.readers
        number = readers.next
        readers.next += 1
        data = readers.make(number, number % readers.sensors)
        readers.left[b"P%07d" % number] = time.monotonic()
        assert self.transport is not None
        self.transport.write(data)
        self.waiting += 1

    def message(self, head: bytes, body: bytes) -> None:
        self.waiting -= 1
        if b" 200" in head[:14]:
            self.readers.acknowledged += 1
        else:
            self.readers.refused += 1
        self.on_answer(self)


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
