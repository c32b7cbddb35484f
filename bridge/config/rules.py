"""What stands under a sensor's ``rules`` and ``inhibit`` → the rules that decide applies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from bridge.config import rule_sections as sections
from bridge.config.document import Document, Node, Place, locate, plain
from bridge.config.errors import did_you_mean
from bridge.config.faults import Entry, Faults
from bridge.config.models import SensorSection
from bridge.decide.rules import (
    Armed,
    Chatter,
    ChatterOff,
    CollapseOff,
    Debounce,
    Hide,
    Hiding,
    Inhibit,
    QuietRaise,
    Rule,
    Schedule,
    Select,
    Set,
    Suppress,
    Template,
)
from bridge.model import Urgency
from bridge.profiles.expression import Expression, ExpressionError, compile_expression
from bridge.profiles.profile import Profile
from bridge.profiles.titles import compile_title, names_in

FIELDS = ("suppressed", "chattered")
"""Fields that rules add; any profile's event may have them."""

_ENTRY: TypeAdapter[sections.RuleEntry] = TypeAdapter(sections.RuleEntry)


class Rules:
    """Makes the rules of many sensors; what they have in common is compiled once."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._expressions: dict[str, Expression | ExpressionError] = {}
        self._templates: dict[str, Template] = {}

    def of(
        self, entry: Entry, section: SensorSection | None, timezone: ZoneInfo, profile: Profile | None
    ) -> tuple[Rule, ...]:
        """The rules of one sensor, an inhibit first. ``section``: None where something of the sensor is wrong; then its
        rules are looked at one by one, so that all errors come at once. ``profile``: whose fields they name."""
        known = getattr(profile, "fields", None)
        fields = entry.node.value
        node = fields.get("rules") if isinstance(fields, dict) else None
        nodes = node.value if node is not None and isinstance(node.value, list) else []
        entries = section.rules if section is not None else [_read(each) for each in nodes]
        rules: list[Rule] = []
        if section is not None and section.inhibit is not None:
            rules.append(_inhibit(section.inhibit, timezone))
        for index, (each, written) in enumerate(zip(nodes, entries, strict=True)):
            path = f"{entry.path}.rules[{index}]"
            made = self._rule(entry.source, each, path, f"rule {index + 1}", written) if written is not None else None
            if made is not None:
                rules.append(made)
            if isinstance(known, tuple) and written is not None:
                self._check_fields(entry.source, each, path, written, known)
        return tuple(rules)

    def _rule(self, source: Document, node: Node, path: str, number: str, written: sections.RuleEntry) -> Rule | None:
        """None when one of its expressions is wrong, which has been said then."""
        name = getattr(written, "name", "") or number
        key = "select" if isinstance(written, sections.SelectRule) else "when"
        text = getattr(written, key, None)
        expression = None if text is None else self._expression(source, node, f"{path}.{key}", key, text)
        if text is not None and expression is None:
            return None
        match written:
            case sections.SelectRule() if expression is not None:
                return Select(name, expression)
            case sections.CollapseRule():
                return CollapseOff()
            case sections.QuietRule():
                return QuietRaise()
            case sections.DebounceRule():
                return Debounce(_named(name, number, "debounce"), written.debounce, expression, written.alarms)
            case sections.SuppressRule():
                called = _named(name, number, "suppress")
                return Suppress(called, written.suppress, written.same, expression, written.alarms)
            case sections.ScheduleRule(schedule=schedule):
                armed = tuple(Armed(span.days, span.from_, span.to) for span in schedule.armed)
                return Schedule(_named(name, number, "schedule"), armed, schedule.alarms or written.alarms)
            case sections.ChatterRule(chatter=sections.ChatterSection() as limit):
                called = _named(name, number, "chatter")
                return Chatter(called, limit.most, limit.per, limit.alarms or written.alarms)
            case sections.ChatterRule():
                return ChatterOff()
            case sections.MaskRule():
                return Hide(number, Hiding.MASK, written.mask)
            case sections.HashRule():
                return Hide(number, Hiding.HASH, written.hash)
            case sections.LeaveOutRule():
                return Hide(number, Hiding.LEAVE_OUT, written.leave_out)
            case sections.SetRule(set=what):
                urgency = None if what.urgency is None else Urgency[what.urgency.upper()]
                title = None if what.title is None else self._template(what.title)
                return Set(name, urgency, what.type, title, expression)
        return None

    def _check_fields(
        self, source: Document, node: Node, path: str, written: sections.RuleEntry, known: tuple[str, ...]
    ) -> None:
        """A field that is misspelt would hide nothing, and would make repeats of what are none."""
        for at, name in _fields_in(written):
            if name in known or name in FIELDS or name == "detail" or name.startswith("detail."):
                continue
            place = locate(node, at)
            message = f"the profile has no field {name}{did_you_mean(name, known)}"
            self._faults.add(source, (place.line, place.column), path + _dotted(at), message)

    def _expression(self, source: Document, node: Node, path: str, key: str, text: str) -> Expression | None:
        """Compiled once for all sensors that have it; None after saying what is wrong with it."""
        found = self._expressions.get(text)
        if found is None:
            try:
                found = compile_expression(text, {"event"})
            except ExpressionError as error:
                found = error
            self._expressions[text] = found
        if not isinstance(found, ExpressionError):
            return found
        at = node.value[key] if isinstance(node.value, dict) else node
        self._faults.add(source, *_within(source, at, found, path))
        return None

    def _template(self, text: str) -> Template:
        return self._templates.setdefault(text, Template(text, compile_title(text)))


def _read(node: Node) -> sections.RuleEntry | None:
    try:
        return _ENTRY.validate_python(plain(node))
    except ValidationError:
        return None  # the sensor's own validation says what is wrong with it


def _fields_in(written: sections.RuleEntry) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The fields an entry names, and where in it."""
    for key in ("same", "mask", "hash", "leave_out"):
        names = getattr(written, key, ())
        if isinstance(names, tuple):
            yield from (((key, index), name) for index, name in enumerate(names))
    if isinstance(written, sections.SetRule) and written.set.title is not None:
        yield from ((("set", "title"), name) for name in names_in(written.set.title))


def _dotted(at: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)


def _named(name: str, number: str, kind: str) -> str:
    """Its own name; else its place and kind, so that a verdict is readable without the file."""
    return name if name != number else f"{number}: {kind}"


def _inhibit(section: sections.InhibitSection, timezone: ZoneInfo) -> Inhibit:
    until = datetime.fromisoformat(section.until)
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone)
    return Inhibit(section.why, until.astimezone(UTC))


def _within(source: Document, node: Node, error: ExpressionError, path: str) -> tuple[Place, str, str]:
    """Where in the file an expression is wrong: exactly, when it is written on one line as it is read."""
    written = source.line(node.line)[node.column - 1 :]
    quotes = 1 if written[:1] in ("'", '"') else 0
    if error.line == 1 and written[quotes:].startswith(str(node.value)):
        return (node.line, node.column + quotes + error.column - 1), path, error.message
    return (node.line, node.column), path, str(error)
