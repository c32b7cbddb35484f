"""What each rule of a sensor says of an event by itself, asked again: without what was before and after it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bridge.decide.draft import seen_by_rules
from bridge.decide.rules import (
    Chatter,
    CollapseOff,
    Debounce,
    Hide,
    Inhibit,
    QuietRaise,
    Rule,
    Schedule,
    Select,
    Set,
    Suppress,
)
from bridge.decide.schedule import is_armed
from bridge.model import SensorEvent, Urgency
from bridge.profiles.expression import Expression, ExpressionFailed

DEPENDS = "(this depends on what was before, and is not asked again)"


def says(rule: Rule, event: SensorEvent, zone: ZoneInfo) -> str:
    """In words: what the rule would do to this event."""
    untouched = _untouched(rule, event)
    if untouched:
        return untouched
    if isinstance(rule, Select):
        return _select(rule, event)
    if isinstance(rule, Schedule):
        if is_armed(rule.armed, zone, event.occurred_at):
            return "lets it through: it happened in armed hours"
        if is_armed(rule.armed, zone, event.arrived_at):
            return "lets it through: it came in armed hours"
        return "filters it: it happened outside the armed hours"
    if isinstance(rule, Inhibit):
        if event.arrived_at < rule.until:
            return f"filters it: out of service until {rule.until:%Y-%m-%d %H:%M} UTC"
        return f"lets it through: it ended at {rule.until:%Y-%m-%d %H:%M} UTC"
    if isinstance(rule, Debounce):
        return f"raises it once it has lasted {rule.seconds:g} s {DEPENDS}"
    if isinstance(rule, Suppress):
        return f"filters it when the like was raised within {rule.seconds:g} s before {DEPENDS}"
    if isinstance(rule, Chatter):
        return f"filters it when there were more than {rule.most} within {rule.per:g} s {DEPENDS}"
    if isinstance(rule, Set):
        return _set(rule)
    if isinstance(rule, Hide):
        return f"lets it through, {rule.how.value.replace('_', ' ')}: {', '.join(rule.fields)}"
    if isinstance(rule, CollapseOff):
        return "raises every message as an event of its own"
    if isinstance(rule, QuietRaise):
        return "lets through what the profile would keep quiet about"
    return "has no say in this event"


def _untouched(rule: Rule, event: SensorEvent) -> str:
    if getattr(rule, "alarms", True) is False and event.urgency is Urgency.ALARM:
        return "lets it through: it does not touch alarms"
    when: Expression | None = getattr(rule, "when", None)
    if when is not None:
        passes, failure = _holds(when, event)
        if failure:
            return f"does not touch it: when failed: {failure}"
        if not passes:
            return f"does not touch it: {when.text} is not true"
    return ""


def _select(rule: Select, event: SensorEvent) -> str:
    passes, failure = _holds(rule.expression, event)
    if failure:
        return f"lets it through, because it failed: {failure}"
    truth = "is true" if passes else "is not true"
    return f"{'lets it through' if passes else 'filters it'}: {rule.expression.text} {truth}"


def _set(rule: Set) -> str:
    made = {
        "urgency": rule.urgency.name.lower() if rule.urgency is not None else None,
        "type": rule.type,
        "title": rule.title.text if rule.title is not None else None,
    }
    return "lets it through with " + ", ".join(f"{name} {value}" for name, value in made.items() if value is not None)


def _holds(expression: Expression, event: SensorEvent) -> tuple[bool, str]:
    try:
        return expression.evaluate({"event": seen_by_rules(event)}) is True, ""
    except ExpressionFailed as failure:
        return False, str(failure)
