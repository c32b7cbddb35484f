"""A door controller that speaks for many sensors, over a real journal; another site when the test says so."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.adoption import Adoption
from bridge.clock import SystemClock
from bridge.config.load import load
from bridge.config.site import Site
from bridge.intake import Intake
from bridge.journal.contract import (
    DeliveryRecord,
    EventRecord,
    MessageRecord,
    QuarantineRecord,
    Query,
)
from bridge.journal.sqlite import SqliteJournal
from bridge.model import ConnectorId, Message, MessageId, Origin, Receipt, SensorEvent
from bridge.supervision import Conditions

HEAD = """\
version: 1
site: {name: Depot}
vms:
  alarms: {type: webhook, url: http://127.0.0.1:8084/alarms}
cameras:
  lobby: {vms: alarms}
  gate: {vms: alarms}
connectors:
  ways: {type: http, bind: 127.0.0.1:8080}
sensors:
  gate:
    profile: doors
    connector: ways
    address: {path: /gate, from: 10.0.0.21, basic: secret:gate, from_query: payload}
    cameras: [gate]
    rules:
      - {name: no tests, select: event.fields.who != "tester"}
      - {name: guests are urgent, set: {urgency: alarm}, when: event.fields.who == "guest"}
      - {suppress: 10 min, when: event.fields.who == "cleaner", same: [who]}
  doors: {from: doors.csv, profile: doors, connector: ways, address: {path: /doors}}
  hub: {profile: doors, connector: ways, address: {path: /hub}, cameras: {by: fields.door, table: cameras.csv}}
"""
PROFILE = """\
profile: doors
name: A door controller of our own
kind: access
identity:
  serial: {from: item.serial, as: text}
media: {roles: {face: [face]}, order: ["'face'"]}
messages:
  beat:
    when: item.what == "beat"
    type: device.heartbeat
    title: heartbeat
    quiet: a heartbeat
  opened:
    when: has(item.door)
    fields:
      door: {from: item.door, as: text}
      who: {from: item.who, as: text, otherwise: nobody}
    type: access.granted
    title: "{door} by {who}"
    dedup: {key: [item.id]}
    collapse:
      key: [item.thing]
      window: 10 min
      cases:
        - {when: item.who == "held", hold: 60 s, rank: 1}
        - {hold: 0 s, rank: 2}
"""
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 20 + b"\xff\xd9"


def picture() -> str:
    return base64.b64encode(JPEG).decode()


class Depot:
    def __init__(self, folder: Path, journal: SqliteJournal) -> None:
        self.folder = folder
        self.journal = journal
        self.clock = SystemClock()
        self.site = self.load()
        self.intake = Intake(self.site, journal, self.clock, Conditions(self.clock))
        self.adoption = Adoption(journal, self.intake, self.clock)

    def load(self) -> Site:
        return load(self.folder / "site.yaml")

    def table(self, name: str, text: str) -> None:
        """Another table, and the site with it."""
        (self.folder / f"{name}.csv").write_text(text)
        self.site = self.load()
        self.intake.replace(self.site)

    async def says(self, place: str, body: str, peer: str = "10.0.0.21", shows: str | None = None) -> Receipt:
        return await self.intake.submit(
            Message(
                connector=ConnectorId("ways"), origin=Origin(peer, place, shows), body=body.encode(),
                arrived=self.clock.now(), content_type="application/json",
            )
        )  # fmt: skip

    async def adopts(self) -> tuple[int, int]:
        counts = await self.adoption.replay(self.journal.read(Query(what="quarantine", unknown=True)))
        return counts.replayed, counts.left

    async def events(self) -> list[SensorEvent]:
        return [each.event async for each in self.journal.read(Query(what="events")) if isinstance(each, EventRecord)]

    async def quarantined(self) -> list[QuarantineRecord]:
        read = self.journal.read(Query(what="quarantine"))
        return [each async for each in read if isinstance(each, QuarantineRecord)]

    async def message(self, id: MessageId | None) -> MessageRecord:
        assert id is not None
        read = self.journal.read(Query(what="messages", message=id))
        (found,) = [each async for each in read if isinstance(each, MessageRecord)]
        return found

    async def cameras(self) -> list[str]:
        read = self.journal.read(Query(what="deliveries"))
        return [each.camera async for each in read if isinstance(each, DeliveryRecord)]


@pytest.fixture
async def depot(tmp_path: Path) -> AsyncIterator[Depot]:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "doors.yaml").write_text(PROFILE)
    (tmp_path / "site.yaml").write_text(HEAD)
    (tmp_path / "doors.csv").write_text("id;cameras;identity.serial\nfront;lobby;S1\nback;lobby gate;S2\n")
    (tmp_path / "cameras.csv").write_text("key;camera\nD1;lobby\nD2;gate\nD2;lobby\n")
    site = load(tmp_path / "site.yaml")
    journal = await SqliteJournal.open(tmp_path / "journal", site=site.id, node="here", clock=SystemClock())
    yield Depot(tmp_path, journal)
    await journal.close()
