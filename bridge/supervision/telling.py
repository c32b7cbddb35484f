"""Faults as events: by the same door as what sensors say, so that each is journalled, ordered, delivered and explained.

The bridge is a sensor of its own, ``bridge``, on a connector of that name; its cameras are the site's for faults. A
fault is a condition of it, open in the journal from the event that raised it to the one that restores it: so a fault
that lasts over a restart is not raised again, and one that is over by then is restored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from bridge.config.site import Sensor, Site
from bridge.decide import collapse
from bridge.decide.remembered import CONDITION, unpack_open
from bridge.journal.contract import StateRow
from bridge.model import (
    BRIDGE,
    Collapse,
    ConnectorId,
    Decision,
    Draft,
    Instant,
    Item,
    Message,
    Origin,
    ProfileId,
    Scalar,
    SensorId,
    State,
    StateKey,
    Urgency,
)
from bridge.routing import Routed, RoutedItem
from bridge.supervision.conditions import Condition
from bridge.supervision.kinds import CLOCK, HEARTBEAT, KINDS, SILENT, title, title_when_over, word_of
from connectors.base import Address

LISTED = 500
"""Names that stand in an event's fields; its detail has all of them."""
_LASTS = 400 * 86400.0
_OF_A_SENSOR = (SILENT, HEARTBEAT, CLOCK)


class Door(Protocol):
    """As much of the intake as is needed here."""

    async def tell(self, routed: Routed) -> Decision: ...


class Remembering(Protocol):
    """As much of the journal."""

    async def state(self, sensors: Sequence[SensorId]) -> Mapping[StateKey, StateRow]: ...


class OpenFault(msgspec.Struct, frozen=True):
    """A fault whose event is open in the journal."""

    key: str
    why: str
    names: tuple[str, ...]
    since: datetime | None


class Telling:
    def __init__(self, site: Site, door: Door, journal: Remembering) -> None:
        self._site = site
        self._door = door
        self._journal = journal
        self._open: set[str] = set()

    def replace(self, site: Site) -> None:
        self._site = site

    async def open(self) -> list[OpenFault]:
        """The faults that were open when the journal was last closed. Raises JournalError."""
        rows = await self._journal.state([SensorId(BRIDGE)])
        found = []
        for key, row in rows.items():
            if key.kind != CONDITION or word_of(key.key) not in KINDS:
                continue
            fields: Mapping[str, Scalar] = unpack_open(row.value).fields
            amended = rows.get(StateKey(key.sensor, collapse.KIND, key.key))
            if amended is not None:
                fields = {**fields, **collapse.unpack(amended.value).fields}
            names = str(fields.get("sensors") or "")
            since = fields.get("since")
            found.append(
                OpenFault(
                    key=key.key,
                    why=str(fields.get("why") or ""),
                    names=tuple(names.split(", ")) if names else (),
                    since=datetime.fromisoformat(since) if isinstance(since, str) else None,
                )
            )
        self._open = {each.key for each in found}
        return found

    def title(self, key: str, on: bool, why: str, how: str) -> str:
        """What people read of a fault; ``how`` it is over, when it is."""
        return title(key, self._name(key), why) if on else title_when_over(key, self._name(key), how)

    async def tell(self, held: Condition, on: bool, how: str, times: int, now: Instant) -> None:
        """Raise, amend or restore the fault's event. Nothing where the site names no camera for faults. Raises
        JournalError: then nothing was told."""
        key = held.key
        if not self._site.fault_cameras and (on or key not in self._open):
            return
        names = held.names
        fields = self._fields(held)
        if not on:
            fields |= {"times": times, "ended": how} if how else {"times": times}
        detail = msgspec.json.encode({**fields, "sensors": list(names)} if names else fields)
        draft = Draft(
            type=KINDS[word_of(key)].type,
            title=self.title(key, on, held.why, how),
            fields=fields,
            detail=detail,
            state=State.ACTIVE if on else State.RESTORED,
            urgency=Urgency.FAULT,
            condition=key,
            collapse=Collapse(
                key, hold=0.0, window=_LASTS, amend=("why", "count", "sensors"),
                begins="" if key in self._open else now.utc.isoformat(),
            ),
        )  # fmt: skip
        message = Message(
            connector=ConnectorId(BRIDGE),
            origin=Origin(BRIDGE, "supervision"),
            body=detail,
            arrived=now,
            content_type="application/json",
        )
        await self._door.tell(Routed(message, (RoutedItem(Item(0, {}), self._sensor(), draft),)))
        if on:
            self._open.add(key)
        else:
            self._open.discard(key)

    def _fields(self, held: Condition) -> dict[str, Scalar]:
        word, _, about = held.key.partition(" ")
        names = held.names
        what = "sensor" if word in _OF_A_SENSOR else "connector" if word.endswith("-behind") else word
        fields: dict[str, Scalar] = {what: about, "why": held.why, "since": held.since.isoformat()}
        if names:
            listed = ", ".join(names[:LISTED])
            fields["count"] = len(names)
            fields["sensors"] = listed if len(names) <= LISTED else f"{listed}, and {len(names) - LISTED} more"
        return fields

    def _name(self, key: str) -> str:
        """What people call what a fault is about."""
        word, _, about = key.partition(" ")
        if word in _OF_A_SENSOR:
            sensor = self._site.sensors.get(SensorId(about))
            return sensor.name if sensor is not None else about
        return about

    def _sensor(self) -> Sensor:
        return Sensor(
            id=SensorId(BRIDGE),
            name="vms-bridge",
            kind=BRIDGE,
            profile=ProfileId(BRIDGE),
            connector=ConnectorId(BRIDGE),
            address=Address(),
            cameras=self._site.fault_cameras,
            timezone=self._site.timezone,
        )
