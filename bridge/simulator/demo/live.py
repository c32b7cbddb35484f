"""What the running bridge says it decides and delivers, from its control socket, as lines for people."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import httptools
import msgspec

_REMEMBERED = 2000
"""Events that may be under way at once before the oldest is not told of any more."""


class Event(msgspec.Struct):
    id: str
    sensor: str
    type: str
    title: str
    revision: int = 0


class Verdict(msgspec.Struct):
    fate: str


class NewDelivery(msgspec.Struct):
    event: str
    revision: int
    camera: str


class Line(msgspec.Struct):
    """One line of the tap; what is not needed here is left out."""

    what: str
    connector: str | None = None
    place: str | None = None
    message: str | None = None
    verdicts: list[Verdict] = []
    events: list[Event] = []
    deliveries: list[NewDelivery] = []
    event: str = ""
    revision: int = 0
    camera: str = ""
    outcome: str = ""
    remote_id: str | None = None
    action: str = ""


class _Told(msgspec.Struct):
    """An event under way: by which way it came, what came, what it became, who has it by now."""

    way: str
    came: str
    became: str
    waiting: set[str]
    got: list[str] = []


class Live:
    """``say`` gets a line now and then, of each way in turn, and the first of each; the counts are of everything.
    Bounded in what it remembers. ``each``: seconds between lines, on the average."""

    def __init__(self, say: Callable[[str], None], each: float = 0.4) -> None:
        self._say = say
        self._each = each
        self._last: dict[str, float] = {}
        self._under_way: OrderedDict[tuple[str, int], _Told] = OrderedDict()
        self.decided = 0
        self.raised = 0
        self.amended = 0
        self.delivered = 0
        self.missed = 0
        """Lines the bridge did not send because we read too slowly."""

    def take(self, line: Line) -> None:
        if line.what == "decided":
            self._decided(line)
        elif line.what == "settled":
            self._settled(line)
        elif line.what == "dropped":
            self.missed += 1

    def _decided(self, line: Line) -> None:
        self.decided += 1
        for event in line.events:
            if event.revision:
                self.amended += 1
            else:
                self.raised += 1
            cameras = {
                each.camera for each in line.deliveries if (each.event, each.revision) == (event.id, event.revision)
            }
            came = f"{line.connector} {line.place or ''}".strip() if line.message else "a hold has ended"
            verb = "amends" if event.revision else "raises"
            self._under_way[event.id, event.revision] = _Told(
                _way(line), f"{event.sensor} ({came})", f"{verb} {event.type} “{event.title}”", cameras
            )
            while len(self._under_way) > _REMEMBERED:
                self._under_way.popitem(last=False)

    def _settled(self, line: Line) -> None:
        if line.outcome != "delivered":
            return
        self.delivered += 1
        told = self._under_way.get((line.event, line.revision))
        if told is None:
            return
        told.waiting.discard(line.camera)
        told.got.append(f"{line.camera} #{line.remote_id}" if line.remote_id else line.camera)
        if told.waiting:
            return
        del self._under_way[line.event, line.revision]
        now, last = time.monotonic(), self._last.get(told.way)
        if last is None or now - last >= self._each * len(self._last):
            self._last[told.way] = now
            self._say(f"{told.came} → {told.became} → {', '.join(told.got)}")


def _way(line: Line) -> str:
    """The connector, and the first part of the path, so that all readers that send JSON are one way."""
    place = line.place or ""
    return f"{line.connector} {place.split('/')[1] if place.startswith('/') else ''}" if line.message else "holds"


async def follow(control: Path, live: Live) -> None:
    """Read the tap until it ends (the bridge was killed or stopped). Raises OSError when nobody is there."""
    reader, writer = await asyncio.open_unix_connection(str(control))
    try:
        writer.write(b"GET /tap HTTP/1.1\r\nHost: vms-bridge\r\n\r\n")
        lines = _Lines(live)
        parser = httptools.HttpResponseParser(lines)
        while data := await reader.read(65536):
            parser.feed_data(data)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class _Lines:
    """Puts lines together from the pieces of a body."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._rest = b""
        self._decode = msgspec.json.Decoder(Line).decode

    def on_body(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            with contextlib.suppress(msgspec.MsgspecError):  # a newer bridge may say more than we read
                self._live.take(self._decode(line))


async def follow_always(control: Path, live: Live) -> None:
    """Until cancelled, through restarts."""
    while True:
        with contextlib.suppress(OSError, httptools.HttpParserError):
            await follow(control, live)
        await asyncio.sleep(0.1)
