"""Does the ledger close? What senders issued against what a VMS holds, property by property.

Order is judged per lane (sensor, camera, urgency): a vehicle whose event must have been raised before another vehicle
was seen at all must stand before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bridge.simulator.issued import Issued, Log

Vehicle = tuple[str, str, int]
_SHOWN = 8


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One event a VMS holds. ``order``: place among all it took. ``event``: the bridge's id of it.

    ``values``: what stands there now, by the names of ``Issued.expect``. ``vehicle``: sensor, serial and carID, where
    the VMS was told; else it is known again by its ``name``, or its plate.
    """

    camera: str
    event: str
    order: int
    values: Mapping[str, str]
    vehicle: Vehicle | None = None
    name: str = ""
    possible_duplicate: bool = False


class Property(msgspec.Struct):
    """``broken``: each breach in words; it holds when there is none. ``checked``: how often it was looked at."""

    name: str
    checked: int = 0
    broken: list[str] = []

    @property
    def holds(self) -> bool:
        return not self.broken


class Report(msgspec.Struct):
    properties: list[Property]
    notes: list[str] = []
    """What is counted apart: no breach, but to be said."""

    @property
    def closes(self) -> bool:
        return all(each.holds for each in self.properties)

    def broken(self, name: str) -> list[str]:
        """The breaches of the property of this name."""
        return next(each for each in self.properties if each.name == name).broken

    def text(self) -> str:
        lines = []
        for each in self.properties:
            said = "holds" if each.holds else f"BROKEN {len(each.broken):,} times"
            lines.append(f"  {each.name:<40} {said} ({each.checked:,} checked)")
            lines += [f"      {breach}" for breach in each.broken[:_SHOWN]]
            if len(each.broken) > _SHOWN:
                lines.append(f"      … and {len(each.broken) - _SHOWN:,} more")
        lines += [f"  {note}" for note in self.notes]
        lines.append(f"  {'the ledger closes' if self.closes else 'THE LEDGER DOES NOT CLOSE'}")
        return "\n".join(lines)


ARRIVES = "every acknowledged event arrives"
ISSUED = "every arrival was issued"
EQUAL = "payload equal"
ORDER = "order per lane"
ONCE = "nothing twice"
ENOUGH = "enough traffic was seen"


def compare(log: Log, arrivals: Iterable[Arrival], cameras: Mapping[str, Sequence[str]], *, least: int = 1) -> Report:
    """``cameras``: by sensor, those its events must stand on. ``least``: messages that must have been issued."""
    return _Ledger(log, sorted(arrivals, key=lambda each: each.order), cameras).report(least)


