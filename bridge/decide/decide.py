"""What follows from a message, or from a timer: pure, the same answer for the same question.

Nothing here reads a clock, a disk or a socket. The order of judgement for one item: can it be read and is it
anybody's → is it told before (dedup) → does its profile keep quiet about it → which thing is it about (collapse) →
do the sensor's rules let it through → which condition does it open or close → which cameras get it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from bridge.config.site import Sensor, Site
from bridge.decide import collapse
from bridge.decide.collapse import Thing
from bridge.decide.draft import event_of, media_of, seen_by_rules
from bridge.decide.memory import Fact, Memory
from bridge.decide.rules import CollapseOff, Select
from bridge.model import (
    Action,
    CameraId,
    Collapse,
    Decision,
    Draft,
    Fate,
    Instant,
    Item,
    KeptMedia,
    KeptMessage,
    Malformed,
    Message,
    MessageId,
    NewDelivery,
    Part,
    Quarantined,
    SensorEvent,
    State,
    StateChange,
    StateKey,
    Verdict,
)
from bridge.profiles.expression import ExpressionFailed
from bridge.routing import Routed, RoutedItem

DEDUP = "dedup"
CONDITION = "condition"
FOREVER = float("inf")


def sensors_of(routed: Routed) -> Iterable[Sensor]:
    """The sensors whose facts must be in memory before ``decide`` is asked."""
    return [item.sensor for item in routed.items if item.sensor is not None]


def decide(
    site: Site, routed: Routed, message_id: MessageId, memory: Memory, at: Instant, test: bool = False
) -> Decision:
    """Everything that follows from one message. ``memory`` is read, never changed: the changes are in the decision."""
    judge = _Judge(site, memory, at, test)
    for item in routed.items:
        judge.item(item, message_id, routed.message)
    return judge.decision(_kept(routed, message_id))


def undecided(message: Message, message_id: MessageId, at: Instant, why: str) -> Decision:
    """What follows from a message that could not be decided, because of a fault of ours: it is kept, and said."""
    origin = f"{message.connector} {message.origin.peer} {message.origin.place}"
    return Decision(
        at=at,
        message=KeptMessage(id=message_id, message=message),
        verdicts=(Verdict(0, Fate.QUARANTINED, why=why),),
        quarantined=(Quarantined(0, origin, why),),
    )


def decide_timer(site: Site, key: StateKey, memory: Memory, at: Instant) -> Decision:
    """What follows when the timer of a fact fires: a hold has ended. The timer is gone with this decision."""
    judge = _Judge(site, memory, at, False)
    fact = judge.recall(key)
    if fact is not None:
        judge.hold_ended(key, collapse.unpack(fact.value))
    return judge.decision(None)


class _Judge:
    """Gathers one decision. Later items of a message see what earlier ones changed."""

    def __init__(self, site: Site, memory: Memory, at: Instant, test: bool) -> None:
        self._site = site
        self._memory = memory
        self._at = at
        self._now = at.utc.timestamp()
        self._test = test
        self._verdicts: list[Verdict] = []
        self._events: list[SensorEvent] = []
        self._deliveries: list[NewDelivery] = []
        self._changes: dict[StateKey, StateChange] = {}
        self._quarantined: list[Quarantined] = []

    def decision(self, message: KeptMessage | None) -> Decision:
        return Decision(
            at=self._at,
            message=message,
            verdicts=tuple(self._verdicts),
            events=tuple(self._events),
            deliveries=tuple(self._deliveries),
            changes=tuple(self._changes.values()),
            quarantined=tuple(self._quarantined),
        )

    def recall(self, key: StateKey) -> Fact | None:
        change = self._changes.get(key) if self._changes else None
        if change is not None:
            return None if change.value is None else Fact(change.value, change.expires)
        return self._memory.get(key.sensor, key.kind, key.key, self._now)

    # ------------------------------------------------------------------------------------------------ one item

    def item(self, routed: RoutedItem, message_id: MessageId, message: Message) -> None:
        sensor, draft, item = routed.sensor, routed.draft, routed.item
        if sensor is None or not isinstance(draft, Draft) or not isinstance(item, Item):
            why = draft.why if isinstance(draft, Malformed) else routed.why
            self._quarantine(item.index, sensor, message, why, unknown=isinstance(item, Item) and sensor is None)
            return
        told = StateKey(sensor.id, DEDUP, _short(draft.dedup)) if draft.dedup is not None else None
        if told is not None:
            before = self.recall(told)
            if before is not None:
                first = before.value.decode()
                self._verdict(item, Fate.DUPLICATE, sensor, why=f"the same was said in {first}")
                return
            value = f"{message_id}.{item.index}".encode()
            self._set(told, value, self._now + draft.dedup_window)
        if draft.quiet is not None:
            self._verdict(item, Fate.FILTERED, sensor, rule=f"profile: {draft.quiet}")
            return
        event = event_of(self._site, sensor, draft, item, message_id, self._at)
        if self._test:
            event = msgspec.structs.replace(event, test=True)
        if draft.collapse is not None and not any(isinstance(rule, CollapseOff) for rule in sensor.rules):
            self._collapse(sensor, item, event, draft.collapse)
        else:
            self._verdict_of(item, sensor, *self._judge(sensor, event))

    def _verdict_of(self, item: Item, sensor: Sensor, event: SensorEvent, filtered_by: str | None) -> None:
        if filtered_by is not None:
            self._verdict(item, Fate.FILTERED, sensor, rule=filtered_by)
        else:
            self._raise(sensor, event)
            self._verdict(item, Fate.RAISED, sensor, event)

    def _judge(self, sensor: Sensor, event: SensorEvent) -> tuple[SensorEvent, str | None]:
        """The event with its marks, and the name of the rule that filters it. A rule that fails lets it through."""
        if not sensor.rules:
            return event, None
        seen = None
        for rule in sensor.rules:
            if isinstance(rule, Select):
                if seen is None:
                    seen = {"event": seen_by_rules(event)}
                try:
                    passed = rule.expression.evaluate(seen)
                except ExpressionFailed as failure:
                    event = msgspec.structs.replace(event, marks=(*event.marks, f"rule {rule.name} failed: {failure}"))
                    continue
                if passed is not True:
                    return event, rule.name
        return event, None

    # ------------------------------------------------------------------------------------------------ one thing

    def _collapse(self, sensor: Sensor, item: Item, event: SensorEvent, how: Collapse) -> None:
        key = StateKey(sensor.id, collapse.KIND, how.key)
        fact = self.recall(key)
        thing = collapse.unpack(fact.value) if fact is not None else None
        if thing is not None and how.begins and thing.begins not in ("", how.begins):
            self.hold_ended(key, thing)  # another thing under the same key: the earlier one waits no longer
            thing = None
        if thing is None:
            thing = Thing(event=event.id, ends=self._now + how.window, urgency=event.urgency, begins=how.begins)
            if how.hold > 0:
                self._hold(key, thing, event, how.rank, how.hold)
                self._verdict(item, Fate.COLLAPSED, sensor, event)
            else:
                self._open(key, thing, sensor, item, event, how.amend)
            return
        thing.begins = thing.begins or how.begins
        if thing.held is not None:
            best, rank = collapse.better(thing.held, thing.rank, event, how.rank)
            if how.hold > 0:
                self._hold(
                    key,
                    thing,
                    best,
                    rank,
                    None if fact is None or fact.due is None else max(0.0, fact.due - self._at.monotonic),
                )
                self._verdict(item, Fate.COLLAPSED, sensor, best)
            else:
                self._open(key, thing, sensor, item, best, how.amend)
        elif thing.withheld or event.urgency < thing.urgency:
            # Filtered so far, or more urgent than what the cameras were told: an amendment would not be noticed.
            marks = event.marks if thing.withheld else (*event.marks, f"more urgent than {thing.event}")
            thing = Thing(event=event.id, ends=thing.ends)
            self._open(key, thing, sensor, item, msgspec.structs.replace(event, marks=marks), how.amend)
        else:
            self._amend(key, thing, sensor, item, event, how.amend)

    def _hold(self, key: StateKey, thing: Thing, event: SensorEvent, rank: int, seconds: float | None) -> None:
        thing.held, thing.rank = event, rank
        # An earlier item of this very message may have begun the hold: then its timer is still in the changes.
        earlier = self._changes.get(key)
        due_in = earlier.due_in if seconds is None and earlier is not None else seconds
        self._set(key, collapse.pack(thing), thing.ends, due_in if due_in is not None else 0.0)

    def _open(
        self, key: StateKey, thing: Thing, sensor: Sensor, item: Item, event: SensorEvent, worth: tuple[str, ...]
    ) -> None:
        """Raise the thing's event because of this item, unless a rule filters it."""
        was_held = thing.held is not None
        judged, filtered_by = self._judge(sensor, event)
        self._told(key, thing, sensor, judged, filtered_by, worth)
        if was_held and filtered_by is not None:
            self._withhold(judged, filtered_by)  # items were collapsed into it: the ledger must find it
        self._verdict_of(item, sensor, judged, filtered_by)

    def _told(
        self,
        key: StateKey,
        thing: Thing,
        sensor: Sensor,
        event: SensorEvent,
        filtered_by: str | None,
        worth: tuple[str, ...] = (),
    ) -> None:
        """Remember what the cameras know of the thing from now on: of the fields, those worth an amendment."""
        thing.held = None
        thing.event = event.id
        fields = event.fields
        thing.fields = {name: fields[name] for name in worth if name in fields} if worth else dict(fields)
        thing.urgency = event.urgency
        thing.cameras = sensor.cameras
        thing.withheld = filtered_by or ""
        self._set(key, collapse.pack(thing), thing.ends)

    def hold_ended(self, key: StateKey, thing: Thing) -> None:
        event = thing.held
        if event is None:
            return
        sensor = self._site.sensors.get(key.sensor)
        if sensor is None:
            self._withhold(event, "the sensor was removed from the site")
            self._set(key, None, 0.0)
            return
        judged, filtered_by = self._judge(sensor, event)
        self._told(key, thing, sensor, judged, filtered_by)
        if filtered_by is None:
            self._raise(sensor, judged)
        else:
            self._withhold(judged, filtered_by)

    def _amend(
        self, key: StateKey, thing: Thing, sensor: Sensor, item: Item, event: SensorEvent, worth: tuple[str, ...]
    ) -> None:
        changed = collapse.changes(thing.fields, event, worth)
        if not changed:
            self._verdict(item, Fate.COLLAPSED, sensor, msgspec.structs.replace(event, id=thing.event))
            return
        thing.revision += 1
        fields = {**thing.fields, **event.fields}
        thing.fields = {name: fields[name] for name in worth if name in fields} if worth else fields
        amendment = msgspec.structs.replace(
            event, id=thing.event, revision=thing.revision, changes=changed, fields=fields, urgency=thing.urgency
        )
        self._events.append(amendment)
        for camera in thing.cameras:
            if camera in self._site.cameras:
                self._deliver(sensor, camera, amendment, Action.AMEND)
        self._set(key, collapse.pack(thing), thing.ends)
        self._verdict(item, Fate.AMENDED, sensor, amendment)

    # ----------------------------------------------------------------------------------------------- what follows

    def _raise(self, sensor: Sensor, event: SensorEvent) -> None:
        if event.condition is not None:
            event = self._condition(event, event.condition)
        self._events.append(event)
        for camera in sensor.cameras:
            self._deliver(sensor, camera, event, Action.RAISE)

    def _condition(self, event: SensorEvent, condition: str) -> SensorEvent:
        """Open or close a condition; a restore names what it closes and takes its urgency."""
        key = StateKey(event.sensor, CONDITION, condition)
        if event.state is State.ACTIVE:
            self._set(key, f"{int(event.urgency)} {event.id}".encode(), FOREVER)
        elif event.state is State.RESTORED:
            fact = self.recall(key)
            if fact is None:
                return msgspec.structs.replace(event, marks=(*event.marks, "restored without a known start"))
            urgency, _, opened = fact.value.decode().partition(" ")
            self._set(key, None, 0.0)
            return msgspec.structs.replace(event, closes=opened, urgency=type(event.urgency)(int(urgency)))
        return event

    def _deliver(self, sensor: Sensor, camera: CameraId, event: SensorEvent, action: Action) -> None:
        vms = self._site.cameras[camera].vms
        self._deliveries.append(NewDelivery(event.id, event.revision, camera, vms, sensor.id, action, event.urgency))

    def _withhold(self, event: SensorEvent, rule: str) -> None:
        self._events.append(msgspec.structs.replace(event, withheld=rule))

    def _quarantine(self, index: int, sensor: Sensor | None, message: Message, why: str, unknown: bool) -> None:
        sensor_id = sensor.id if sensor is not None else None
        origin = f"{message.connector} {message.origin.peer} {message.origin.place}"
        self._quarantined.append(Quarantined(index, origin, why, sensor_id, unknown))
        self._verdicts.append(Verdict(index, Fate.QUARANTINED, sensor_id, why=why))

    def _verdict(
        self,
        item: Item,
        fate: Fate,
        sensor: Sensor,
        event: SensorEvent | None = None,
        rule: str | None = None,
        why: str = "",
    ) -> None:
        self._verdicts.append(Verdict(item.index, fate, sensor.id, event.id if event else None, rule, why))

    def _set(self, key: StateKey, value: bytes | None, expires: float, due_in: float | None = None) -> None:
        self._changes[key] = StateChange(key, value, expires, due_in)


def _short(identity: str) -> str:
    """96 bits of an identity: many are remembered, and only equality counts."""
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _kept(routed: Routed, message_id: MessageId) -> KeptMessage:
    """The message as it is stored: pictures as media, once; a body they were taken out of as what remained."""
    message = routed.message
    media: list[KeptMedia] = []
    pictures: list[Part] = []
    for each in routed.items:
        if isinstance(each.item, Item) and isinstance(each.draft, Draft) and each.item.media:
            kept = media_of(each.item, each.draft, message_id)
            media += [KeptMedia(about, part.data) for about, part in zip(kept, each.item.media, strict=True)]
            pictures += each.item.media
    if not media:
        return KeptMessage(id=message_id, message=message)
    parts = tuple(
        [
            msgspec.structs.replace(part, data=b"") if any(part.data is one.data for one in pictures) else part
            for part in message.parts
        ]
    )
    body = message.body
    if body and len(routed.items) == 1 and isinstance(routed.items[0].draft, Draft):
        body = routed.items[0].draft.detail
    return KeptMessage(
        id=message_id, message=msgspec.structs.replace(message, parts=parts, body=body), media=tuple(media)
    )
