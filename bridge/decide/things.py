"""The messages about one thing as they come: held until the best is known, raised once, amended after that."""

from __future__ import annotations

import msgspec

from bridge.config.site import Sensor
from bridge.decide import collapse
from bridge.decide.collapse import Thing
from bridge.decide.conditions import REMOVED, Settled, settle, with_cameras
from bridge.decide.gathering import Gathering, ending_of
from bridge.decide.in_service import as_it_is
from bridge.decide.judging import named_again
from bridge.decide.memory import Fact
from bridge.model import Action, CameraId, Collapse, Fate, Item, Scalar, SensorEvent, SensorId, StateKey


def said(gathering: Gathering, sensor: Sensor, item: Item, event: SensorEvent, how: Collapse) -> None:
    """One more message about a thing; gives the item its verdict."""
    key, fact = _known(gathering, sensor.id, how)
    thing = collapse.unpack(fact.value) if fact is not None else None
    if thing is not None and (
        (how.begins and thing.begins not in ("", how.begins)) or gathering.is_out_of_time(thing.ends, how.window)
    ):
        hold_ended(gathering, key, thing)  # another thing under the same key: the earlier one waits no longer
        thing = None
    if thing is None:
        ends = gathering.now + how.window
        thing = Thing(event.id, ends, rank=how.rank, urgency=event.urgency, begins=how.begins, said=event.urgency)
        if how.hold > 0:
            _hold(gathering, key, thing, sensor.cameras, event, how.rank, how.hold)
            gathering.verdict(item, Fate.COLLAPSED, sensor, event.id)
        else:
            _open(gathering, key, thing, sensor, item, event, how.amend)
        return
    thing.begins = thing.begins or how.begins
    if thing.held is not None:
        best, rank = collapse.better(thing.held, thing.rank, event, how.rank)
        if how.hold > 0:
            _hold(gathering, key, thing, sensor.cameras, best, rank, gathering.remaining(fact) if fact else 0.0)
            gathering.verdict(item, Fate.COLLAPSED, sensor, best.id)
        else:
            thing.rank = rank
            _open(gathering, key, thing, sensor, item, best, how.amend)
    elif thing.withheld or event.urgency < (thing.urgency if thing.said is None else thing.said):
        # Filtered so far, or more urgent than what the cameras were told: an amendment would not be noticed.
        marks = event.marks if thing.withheld else (*event.marks, f"more urgent than {thing.event}")
        thing = Thing(event.id, thing.ends, rank=how.rank, begins=thing.begins)
        _open(gathering, key, thing, sensor, item, msgspec.structs.replace(event, marks=marks), how.amend)
    else:
        _amend(gathering, key, thing, sensor, item, event, how)


def _known(gathering: Gathering, sensor: SensorId, how: Collapse) -> tuple[StateKey, Fact | None]:
    """The key under which the thing is known, and what is known of it."""
    key = StateKey(sensor, collapse.KIND, how.key)
    fact = gathering.recall(key)
    if fact is not None or not how.loose:
        return key, fact
    if how.loose != how.key:
        other = StateKey(sensor, collapse.KIND, how.loose)
        fact = gathering.recall(other)
        return (key, None) if fact is None else (other, fact)
    alike = gathering.by_ending(sensor, collapse.KIND).get(ending_of(how.key), ())
    if len(alike) != 1:
        return key, None
    key = StateKey(sensor, collapse.KIND, alike[0])
    return key, gathering.recall(key)


def hold_ended(gathering: Gathering, key: StateKey, thing: Thing) -> None:
    event = thing.held
    if event is None:
        gathering.set(key, collapse.pack(thing), thing.ends)
        return
    sensor = gathering.site.sensors.get(key.sensor)
    if sensor is None:
        gathering.withhold(None, event, REMOVED)
        gathering.forget(key)
        return
    sensor = with_cameras(as_it_is(gathering, sensor), thing.cameras)
    settled = settle(gathering, sensor, event)
    _told(gathering, key, thing, sensor, event, settled)
    _on_record(gathering, sensor, settled)


def _hold(
    gathering: Gathering,
    key: StateKey,
    thing: Thing,
    cameras: tuple[CameraId, ...],
    event: SensorEvent,
    rank: int,
    seconds: float,
) -> None:
    thing.held, thing.rank, thing.cameras = event, rank, cameras
    gathering.set(key, collapse.pack(thing), thing.ends, seconds)


