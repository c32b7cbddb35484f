"""A profile small enough to think about, and a journal whose commits the test lets through one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from bridge.config.site import Site
from bridge.decide.rules import Rule
from bridge.journal.contract import MessageRecord, StateRow, Undecided
from bridge.model import (
    Collapse,
    Complete,
    ConnectorId,
    Decision,
    Draft,
    Instant,
    Item,
    Malformed,
    Message,
    MessageId,
    Origin,
    Position,
    ProfileId,
    SensorId,
    State,
    StateKey,
    Urgency,
)
from tests.decide.conftest import site_of

START = datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC)


class HandClock:
    """Time stands still until the test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Instant:
        return Instant(START + timedelta(seconds=self.seconds), 1000.0 + self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


class Words:
    """A profile for bodies like ``{"id": "7", "thing": "car 3", "hold": 1.5, "plate": "ABC"}``; arrays hold several.

    ``{"door": "1", "state": "active"}`` is about a condition; with ``ends`` it ends by itself, with ``open`` (a list of
    doors) it tells of all of them.
    """

    id = ProfileId("any")
    kind = "lpr"
    digest = "0"

    def redact(self, message: Message) -> Message:
        return message

    def items(self, message: Message) -> Sequence[Item | Malformed]:
        try:
            read = msgspec.json.decode(message.body)
        except msgspec.DecodeError as error:
            return [Malformed(0, str(error))]
        return [Item(place, each) for place, each in enumerate(read if isinstance(read, list) else [read])]

    def identity(self, item: Item) -> Mapping[str, str]:
        return {"serial": str(item.document.get("serial", ""))}

    def draft(self, item: Item, zone: ZoneInfo) -> Draft | Malformed:
        said = item.document
        if "door" in said or "open" in said:
            return _door(said)
        thing = said.get("thing")
        hold = said.get("hold", 0.0)
        assert isinstance(hold, float | int)
        return Draft(
            type="vehicle.identified",
            title=str(said.get("plate")),
            fields={"plate": str(said.get("plate"))},
            detail=msgspec.json.encode(said),
            urgency=Urgency.ALARM if said.get("alarm") else Urgency.NOTICE,
            dedup=str(said["id"]) if "id" in said else None,
            collapse=Collapse(str(thing), hold=float(hold), window=600.0) if thing is not None else None,
        )


def _door(said: Mapping[str, object]) -> Draft:
    named, ends = said.get("open"), said.get("ends")
    assert named is None or isinstance(named, list)
    assert ends is None or isinstance(ends, float | int)
    return Draft(
        type="door.open",
        title=f"door {said.get('door')} {said.get('state')}",
        fields={"how": str(said.get("how", ""))},
        detail=msgspec.json.encode(said),
        urgency=Urgency.ALARM if said.get("alarm") else Urgency.NOTICE,
        state=State(said.get("state", "restored")),
        condition=f"door|{said['door']}" if "door" in said else None,
        complete=None if named is None else Complete("door", tuple(f"door|{each}" for each in named)),
        ends_after=ends,
        dedup=str(said["id"]) if "id" in said else None,
    )


def site_with_words(cameras: tuple[str, ...] = ("gate-in", "gate-wide"), rules: tuple[Rule, ...] = ()) -> Site:
    return msgspec.structs.replace(site_of(*rules, cameras=cameras), profiles={ProfileId("any"): Words()})


def message(clock: HandClock, **said: object) -> Message:
    return message_of(clock, said)


def message_of(clock: HandClock, said: object) -> Message:
    """Of one item, or with a list of several."""
    return Message(
        connector=ConnectorId("lpr"),
        origin=Origin("10.0.0.21", "/gate"),
        body=msgspec.json.encode(said),
        arrived=clock.now(),
    )


class HeldJournal:
    """The part of a journal that intake uses; every commit waits until the test keeps or fails it."""

    def __init__(self) -> None:
        self.generation = 0
        self.committing: list[tuple[Decision, asyncio.Future[None]]] = []
        self.rows: dict[StateKey, StateRow] = {}
        self.refuse: Exception | None = None
        self.loads: list[SensorId] = []
        self.left: dict[MessageId, Undecided] = {}
        """Messages that are decided in part."""

    def commit(self, decision: Decision) -> asyncio.Future[None]:
        if self.refuse is not None:
            raise self.refuse
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.committing.append((decision, future))
        return future

    def keep(self) -> None:
        for decision, future in self.committing:
            self._keep_piece(decision)
            for change in decision.changes:
                self.rows.pop(change.key, None)
                if change.value is not None:
                    self.rows[change.key] = StateRow(change.key, change.value, change.expires, change.due_in)
            future.set_result(None)
        self.committing.clear()

    def fail(self, error: Exception) -> None:
        self.generation += 1
        for _, future in self.committing:
            future.set_exception(error)
        self.committing.clear()

    async def state(self, sensors: Sequence[SensorId]) -> Mapping[StateKey, StateRow]:
        self.loads += sensors
        await asyncio.sleep(0)
        asked = set(sensors)
        return {key: row for key, row in self.rows.items() if key.sensor in asked}

    async def timers(self) -> Sequence[StateRow]:
        return [row for row in self.rows.values() if row.remaining is not None]

    async def undecided(self, after: MessageId | None) -> Undecided | None:
        later = [found for id, found in sorted(self.left.items()) if after is None or id > after]
        return later[0] if later else None

    def _keep_piece(self, decision: Decision) -> None:
        piece = decision.piece
        if piece is None:
            return
        before = self.left.pop(piece.message, None)
        told = before.record.verdicts if before is not None else ()
        said = before.record.message if before is not None else decision.message and decision.message.message
        if not piece.last and said is not None:
            record = MessageRecord(id=piece.message, message=said, verdicts=(*told, *decision.verdicts))
            self.left[piece.message] = Undecided(record, piece)

    async def position(self, name: str) -> Position | None:
        return None
