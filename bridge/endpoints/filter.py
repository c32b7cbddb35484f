"""Which events pass an endpoint's filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bridge.decide.draft import seen_by_rules
from bridge.endpoints.settings import EventFilter
from bridge.journal.contract import Fed
from bridge.profiles.expression import Expression, ExpressionFailed

NARROWING = ("cameras", "sensors", "kinds", "types")
"""What a subscriber may ask for in its URL."""


class Filter(msgspec.Struct, frozen=True):
    """Empty sets let everything pass. ``prefixes``: of types written with a star, the dot included."""

    cameras: frozenset[str] = frozenset()
    sensors: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    select: Expression | None = None

    def passes(self, fed: Fed) -> bool:
        """Whether the event is told. Each amendment is judged by itself. An expression that fails lets it pass: rather
        one event too many than one too few."""
        event = fed.event
        if self.sensors and event.sensor not in self.sensors:
            return False
        if self.kinds and event.kind not in self.kinds:
            return False
        if (self.types or self.prefixes) and event.type not in self.types and not event.type.startswith(self.prefixes):
            return False
        if self.cameras and self.cameras.isdisjoint(fed.cameras):
            return False
        if self.select is None:
            return True
        try:
            return self.select.evaluate({"event": seen_by_rules(event)}) is True
        except ExpressionFailed:
            return True


def filter_of(settings: EventFilter, select: Expression | None) -> Filter:
    """The filter as written, its expression compiled."""
    return _filter({key: getattr(settings, key) for key in NARROWING}, select)


def narrowed(asked: Mapping[str, Sequence[str]]) -> Filter:
    """The filter of a query: names separated by commas, or given several times."""
    return _filter({key: [name for text in texts for name in text.split(",") if name] for key, texts in asked.items()})


def _filter(names: Mapping[str, Sequence[str]], select: Expression | None = None) -> Filter:
    types = names.get("types", ())
    return Filter(
        cameras=frozenset(names.get("cameras", ())),
        sensors=frozenset(names.get("sensors", ())),
        kinds=frozenset(names.get("kinds", ())),
        types=frozenset(each for each in types if not each.endswith(".*")),
        prefixes=tuple(each[:-1] for each in types if each.endswith(".*")),
        select=select,
    )
