"""One decision while it is being made: what it says so far, and what the next question must already know of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from bridge.config.site import Sensor, Site
from bridge.decide.hiding import hidden
from bridge.decide.memory import Fact, Memory
from bridge.decide.remembered import OF_CONDITIONS
from bridge.model import (
    Action,
    CameraId,
    Complete,
    Decision,
    EventId,
    Fate,
    Instant,
    Item,
    KeptMessage,
    Message,
    NewDelivery,
    Piece,
    Quarantined,
    SensorEvent,
    SensorId,
    StateChange,
    StateKey,
    Verdict,
)

FOREVER = float("inf")


class Gathering:
    """Later items of a message see what earlier ones changed. Memory itself is read, never changed."""

    def __init__(self, site: Site, memory: Memory, at: Instant, test: bool) -> None:
        self.site = site
        self.at = at
        self.now = at.utc.timestamp()
        self.test = test
        self._memory = memory
        self._verdicts: list[Verdict] = []
        self._events: list[SensorEvent] = []
        self._deliveries: list[NewDelivery] = []
        self._changes: dict[StateKey, StateChange] = {}
        self._quarantined: list[Quarantined] = []
        self._endings: dict[tuple[SensorId, str], dict[str, list[str]]] = {}
        self._told: dict[SensorId, dict[str, Complete]] = {}
        self._named: dict[SensorId, frozenset[str]] = {}
        self._place = 0
        self._most = sys.maxsize
        self._closed_before: EventId | None = None
        self.closed: EventId | None = None
        """Of the item that this piece does not come to the end of, the first event that it brought."""

    def decision(
        self, message: KeptMessage | None, piece: Piece | None = None, source: Message | None = None
    ) -> Decision:
        return Decision(
            at=self.at,
            message=message,
            piece=piece,
            source=source,
            verdicts=tuple(self._verdicts),
            events=tuple(self._events),
            deliveries=tuple(self._deliveries),
            changes=tuple(self._changes.values()),
            quarantined=tuple(self._quarantined),
        )

    # ------------------------------------------------------------------------------------------------------ pieces

    def begin_piece(self, most: int, before: Piece | None) -> None:
        """Decide only as much as makes ``most`` verdicts and events; ``before``: what of the message is decided."""
        self._most = most
        if before is not None:
            self._place, self._closed_before = before.place + 1, before.closed

    @property
    def is_full(self) -> bool:
        return len(self._verdicts) + len(self._events) >= self._most

    @property
    def verdicts(self) -> int:
        """How many items are decided."""
        return len(self._verdicts)

    def begin_closing(self) -> tuple[EventId | None, int]:
        """What the piece before closed first for the item that it did not come to the end of, and the number that
        restores which nobody told are counted from: none of an earlier piece is used again."""
        first, self._closed_before = self._closed_before, None
        return first, self._place * self._most if self._place else 0

    # ------------------------------------------------------------------------------------------------------- facts

    def take_back(self, key: StateKey) -> None:
        """Undo a change of this decision, the only one of this fact."""
        del self._changes[key]

    def recall(self, key: StateKey) -> Fact | None:
        """The fact with its timer, as it will be once this decision counts."""
        change = self._changes.get(key) if self._changes else None
        if change is not None:
            if change.value is None:
                return None
            return Fact(
                change.value,
                change.expires,
                None if change.due_in is None else self.at.monotonic + change.due_in,
            )
        return self._memory.get(key.sensor, key.kind, key.key, self.now)

    def has(self, sensor: SensorId, kind: str) -> bool:
        """Whether anything of a kind was remembered before this decision."""
        return self._memory.has(sensor, kind)

    def all_of(self, sensor: SensorId, kind: str) -> Mapping[str, Fact]:
        """All facts of a kind by their keys, in the order of those."""
        found = dict(self._memory.of_kind(sensor, kind, self.now))
        for key in self._changes:
            if key.sensor == sensor and key.kind == kind:
                fact = self.recall(key)
                if fact is None:
                    found.pop(key.key, None)
                else:
                    found[key.key] = fact
        return dict(sorted(found.items()))

    def by_ending(self, sensor: SensorId, kind: str) -> Mapping[str, Sequence[str]]:
        """The keys of a kind that were there before this decision, by what stands after their first part."""
        found = self._endings.get((sensor, kind))
        if found is None:
            found = self._endings[sensor, kind] = {}
            for key in self._memory.of_kind(sensor, kind, self.now):
                found.setdefault(ending_of(key), []).append(key)
        return found

    def was_told(self, sensor: SensorId, complete: Complete) -> bool:
        """Whether an earlier item has told just this, and nothing that it does not name has begun since; remembered
        from now on."""
        told = self._told.setdefault(sensor, {})
        before = told.get(complete.scope)
        if before is not None and (before is complete or before == complete):
            return True
        told[complete.scope] = complete
        self._named[sensor] = frozenset(complete.conditions)
        return False

    def is_out_of_time(self, ends: float, window: float) -> bool:
        """Whether a window that ends then (epoch seconds) was begun by another clock: ours was far ahead and has been
        set back, and until it is there again everything would be taken for what was told then."""
        return ends > self.now + 2 * window

    def remaining(self, fact: Fact) -> float:
        """Seconds until the fact's timer is due, 0 when it is overdue or has none."""
        return 0.0 if fact.due is None else max(0.0, fact.due - self.at.monotonic)

    def set(self, key: StateKey, value: bytes, expires: float, due_in: float | None = None) -> None:
        self._changes[key] = StateChange(key, value, expires, due_in)
        if self._told and key.kind in OF_CONDITIONS and key.key not in self._named.get(key.sensor, ()):
            self._told.pop(key.sensor, None)

    def forget(self, key: StateKey) -> None:
        self._changes[key] = StateChange(key, None)

    # ------------------------------------------------------------------------------------------------- what follows

    def show(
        self,
        sensor: Sensor,
        event: SensorEvent,
        cameras: tuple[CameraId, ...],
        action: Action = Action.RAISE,
    ) -> None:
        """The event, as far as it may be seen, to these cameras; those no longer of the site are passed over."""
        if sensor.rules:
            event = hidden(self.site.id, sensor.rules, event)
        self._events.append(event)
        known = self.site.cameras
        for camera in cameras:
            if camera in known:
                self._deliveries.append(
                    NewDelivery(event.id, event.revision, camera, known[camera].vms, sensor.id, action, event.urgency)
                )

    def withhold(self, sensor: Sensor | None, event: SensorEvent, rule: str) -> None:
        """The event on record without deliveries: items were collapsed into it, and the ledger must find it."""
        if sensor is not None and sensor.rules:
            event = hidden(self.site.id, sensor.rules, event)
        self._events.append(msgspec.structs.replace(event, withheld=rule))

    def verdict(
        self,
        item: Item,
        fate: Fate,
        sensor: Sensor,
        event: EventId | None = None,
        rule: str | None = None,
        why: str = "",
    ) -> None:
        self._verdicts.append(Verdict(item.index, fate, sensor.id, event, rule, why))

    def quarantine(
        self, index: int, sensor: Sensor | None, message: Message, why: str, unknown: bool, key: str = ""
    ) -> None:
        sensor_id = sensor.id if sensor is not None else None
        origin = f"{message.connector} {message.origin.peer} {message.origin.place}"
        self._quarantined.append(Quarantined(index, origin, why, sensor_id, unknown, key))
        self._verdicts.append(Verdict(index, Fate.QUARANTINED, sensor_id, why=why))


def short(identity: str) -> str:
    """96 bits of an identity: many are remembered, and only equality counts."""
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def ending_of(key: str) -> str:
    """What stands in a joined key after its first part, with the sign between them."""
    return key[key.find("|") :]
