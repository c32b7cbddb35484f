"""What came of a conversation: the events with all that matters of them, what became of the rest, and what is wrong."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import yaml

from bridge.journal.contract import LaneHead
from bridge.model import (
    Clock,
    Decision,
    EventId,
    Fate,
    NewDelivery,
    Outcome,
    Quarantined,
    SensorEvent,
    State,
    Urgency,
    Verdict,
)
from bridge.supervision import Condition

Plain: TypeAlias = "str | int | float | bool | datetime | list[Plain] | dict[str, Plain] | None"


_ID = re.compile(r"\b[0-9a-f]{26}(?:\.\d+)?\b")
"""Of a message, or of an event; they differ from run to run."""


class Told:
    """Watches an intake (``bridge.observer.Observer``) and the site's conditions (``changed``).

    ``expected`` is what ``expected.yaml`` holds, ``errors`` are the lines of ``error.txt``. ``places``: text that
    differs from run to run (a port), and what stands for it.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._numbers: dict[EventId, int] = {}
        self._over = False
        self._held: set[str] = set()
        self.events: list[dict[str, Plain]] = []
        self.rest: list[str] = []
        self._quarantined: list[str] = []
        self._faults: list[str] = []
        self.refused: list[str] = []
        """What check says, where it refuses the site."""
        self.news = asyncio.Event()

    # ----------------------------------------------------------------------------------------------------- watching

    def decided(self, decision: Decision) -> None:
        for event in decision.events:
            number = self._numbers.setdefault(event.id, len(self._numbers) + 1)
            self.events.append(self._event(event, number, decision.deliveries))
        for quarantined in decision.quarantined:
            self._quarantined.append(self._same(_quarantined(quarantined)))
        self.rest += [
            self._same(_verdict(each, self._numbers))
            for each in decision.verdicts
            if each.fate not in (Fate.RAISED, Fate.QUARANTINED)
        ]
        self.news.set()

    def settled(self, head: LaneHead, outcome: Outcome) -> None:
        """Nothing is delivered."""

    def changed(self, key: str, held: Condition | None, what: str) -> None:
        if self._over or (held is not None and key in self._held):
            return  # another reason for what holds already comes when it comes
        if held is None:
            self._held.discard(key)
            self._faults.append(self._same(f"over: {key}: {what}"))
        else:
            self._held.add(key)
            self._faults.append(self._same(f"fault: {key}: {held.why}"))
        self.news.set()

    def links_are_over(self) -> None:
        """The conversation has ended: that connections end by it is no fault."""
        self._over = True

    # ------------------------------------------------------------------------------------------------------- in words

    def _same(self, text: str) -> str:
        for place, name in self._places.items():
            text = text.replace(place, name)
        return _ID.sub(
            lambda found: f"event {self._numbers[EventId(found[0])]}" if found[0] in self._numbers else "…", text
        )

    def _event(self, event: SensorEvent, number: int, deliveries: tuple[NewDelivery, ...]) -> dict[str, Plain]:
        told: dict[str, Plain] = {"sensor": event.sensor, "type": event.type, "title": self._same(event.title)}
        if event.revision:
            told["amends"] = number
            told["changes"] = [*sorted(event.changes)]
        if event.state is not State.MOMENTARY:
            told["state"] = event.state.value
        if event.closes is not None:
            told["closes"] = self._numbers.get(event.closes, "an event that nobody told")
        if event.condition is not None:
            told["condition"] = self._same(event.condition)
        if event.urgency is not Urgency.NOTICE:
            told["urgency"] = event.urgency.name.lower()
        told["occurred_at"] = event.occurred_at
        if event.clock is not Clock.DEVICE:
            told["clock"] = event.clock.value
        if event.clock_offset and abs(event.clock_offset) >= 1:
            told["clock_offset"] = round(event.clock_offset, 3)
        told["fields"] = {
            name: self._same(value) if isinstance(value, str) else value for name, value in event.fields.items()
        }
        if event.media:
            told["pictures"] = [f"{each.role} {each.content_type}, {each.size} bytes".strip() for each in event.media]
        if event.marks:
            told["marks"] = [self._same(mark) for mark in event.marks]
        if event.withheld:
            told["withheld"] = event.withheld
        cameras = [each.camera for each in deliveries if (each.event, each.revision) == (event.id, event.revision)]
        told["cameras"] = [*cameras]
        return told

    @property
    def errors(self) -> list[str]:
        """What is in quarantine, in the order it came; then the faults, in theirs."""
        return [*self.refused, *self._quarantined, *self._faults]

    @property
    def expected(self) -> dict[str, Plain]:
        """As it is written in ``expected.yaml``; what there is none of is left out."""
        told: dict[str, Plain] = {}
        if self.events:
            told["events"] = [*self.events]
        if self.rest:
            told["rest"] = [
                line if (times := len([*equal])) == 1 else f"{line} ({times} times)"
                for line, equal in itertools.groupby(self.rest)
            ]
        return told


def _verdict(verdict: Verdict, numbers: Mapping[EventId, int]) -> str:
    words: list[str] = [f"{verdict.sensor} {verdict.fate.value}"]
    if verdict.rule:
        words.append(f"by {verdict.rule}")
    if verdict.event is not None and verdict.event in numbers:
        words.append(f"into event {numbers[verdict.event]}")
    return " ".join(words) + (f": {verdict.why}" if verdict.why else "")


def _quarantined(kept: Quarantined) -> str:
    whose = "nobody's" if kept.unknown else kept.sensor or "unreadable"
    return f"quarantined, {whose}: {kept.why}"


def as_yaml(told: Mapping[str, Plain]) -> str:
    """As a person writes it: short lists and mappings in one line, the rest line by line."""
    parts = []
    for name, each in told.items():
        flow = None if name == "events" else False
        parts.append(
            yaml.dump(
                {name: each}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=116, default_flow_style=flow
            )
        )
    return "".join(parts)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """What is equal twice is written twice."""
        return True
