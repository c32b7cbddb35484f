"""What a sensor's rules say about an event that would be raised: in the order they are written, each seeing what those
before made of it."""

from __future__ import annotations

import msgspec

from bridge.config.site import Sensor
from bridge.decide import chatter, suppress
from bridge.decide.draft import seen_by_rules
from bridge.decide.gathering import Gathering
from bridge.decide.rules import (
    USUAL_CHATTER,
    Chatter,
    ChatterOff,
    Debounce,
    Inhibit,
    Rule,
    Schedule,
    Select,
    Set,
    Suppress,
)
from bridge.decide.schedule import is_armed
from bridge.model import SensorEvent, State, StateKey, Urgency
from bridge.profiles.expression import Expression, ExpressionFailed

NO_TIMES = (Schedule, Suppress, Debounce)
"""Rules that ask when something is, how long, or how often again: silent about a restore whose start nobody knows."""

ONLY_WHAT_IT_IS = (*NO_TIMES, Chatter)
"""Silent about test events, which must not use up what a real one needs."""


class Judged(msgspec.Struct):
    """The event as the rules leave it, with its marks.

    ``filtered``: the rule that keeps it back, "" for none. ``wait``: seconds it has to last first, because of
    ``waits_for``; ``after``: how many rules have spoken until then. ``windows``: the repeats that are filtered, and
    for how many seconds, once it is raised. ``seen``: the event as expressions see it.
    """

    event: SensorEvent
    filtered: str = ""
    wait: float = 0.0
    waits_for: str = ""
    after: int = 0
    windows: tuple[tuple[str, float], ...] = ()
    seen: tuple[SensorEvent, dict[str, object]] | None = None


def judge(
    gathering: Gathering,
    sensor: Sensor,
    event: SensorEvent,
    begin: int = 0,
    silent: tuple[type, ...] = (),
    windows: tuple[tuple[str, float], ...] = (),
) -> Judged:
    """What the rules from ``begin`` on say, but for those of the ``silent`` kinds. ``windows``: as those before left
    them."""
    rules = sensor.rules
    said = event.urgency
    judged = Judged(event, windows=windows)
    for place in range(begin, len(rules)):
        rule = rules[place]
        if isinstance(rule, silent):
            continue
        if isinstance(rule, Set):
            judged.event = set_by(rule, judged)
        elif isinstance(rule, Debounce):
            if _has_to_last(rule, judged):
                judged.wait, judged.waits_for, judged.after = rule.seconds, rule.name, place + 1
                return judged
        elif isinstance(rule, Chatter):
            if _flaps(gathering, sensor, judged, rule, place + 1, said):
                judged.filtered = rule.name
                return judged
        elif _keeps_back(gathering, sensor, judged, rule):
            judged.filtered = rule.name
            return judged
    usual = event.condition is not None and Chatter not in silent
    usual = usual and not any(isinstance(rule, Chatter | ChatterOff) for rule in rules)
    if usual and _flaps(gathering, sensor, judged, USUAL_CHATTER, len(rules), said):
        judged.filtered = USUAL_CHATTER.name
        return judged
    for key, seconds in judged.windows:
        suppress.begin(gathering, StateKey(sensor.id, suppress.SUPPRESS, key), seconds)
    return judged


def _keeps_back(gathering: Gathering, sensor: Sensor, judged: Judged, rule: Rule) -> bool:
    if isinstance(rule, Select):
        return _holds(rule.expression, rule, judged) is False
    if isinstance(rule, Inhibit):
        return gathering.at.utc < rule.until
    if isinstance(rule, Schedule):
        return _disarmed(gathering, sensor, judged.event, rule)
    if isinstance(rule, Suppress) and _touches(rule.alarms, judged.event) and _asked(rule.when, rule, judged):
        key = suppress.key_of(judged.event, rule)
        repeat, count = suppress.repeats(gathering, key, rule.seconds)
        if repeat:
            return True
        if count:
            judged.event = _counted(judged.event, suppress.FIELD, count)
        judged.windows = (*judged.windows, (key.key, rule.seconds))
    return False


def named_again(sensor: Sensor, event: SensorEvent) -> SensorEvent:
    """A restore or an amendment as the sensor's ``set`` rules call it; its urgency is that of what it belongs to."""
    judged = Judged(event)
    for rule in sensor.rules:
        if type(rule) is Set:
            judged.event = set_by(rule, judged, urgency=False)
    return judged.event


def set_by(rule: Set, judged: Judged, urgency: bool = True) -> SensorEvent:
    if not _asked(rule.when, rule, judged):
        return judged.event
    event = judged.event
    return msgspec.structs.replace(
        event,
        urgency=rule.urgency if urgency and rule.urgency is not None else event.urgency,
        type=rule.type if rule.type is not None else event.type,
        title=(rule.title.fill(event.fields) if rule.title is not None else "") or event.title,
    )


def _holds(expression: Expression, rule: Rule, judged: Judged) -> bool | None:
    """Whether the expression is true; None, and the event marked, when it fails."""
    seen = judged.seen
    if seen is None or seen[0] is not judged.event:
        seen = judged.seen = judged.event, {"event": seen_by_rules(judged.event)}
    try:
        return expression.evaluate(seen[1]) is True
    except ExpressionFailed as failure:
        event = judged.event
        mark = f"rule {rule.name} failed: {failure}"
        judged.event = msgspec.structs.replace(event, marks=(*event.marks, mark))
        return None


def _asked(when: Expression | None, rule: Rule, judged: Judged) -> bool:
    return when is None or _holds(when, rule, judged) is True


def _touches(alarms: bool, event: SensorEvent) -> bool:
    return alarms or event.urgency is not Urgency.ALARM


def _has_to_last(rule: Debounce, judged: Judged) -> bool:
    event = judged.event
    lasts = event.state is State.ACTIVE and event.condition is not None
    return lasts and _touches(rule.alarms, event) and _asked(rule.when, rule, judged)


def _disarmed(gathering: Gathering, sensor: Sensor, event: SensorEvent, rule: Schedule) -> bool:
    """Neither when it happened nor when it came: a device whose clock is wrong must not lose what is wanted."""
    return _touches(rule.alarms, event) and not (
        is_armed(rule.armed, sensor.timezone, event.occurred_at)
        or is_armed(rule.armed, sensor.timezone, gathering.at.utc)
    )


def _flaps(gathering: Gathering, sensor: Sensor, judged: Judged, rule: Chatter, after: int, said: Urgency) -> bool:
    event = judged.event
    return chatter.concerns(event, rule) and chatter.chatters(gathering, event, rule, after, said, sensor.cameras)


def _counted(event: SensorEvent, field: str, count: int) -> SensorEvent:
    earlier = event.fields.get(field)
    count += earlier if isinstance(earlier, int) else 0
    return msgspec.structs.replace(event, fields={**event.fields, field: count})