class _Ledger:
    def __init__(self, log: Log, arrivals: Sequence[Arrival], cameras: Mapping[str, Sequence[str]]) -> None:
        self._vehicles = log.vehicles()
        self._by_name = {each.name or each.plate: each.vehicle for each in log.issued if each.name or each.plate}
        self._issued = len(log.issued)
        self._cameras = cameras
        self._strangers: list[Arrival] = []
        self._there: defaultdict[tuple[Vehicle, str], list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            vehicle = arrival.vehicle or self._by_name.get(arrival.name or arrival.values.get("plate", ""))
            if vehicle is None or vehicle not in self._vehicles:
                self._strangers.append(arrival)
            else:
                self._there[vehicle, arrival.camera].append(arrival)

    def report(self, least: int) -> Report:
        arrives, apart = self._arrives()
        enough = Property(ENOUGH, self._issued)
        if self._issued < least:
            enough.broken.append(f"{self._issued:,} messages were issued, {least:,} are wanted")
        properties = [arrives, self._was_issued(), self._equal(), self._order(), self._once(), enough]
        return Report(properties, [apart] if apart else [])

    def _arrives(self) -> tuple[Property, str]:
        found = Property(ARRIVES)
        taken = 0
        for vehicle, messages in self._vehicles.items():
            sure = any(message.sure for message in messages)
            missing = [camera for camera in self._cameras[vehicle[0]] if (vehicle, camera) not in self._there]
            if not sure:
                taken += bool(missing)
                continue
            found.checked += 1
            if missing:
                found.broken.append(f"{_name(messages)} is not on {', '.join(missing)}")
        unsure = sum(1 for messages in self._vehicles.values() for message in messages if message.unsure)
        if not unsure:
            return found, ""
        return (
            found,
            f"{unsure:,} messages without acknowledgement may have been taken by a cut, {taken:,} vehicles were",
        )

    def _was_issued(self) -> Property:
        found = Property(ISSUED, sum(map(len, self._there.values())) + len(self._strangers))
        found.broken = [
            f"{each.camera} has event {each.event} of {each.name or each.values.get('plate')!r} that nobody sent"
            for each in self._strangers
        ]
        for (vehicle, camera), arrivals in self._there.items():
            if camera not in self._cameras[vehicle[0]]:
                found.broken.append(f"{camera} has event {arrivals[0].event} of {vehicle[0]}, which is not on it")
        return found

    def _equal(self) -> Property:
        found = Property(EQUAL)
        for (vehicle, camera), arrivals in self._there.items():
            messages = self._vehicles[vehicle]
            allowed = _final(messages)
            for arrival in arrivals:
                found.checked += 1
                if not any(_agrees(arrival, expect) for expect in allowed):
                    wanted = " or ".join(str(expect) for expect in allowed)
                    shown = {name: arrival.values.get(name) for name in (allowed[0] if allowed else arrival.values)}
                    found.broken.append(f"{camera} has {shown} for {_name(messages)}, where {wanted} was said")
        return found

    def _order(self) -> Property:
        found = Property(ORDER)
        lanes: defaultdict[tuple[str, str, str], list[tuple[int, Vehicle]]] = defaultdict(list)
        for (vehicle, camera), arrivals in self._there.items():
            messages = self._vehicles[vehicle]
            if not any(message.unsure or not message.ordered for message in messages):
                lanes[vehicle[0], camera, messages[0].urgency].append((arrivals[0].order, vehicle))
        for (sensor, camera, _), lane in lanes.items():
            earliest: tuple[int, Vehicle] | None = None  # of those that stand later: by when it had to be raised
            for _, vehicle in sorted(lane, reverse=True):
                messages = self._vehicles[vehicle]
                found.checked += 1
                if earliest is not None and earliest[0] < messages[0].number:
                    later = self._vehicles[earliest[1]]
                    found.broken.append(f"{sensor} on {camera}: {_name(messages)} stands before {_name(later)}")
                raised = next((each.number for each in messages if each.raises), messages[-1].number)
                if earliest is None or raised < earliest[0]:
                    earliest = (raised, vehicle)
        return found

    def _once(self) -> Property:
        found = Property(ONCE)
        for (vehicle, camera), arrivals in self._there.items():
            found.checked += 1
            messages = self._vehicles[vehicle]
            # Double beats late, but for alarms alone, and all but one of them marked. A marked one may come first,
            # when what it repeats was committed late.
            unmarked = [each for each in arrivals if not each.possible_duplicate]
            if len(arrivals) > 1 and (len(unmarked) > 1 or not messages[0].alarm):
                events = Counter(each.event for each in arrivals)
                found.broken.append(
                    f"{_name(messages)} stands {len(arrivals)} times on {camera}: events {dict(events)}"
                )
        return found


def _final(messages: Sequence[Issued]) -> list[dict[str, str]]:
    """What may stand in the VMS in the end: what was surely said last, or an unsure message said after that."""
    sure = max((place for place, each in enumerate(messages) if each.sure), default=None)
    allowed = [] if sure is None else [messages[sure].expect]
    later = messages if sure is None else messages[sure + 1 :]
    return allowed + [each.expect for each in later if each.unsure or each.attempts]


def _agrees(arrival: Arrival, expect: Mapping[str, str]) -> bool:
    return all(arrival.values.get(name) == value for name, value in expect.items())


def _name(messages: Sequence[Issued]) -> str:
    first, last = messages[0], messages[-1]
    return f"{f'vehicle {last.plate}' if last.plate else last.state} ({first.car} of {first.sensor} {first.serial})"
