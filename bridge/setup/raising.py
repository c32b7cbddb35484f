"""Which event types a site can raise on which camera, as far as that is known before anything comes."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import msgspec

from bridge.config.site import Sensor, Site
from bridge.decide.rules import QuietRaise, Select, Set
from bridge.model import BRIDGE, TEST_TYPE, CameraId, SensorId, VmsId
from bridge.profiles.expression import Expression, ExpressionError, ExpressionFailed, compile_expression
from bridge.profiles.lexer import Token, tokens, uses
from bridge.profiles.profile import TellsTypes
from bridge.supervision import kinds


class Unforeseen(msgspec.Struct, frozen=True):
    """A sensor whose types are not known before they come."""

    sensor: SensorId
    why: str


class Raising(msgspec.Struct, frozen=True):
    """``by_camera``: type → the sensors that can raise it there, ``bridge`` for its own faults, and who raises test
    events."""

    by_camera: dict[CameraId, dict[str, list[str]]]
    unforeseen: tuple[Unforeseen, ...]


def raising(site: Site) -> Raising:
    """Pure. Says rather too much: only rules that speak of the type alone, and of nothing else, rule a type out."""
    found: dict[CameraId, dict[str, list[str]]] = {camera: {} for camera in site.cameras}
    unforeseen = []
    for sensor in site.sensors.values():
        profile = site.profiles[sensor.profile]
        if not isinstance(profile, TellsTypes):
            unforeseen.append(Unforeseen(sensor.id, f"profile {sensor.profile} computes its types"))
            continue
        quiet = any(isinstance(rule, QuietRaise) for rule in sensor.rules)
        _add(found, cameras_of(sensor), after_rules(profile.types(quiet), sensor), sensor.id)
    _add(found, site.fault_cameras, fault_types(site), BRIDGE)
    # Where the service declares a type with its first event, a test event's needs no plan; elsewhere it would park
    # the camera.
    by_hand = [camera for camera, each in site.cameras.items() if not declares_by_itself(site, each.vms)]
    _add(found, by_hand, (TEST_TYPE,), "fire and selftest")
    return Raising(found, tuple(unforeseen))


def declares_by_itself(site: Site, vms: VmsId) -> bool:
    """Whether the running service declares what is missing, with the first event of it."""
    return getattr(site.vms[vms].settings, "declare_types", True) is True


def cameras_of(sensor: Sensor) -> tuple[CameraId, ...]:
    """Every camera that an event of the sensor may be raised on."""
    by = sensor.cameras_by
    rows = by.table.values() if by is not None else ()
    return tuple(dict.fromkeys([*sensor.cameras, *(camera for row in rows for camera in row)]))


def fault_types(site: Site) -> tuple[str, ...]:
    """The types of the faults that the supervision of this site can raise."""
    asked = [sensor.supervise for sensor in site.sensors.values() if sensor.supervise is not None]
    happens = {
        kinds.SILENT: any(each.silent_after is not None for each in asked),
        kinds.HEARTBEAT: any(each.heartbeat is not None for each in asked),
        kinds.CLOCK: any(each.clock is not None for each in asked),
        "connector": bool(site.connectors),
        "endpoint": bool(site.endpoints),
    }
    alike = {kinds.SILENT_MANY: kinds.SILENT, kinds.HEARTBEAT_MANY: kinds.HEARTBEAT, "endpoints": "endpoint"}
    return tuple(
        dict.fromkeys(kind.type for word, kind in kinds.KINDS.items() if happens.get(alike.get(word, word), True))
    )


def after_rules(types: Iterable[str], sensor: Sensor) -> tuple[str, ...]:
    """What the sensor's rules let through of these types, and what they call them."""
    left = list(dict.fromkeys(types))
    for rule in sensor.rules:
        if isinstance(rule, Select):
            left = [each for each in left if _holds(rule.expression, each) is not False]
        elif isinstance(rule, Set) and rule.type is not None:
            left = list(dict.fromkeys(name for each in left for name in _called(rule, rule.type, each)))
    return tuple(left)


def _called(rule: Set, type: str, before: str) -> tuple[str, ...]:
    asked = True if rule.when is None else _holds(rule.when, before)
    if asked is None:
        return before, type
    return (type,) if asked else (before,)


def _add(
    found: dict[CameraId, dict[str, list[str]]], cameras: Iterable[CameraId], types: Sequence[str], by: str
) -> None:
    for camera in cameras:
        for each in types:
            found[camera].setdefault(each, []).append(by)


# ------------------------------------------------------------------------------- an expression that sees the type alone


def _holds(expression: Expression, type: str) -> bool | None:
    """Whether it is true of every event of this type, or of none; None when that depends on more than the type."""
    answers = [_of_the_type(part, type) for part in _conjuncts(expression.text)]
    if False in answers:
        return False
    return None if None in answers else True


@functools.lru_cache(1024)
def _conjuncts(text: str) -> list[str]:
    """``a && b`` → a and b; the whole text where ``&&`` is not what binds it together."""
    depth, cuts = 0, []
    for token in tokens(text):
        if token.text in ("(", "[", "{"):
            depth += 1
        elif token.text in (")", "]", "}"):
            depth -= 1
        elif depth == 0 and token.text in ("||", "?"):
            return [text]
        elif depth == 0 and token.text == "&&":
            cuts.append(token)
    return _between(text, cuts)


def _between(text: str, cuts: Sequence[Token]) -> list[str]:
    starts = [0, *(cut.place + 2 for cut in cuts)]
    ends = [*(cut.place for cut in cuts), len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


@functools.lru_cache(4096)
def _of_the_type(text: str, type: str) -> bool | None:
    used = uses(tokens(text))[0]
    if not used or any(use.name != "event" or use.member != "type" for use in used):
        return None
    try:
        value = compile_expression(text).evaluate({"event": {"type": type}})
    except (ExpressionError, ExpressionFailed):
        return None
    return value if isinstance(value, bool) else None
