"""Hosts that keep pictures, on real sockets, and a profile that reads their links in a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bridge.clock import SystemClock
from bridge.config.pictures import FetchSettings
from bridge.config.site import Site
from bridge.fetching import Fetcher, Turns
from bridge.intake import Intake
from bridge.journal.contract import EventRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.model import (
    ConnectorId,
    Draft,
    Item,
    Link,
    Malformed,
    Message,
    Origin,
    Part,
    ProfileId,
    ReceiptKind,
    SensorEvent,
    SensorId,
)
from bridge.supervision import Conditions
from tests.decide.conftest import site_of
from tests.vms.conftest import Played, Vault, playing

JPEG = b"\xff\xd8\xff\xe0 a picture"
BOUND = 30.0


def settings(**more: Any) -> FetchSettings:
    return FetchSettings.model_validate({"from": ["127.0.0.0/8"], "timeout": "2 s", **more})


class Linked:
    """A profile for bodies like ``{"sensor": "a", "n": 1, "links": {"plate": "http://…"}}``; a list holds several."""

    id = ProfileId("any")
    kind = "lpr"
    digest = "0"

    def redact(self, message: Message) -> Message:
        return message

    def items(self, message: Message) -> Sequence[Item | Malformed]:
        read = msgspec.json.decode(message.body)
        own = tuple(Part("image/jpeg", each.data) for each in message.parts)
        return [Item(place, each, own) for place, each in enumerate(read if isinstance(read, list) else [read])]

    def identity(self, item: Item) -> Mapping[str, str]:
        return {"serial": str(item.document.get("sensor", "a"))}

    def draft(self, item: Item, zone: ZoneInfo) -> Draft | Malformed:
        said = item.document
        links = said.get("links", {})
        assert isinstance(links, dict)
        return Draft(
            type="vehicle.identified",
            title=str(said.get("n")),
            fields={"n": str(said.get("n"))},
            detail=msgspec.json.encode(said),
            quiet="heartbeat" if said.get("quiet") else None,
            roles=("own",) if item.media else (),
            links=tuple(Link(str(url), role) for role, url in links.items()),
        )


def site() -> Site:
    """Two sensors, told apart by the serial in the message."""
    made = site_of(cameras=("gate-in",))
    first = made.sensors[SensorId("gate-lpr")]
    sensors = {
        SensorId(name): msgspec.structs.replace(
            first, id=SensorId(name), address=first.address.model_copy(update={"identity": {"serial": name}})
        )
        for name in ("a", "b")
    }
    return msgspec.structs.replace(made, sensors=sensors, profiles={ProfileId("any"): Linked()})


class Bench:
    """A real intake over a real journal."""

    def __init__(self, journal: SqliteJournal, fetcher: Fetcher | None) -> None:
        self.journal = journal
        self.fetcher = fetcher
        self.clock = SystemClock()
        self.turns = Turns(fetcher)
        self.intake = Intake(site(), journal, self.clock, Conditions(self.clock), turns=self.turns)

    def message(self, body: object, *parts: bytes) -> Message:
        return Message(
            connector=ConnectorId("lpr"),
            origin=Origin("10.0.0.21", "/gate"),
            body=msgspec.json.encode(body),
            arrived=self.clock.now(),
            parts=tuple(Part("image/jpeg", each) for each in parts),
        )

    async def say(self, n: int, sensor: str = "a", links: Mapping[str, str] | None = None, *parts: bytes) -> None:
        async with asyncio.timeout(BOUND):
            receipt = await self.intake.submit(self.message({"sensor": sensor, "n": n, "links": links or {}}, *parts))
        assert receipt.kind is ReceiptKind.ACCEPTED, receipt

    async def events(self) -> list[SensorEvent]:
        return [each.event async for each in self.journal.read(Query(what="events")) if isinstance(each, EventRecord)]


Open = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """``opened(from=…, most=…)``: a bench whose site allows that; ``opened(None)``: nothing is allowed."""

    @asynccontextmanager
    async def open(allowed: FetchSettings | None, **more: Any) -> AsyncIterator[Bench]:
        journal = await SqliteJournal.open(tmp_path / "journal", site=site().id, node="here", clock=SystemClock())
        vault = Vault(omni="open sesame")
        fetcher = Fetcher(allowed, vault, **more) if allowed is not None else None
        bench = Bench(journal, fetcher)
        try:
            yield bench
            assert fetcher is None or fetcher.held == 0, "what was committed is held no longer"
            assert not bench.turns.last, "nobody waits for what is over"
        finally:
            if fetcher is not None:
                await fetcher.retire()
            await journal.close()

    return open


@pytest.fixture
async def host() -> AsyncIterator[Played]:
    async with playing() as played:
        yield played