def _open(
    gathering: Gathering,
    key: StateKey,
    thing: Thing,
    sensor: Sensor,
    item: Item,
    event: SensorEvent,
    worth: tuple[str, ...],
) -> None:
    """Raise the thing's event because of this item, unless a rule filters it."""
    was_held = thing.held is not None
    settled = settle(gathering, sensor, event)
    _told(gathering, key, thing, sensor, event, settled, worth)
    if was_held:
        _on_record(gathering, sensor, settled)
    verdict_of(gathering, sensor, item, settled)


def verdict_of(gathering: Gathering, sensor: Sensor, item: Item, settled: Settled) -> None:
    if settled.fate is Fate.RAISED:
        gathering.verdict(item, Fate.RAISED, sensor, settled.event.id)
    elif settled.fate is Fate.FILTERED:
        gathering.verdict(item, Fate.FILTERED, sensor, rule=settled.rule)
    else:
        gathering.verdict(item, settled.fate, sensor, settled.into)


def _on_record(gathering: Gathering, sensor: Sensor, settled: Settled) -> None:
    """Items were collapsed into an event that is not raised: the ledger must find it."""
    if settled.fate is Fate.FILTERED:
        gathering.withhold(sensor, settled.event, settled.rule)
    elif settled.fate is Fate.COLLAPSED and settled.into != settled.event.id:
        gathering.withhold(sensor, settled.event, f"part of {settled.into}")


def _told(
    gathering: Gathering,
    key: StateKey,
    thing: Thing,
    sensor: Sensor,
    event: SensorEvent,
    settled: Settled,
    worth: tuple[str, ...] = (),
) -> None:
    """Remember what the cameras know of the thing from now on: of the fields, those worth an amendment."""
    judged = settled.event
    thing.held = None
    thing.event = judged.id
    _remember(thing, event, dict(judged.fields), worth)
    thing.urgency = judged.urgency
    thing.said = event.urgency
    thing.cameras = sensor.cameras
    thing.withheld = "" if settled.fate is Fate.RAISED else settled.rule or f"part of {settled.into}"
    gathering.set(key, collapse.pack(thing), thing.ends)


def _remember(thing: Thing, event: SensorEvent, fields: dict[str, Scalar], worth: tuple[str, ...]) -> None:
    """What is known from now on: where messages have a rank, all that the best of them told, for one of a lower rank
    must not stand beside it; else the fields worth an amendment."""
    if thing.rank:
        thing.title, thing.type, thing.occurred = event.title, event.type, event.occurred_at.timestamp()
        thing.pictured = thing.pictured or bool(event.media)
        thing.fields = fields
    else:
        thing.fields = {name: fields[name] for name in worth if name in fields} if worth else fields


def _amend(
    gathering: Gathering,
    key: StateKey,
    thing: Thing,
    sensor: Sensor,
    item: Item,
    event: SensorEvent,
    how: Collapse,
) -> None:
    """Tell what is new. A buffer that is sent again brings the first, worst read of a plate after the last and best:
    what was told with a higher rank stays, and of one rank what happened later."""
    worse = collapse.is_worse(thing, event, how.rank)
    changed = collapse.changes(thing.fields, event, how, worse)
    if not changed and how.rank <= thing.rank:
        if how.begins:
            gathering.set(key, collapse.pack(thing), thing.ends)
        gathering.verdict(item, Fate.COLLAPSED, sensor, thing.event)
        return
    if worse:
        fields = {**event.fields, **thing.fields}
        event = _as_told(thing, event)
        thing.fields = fields
    else:
        fields = {**thing.fields, **event.fields}
        fields.update({name: thing.fields[name] for name in how.assumed if name in thing.fields})
        thing.rank = how.rank
        _remember(thing, event, fields, how.amend)
    if changed:
        thing.revision += 1
        amendment = msgspec.structs.replace(
            event, id=thing.event, revision=thing.revision, changes=changed, fields=fields, urgency=thing.urgency
        )
        if sensor.rules:
            amendment = named_again(sensor, amendment)
        gathering.show(sensor, amendment, thing.cameras, Action.AMEND)
    gathering.set(key, collapse.pack(thing), thing.ends)
    gathering.verdict(item, Fate.AMENDED if changed else Fate.COLLAPSED, sensor, thing.event)


def _as_told(thing: Thing, event: SensorEvent) -> SensorEvent:
    """A worse message under the title and type of the best one, and without its pictures where there are others. What
    an earlier version told it did not remember."""
    media = () if thing.pictured else event.media
    thing.pictured = thing.pictured or bool(media)
    return msgspec.structs.replace(event, title=thing.title or event.title, type=thing.type or event.type, media=media)
