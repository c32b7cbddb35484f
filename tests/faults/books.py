"""The books of a bridge under all ways in: what was issued, what stands in the VMS, what the journal says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridge.clock import SystemClock
from bridge.journal.contract import DeliveryRecord, EventRecord, Journal, MessageRecord, Query
from bridge.journal.sqlite import SqliteJournal
from bridge.model import Action, Fate, SensorEvent, SiteId
from bridge.simulator import ledger
from bridge.simulator.arrivals import from_vxg
from bridge.simulator.issued import Log
from bridge.simulator.journal_ledger import journal_properties
from bridge.simulator.ledger import Arrival, Property, Report, Vehicle
from bridge.simulator.vxg import Raised
from tests.faults.ways.way import Way

MULTIPLIED = "deliveries are events times cameras"
REASONS = "each drop has a reason that is known"
EVERYTHING = 10_000_000
NONE = ()
SITE = SiteId("kill-yard")

Cameras = Mapping[str, Sequence[str]]


class Books:
    """``cameras``: by sensor. ``numbers``: the VMS's of each camera."""

    def __init__(self, ways: Sequence[Way], cameras: Cameras, numbers: Mapping[str, int]) -> None:
        self._ways = ways
        self._cameras = cameras
        self._names = {number: name for name, number in numbers.items()}
        self._way = {sensor: way for way in ways for sensor in way.sensors}
        self.again = Counter[str]()
        """By connector: messages that came again, as their transport said, once ``of_the_journal`` was asked."""

    def log(self) -> Log:
        """What was said on all ways."""
        found = Log()
        for way in self._ways:
            found.issued += way.log.issued
        return found

    def arrivals(self, record: Sequence[Raised]) -> list[Arrival]:
        found = []
        for arrival in from_vxg(record, self._names):
            sensor = arrival.values.get("sensor", "")
            way = self._way.get(sensor)
            found.append(arrival if way is None else _known(arrival, way.thing(sensor, arrival.values)))
        return found

    def report(self, record: Sequence[Raised], least: int) -> Report:
        arrivals = self.arrivals(record)
        for way in self._ways:
            way.owed(arrivals)
        report = ledger.compare(self.log(), arrivals, self._cameras, least=least)
        for way in self._ways:
            report.properties += way.judged(arrivals)
            if apart := way.apart():
                report.notes.append(apart)
        return report

    async def of_the_journal(self, folder: Path, record: Sequence[Raised]) -> list[Property]:
        """Opened when the bridge has gone."""
        journal = await SqliteJournal.open(folder, site=SITE, node="test", clock=SystemClock())
        try:
            found = await journal_properties(self.log(), journal, self.arrivals(record), self._known)
            return [*found, await self._multiplied(journal), await self._reasons(journal)]
        finally:
            await journal.close()

    def _known(self, event: SensorEvent) -> Vehicle | None:
        way = self._way.get(event.sensor)
        return None if way is None else way.thing(event.sensor, {name: str(is_) for name, is_ in event.fields.items()})

    async def _multiplied(self, journal: Journal) -> Property:
        """Each event of a sensor has one delivery to each of its cameras, and there is no other."""
        found = Property(MULTIPLIED)
        expected: set[tuple[str, int, str]] = set()
        async for record in journal.read(Query(what="events", limit=EVERYTHING)):
            assert isinstance(record, EventRecord)
            event = record.event
            if not event.withheld:
                expected.update((event.id, event.revision, camera) for camera in self._cameras.get(event.sensor, ()))
        there: Counter[tuple[str, int, str]] = Counter()
        async for record in journal.read(Query(what="deliveries", limit=EVERYTHING)):
            assert isinstance(record, DeliveryRecord)
            there[record.event, record.revision, record.camera] += 1
            if (record.action is Action.RAISE) != (record.revision == 0):
                found.broken.append(f"{record.action.value} of revision {record.revision} of {record.event}")
        found.checked = len(expected)
        found.broken += [f"{each} is missing" for each in expected - there.keys()]
        found.broken += [f"{each} is one too many" for each in there.keys() - expected]
        found.broken += [f"{each} is there {times} times" for each, times in there.items() if times > 1]
        return found

    async def _reasons(self, journal: Journal) -> Property:
        """What became no event of its own did so for a reason that its way in may give."""
        found = Property(REASONS)
        ways = {way.name: way for way in self._ways}
        async for record in journal.read(Query(what="messages", limit=EVERYTHING)):
            assert isinstance(record, MessageRecord)
            connector = record.message.connector
            self.again[connector] += record.message.redelivered
            for verdict in record.verdicts:
                if verdict.fate is Fate.RAISED:
                    continue
                found.checked += 1
                reason = verdict.why or verdict.rule or ""
                if not reason.startswith(ways[connector].reasons.get(verdict.fate.value, NONE)):
                    found.broken.append(f"message {record.id} of {connector}: {verdict.fate.value} {reason!r}")
        return found


def _known(arrival: Arrival, thing: Vehicle | None) -> Arrival:
    return Arrival(
        camera=arrival.camera, event=arrival.event, order=arrival.order, values=arrival.values, vehicle=thing,
        name=arrival.name, possible_duplicate=arrival.possible_duplicate,
    )  # fmt: skip
