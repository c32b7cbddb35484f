"""What a sensor does to its events: one immutable class per rule, made from YAML by the configuration.

They say what is wanted; ``judging`` does it. ``name`` is what verdicts and the ledger call the rule. ``alarms``:
whether it may keep back alarms too. ``when``: the events it is about, all where it is None.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec

from bridge.model import Urgency
from bridge.profiles.expression import Expression


class Select(msgspec.Struct, frozen=True):
    """Let an event through only when the expression is true; it sees ``event``. ``name`` is shown when it filters."""

    name: str
    expression: Expression


class CollapseOff(msgspec.Struct, frozen=True):
    """Raise every message as an event of its own, whatever the profile would make one of."""

    name: str = "collapse: off"


class QuietRaise(msgspec.Struct, frozen=True):
    """What the profile keeps quiet about is judged like any event."""

    name: str = "quiet: raise"


class Inhibit(msgspec.Struct, frozen=True):
    """Out of service: nothing new is raised before ``until`` (aware UTC). It ends by itself."""

    why: str
    until: datetime

    @property
    def name(self) -> str:
        return f"inhibit: {self.why}"


class Debounce(msgspec.Struct, frozen=True):
    """An active is raised only when it has lasted ``seconds``; a restore before ends both."""

    name: str
    seconds: float
    when: Expression | None = None
    alarms: bool = False


class Suppress(msgspec.Struct, frozen=True):
    """For ``seconds`` after an event its repeats are filtered; the next one says how many there were.

    A repeat has the same type and the same values in the fields ``same``; without those, the same condition.
    """

    name: str
    seconds: float
    same: tuple[str, ...] = ()
    when: Expression | None = None
    alarms: bool = False


class Armed(msgspec.Struct, frozen=True):
    """A span of armed hours. ``days`` on which it begins (0 is Monday); ``begins`` and ``ends`` in seconds of the
    day, where an end that is not after the beginning is on the day after."""

    days: tuple[int, ...]
    begins: int
    ends: int


class Schedule(msgspec.Struct, frozen=True):
    """Only what happens in armed hours, in the sensor's own zone, is let through."""

    name: str
    armed: tuple[Armed, ...]
    alarms: bool = False


class Chatter(msgspec.Struct, frozen=True):
    """More than ``most`` actives of one condition within ``per`` seconds: later ones are filtered until it has been
    quiet for ``per``; then one event says how many. ``notices_only``: faults and momentary events are left alone."""

    name: str
    most: int
    per: float
    alarms: bool = False
    notices_only: bool = False


class ChatterOff(msgspec.Struct, frozen=True):
    name: str = "chatter: off"


class Hiding(enum.Enum):
    MASK = "mask"
    HASH = "hash"
    LEAVE_OUT = "leave_out"


class Hide(msgspec.Struct, frozen=True):
    """The values of ``fields`` do not leave the site; ``hiding`` says exactly what is covered."""

    name: str
    how: Hiding
    fields: tuple[str, ...]


class Template(msgspec.Struct, frozen=True, eq=False):
    """A title in the profiles' templates, as written and as compiled."""

    text: str
    fill: Callable[[Mapping[str, object]], str]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Set(msgspec.Struct, frozen=True):
    """What the event is called at this site. A restore keeps the urgency of what it closes."""

    name: str
    urgency: Urgency | None = None
    type: str | None = None
    title: Template | None = None
    when: Expression | None = None


Rule: TypeAlias = (
    Select | CollapseOff | QuietRaise | Inhibit | Debounce | Suppress | Schedule | Chatter | ChatterOff | Hide | Set
)

USUAL_CHATTER = Chatter("chatter", most=10, per=60.0, notices_only=True)
"""Stands for every sensor that says nothing about chatter."""


def written(rule: Rule) -> tuple[object, ...]:
    """The rule by what is written of it: compiled expressions of the same text are not equal."""
    said = (getattr(rule, name) for name in rule.__struct_fields__)
    return (type(rule).__name__, *[getattr(each, "text", each) for each in said])
