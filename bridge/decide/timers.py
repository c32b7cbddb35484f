"""What follows when the timer of a fact fires. The timer is gone with the decision."""

from __future__ import annotations

import msgspec

from bridge.config.site import Sensor
from bridge.decide import chatter, collapse, things
from bridge.decide.conditions import Condition, with_cameras
from bridge.decide.gathering import Gathering
from bridge.decide.in_service import SERVICE, as_it_is
from bridge.decide.judging import judge
from bridge.decide.memory import Fact
from bridge.decide.remembered import DEBOUNCE, ENDING
from bridge.decide.rules import Chatter, Debounce
from bridge.model import Clock, EventId, MessageId, SensorEvent, State, StateKey

NO_END = "no end was told"


def fired(gathering: Gathering, key: StateKey, fact: Fact) -> None:
    sensor = gathering.site.sensors.get(key.sensor)
    if sensor is not None:
        sensor = as_it_is(gathering, sensor)
    if key.kind == collapse.KIND:
        things.hold_ended(gathering, key, collapse.unpack(fact.value))
    elif key.kind == DEBOUNCE:
        Condition(gathering, key.sensor, key.key).lasted(sensor)
    elif key.kind == ENDING:
        _ended(gathering, key, sensor)
    elif key.kind == chatter.CHATTER:
        _quiet(gathering, key, sensor, chatter.unpack(fact.value))
    elif key.kind == SERVICE:
        gathering.forget(key)
    else:
        gathering.set(key, fact.value, fact.expires)  # of a version that knows more: nothing is done, nothing lost


def _ended(gathering: Gathering, key: StateKey, sensor: Sensor | None) -> None:
    """So long after the last active the condition is over."""
    condition = Condition(gathering, key.sensor, key.key)
    opened = condition.open
    if sensor is None or opened is None:
        condition.ended(sensor)
        return
    restore = SensorEvent(
        id=EventId(f"{opened.event}-end"),
        site=gathering.site.id,
        sensor=sensor.id,
        sensor_name=sensor.name,
        kind=sensor.kind,
        message=opened.message or MessageId(opened.event.rpartition(".")[0]),
        type=opened.type,
        title=opened.title,
        occurred_at=gathering.at.utc,
        arrived_at=gathering.at.utc,
        clock=Clock.ARRIVAL,
        detail=b"{}",
        marks=(NO_END,),
    )
    condition.end_untold(sensor, restore)


def _quiet(gathering: Gathering, key: StateKey, sensor: Sensor | None, state: chatter.Chattering) -> None:
    """It has been quiet for long enough: one event says how often it spoke, and whether it is on now."""
    gathering.forget(key)
    if sensor is None or state.held is None:
        return
    held, sensor = state.held, with_cameras(sensor, state.cameras)
    condition = Condition(gathering, sensor.id, held.condition) if held.condition is not None else None
    on = condition is not None and held.state is State.ACTIVE and condition.filtered == state.rule
    event = msgspec.structs.replace(
        held,
        id=EventId(f"{held.id}-chatter"),
        state=State.ACTIVE if on else State.MOMENTARY,
        fields={**held.fields, chatter.FIELD: state.more},
        marks=(*held.marks, f"{state.rule}: {state.more} were not shown one by one"),
    )
    judged = judge(gathering, sensor, event, state.after, (Debounce, Chatter))
    if judged.filtered:
        gathering.withhold(sensor, judged.event, judged.filtered)
    elif on and condition is not None:
        condition.quiet_again(sensor, event, judged, state.said)
    else:
        gathering.show(sensor, judged.event, sensor.cameras)
