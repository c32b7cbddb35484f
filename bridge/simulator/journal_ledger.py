"""What a journal says against what senders issued and a VMS holds: more properties of the same ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from bridge.journal.contract import DeliveryRecord, EventRecord, Journal, MessageRecord, Query
from bridge.model import Action, DeliveryState, Fate, SensorEvent
from bridge.simulator.issued import Log
from bridge.simulator.ledger import Arrival, Property, Vehicle

_ALL = 10_000_000

KEPT = "every acknowledged vehicle has its event in the journal"
ENDED = "every delivery has ended as delivered"
SAME = "journal and VMS agree on what was raised"
PICTURE = "picture equal in the journal"
FATE = "every item has one fate"


def vehicle_of(event: SensorEvent) -> Vehicle | None:
    """Which vehicle a reader's event is about."""
    serial, car = event.fields.get("serial"), str(event.fields.get("vehicle"))
    return (event.sensor, str(serial), int(car)) if car.isdecimal() else None


async def journal_properties(
    log: Log,
    journal: Journal,
    arrivals: Iterable[Arrival],
    known: Callable[[SensorEvent], Vehicle | None] = vehicle_of,
) -> list[Property]:
    """Reads the whole journal, so it is for tests. The service that wrote it must have stopped or be idle.

    ``known``: which of the things that senders number an event is about.
    """
    kept, ended, same = Property(KEPT), Property(ENDED), Property(SAME)
    vehicles = set()
    async for record in journal.read(Query(what="events", limit=_ALL)):
        assert isinstance(record, EventRecord)
        vehicles.add(known(record.event))
    for vehicle, messages in log.vehicles().items():
        if any(each.sure for each in messages):
            kept.checked += 1
            if vehicle not in vehicles:
                kept.broken.append(f"carID {vehicle[2]} of {vehicle[0]}: {[each.state for each in messages]}")

    there = {(arrival.camera, arrival.event) for arrival in arrivals}
    said = set()
    async for record in journal.read(Query(what="deliveries", limit=_ALL)):
        assert isinstance(record, DeliveryRecord)
        ended.checked += 1
        if record.state is not DeliveryState.DELIVERED:
            ended.broken.append(
                f"{record.action.value} {record.event} to {record.camera}: {record.state.value}, {record.why}"
            )
        elif record.action is Action.RAISE:
            said.add((str(record.camera), str(record.event)))
    same.checked = len(there | said)
    same.broken += [f"{event} was delivered to {camera}, which does not have it" for camera, event in said - there]
    same.broken += [f"{camera} has {event}, of which the journal knows no delivery" for camera, event in there - said]
    return [kept, ended, same, *await _messages(log, journal)]


async def _messages(log: Log, journal: Journal) -> Sequence[Property]:
    fate, picture = Property(FATE), Property(PICTURE)
    pictures = set()
    wanted = {each.picture: each for each in log.issued if each.picture and each.sure}
    async for record in journal.read(Query(what="messages", limit=_ALL)):
        assert isinstance(record, MessageRecord)
        for verdict in record.verdicts:
            fate.checked += 1
            if verdict.fate is Fate.QUARANTINED:
                fate.broken.append(f"message {record.id} was quarantined: {verdict.why}")
        places = [verdict.index for verdict in record.verdicts]
        if len(places) != len(set(places)) or not places:
            fate.broken.append(f"message {record.id} has the fates {record.verdicts}")
        if wanted:
            for media in record.media:
                pictures.add(hashlib.sha256(await journal.media(media)).hexdigest())
    picture.checked = len(wanted)
    picture.broken = [
        f"of plate {each.plate} ({each.sensor})" for digest, each in wanted.items() if digest not in pictures
    ]
    return [fate, picture]
