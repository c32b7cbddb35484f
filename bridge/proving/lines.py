"""What a probe says: one line each, graded."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec


class Grade(enum.StrEnum):
    """``UNKNOWN``: neither proven nor found wrong, and said to be so."""

    OK = "ok"
    WARN = "warn"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Topic(enum.StrEnum):
    """What a line is about, in the order people are told."""

    SERVICE = "service"
    NAMES = "names"
    ROUTES = "routes"
    TLS = "tls"
    CLOCKS = "clocks"
    DISK = "disk"
    PORTS = "ports"
    PERMISSIONS = "permissions"
    SECRETS = "secrets"
    CAMERAS = "cameras"
    EVENT_TYPES = "event types"
    SENSORS = "sensors"
    ROUND_TRIP = "round trip"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """``what`` is so, ``where`` (``site.yaml:12: cameras.gate-in``, a host, a folder), and what to do about it.
    ``seconds``: how long it took, where that says something."""

    topic: Topic
    grade: Grade
    what: str
    where: str = ""
    remedy: str = ""
    seconds: float | None = None


def ok(topic: Topic, what: str, where: str = "", seconds: float | None = None) -> Line:
    return Line(topic=topic, grade=Grade.OK, what=what, where=where, seconds=seconds)


def warn(topic: Topic, what: str, where: str = "", remedy: str = "") -> Line:
    return Line(topic=topic, grade=Grade.WARN, what=what, where=where, remedy=remedy)


def wrong(topic: Topic, what: str, where: str = "", remedy: str = "") -> Line:
    return Line(topic=topic, grade=Grade.WRONG, what=what, where=where, remedy=remedy)


def unknown(topic: Topic, what: str, where: str = "", remedy: str = "") -> Line:
    return Line(topic=topic, grade=Grade.UNKNOWN, what=what, where=where, remedy=remedy)


def in_order(lines: Iterable[Line]) -> tuple[Line, ...]:
    """By topic; within one as they were said."""
    places = {topic: place for place, topic in enumerate(Topic)}
    return tuple(sorted(dict.fromkeys(lines), key=lambda line: places[line.topic]))


def counts(lines: Iterable[Line]) -> dict[str, int]:
    """Grade → how many lines have it; every grade is there."""
    found = {grade.value: 0 for grade in Grade}
    for line in lines:
        found[line.grade.value] += 1
    return found
