"""A monitor: looks at the memory it shares with the triggers once a picture, opens and closes events [2, 8]."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime

import msgspec

LONGEST_CAUSE, LONGEST_TEXT = 31, 255
"""Bytes: C strings of 32 and 256."""


class Event(msgspec.Struct):
    """A row of the table of events. ``groups``: what the capture process remembers to write the notes from."""

    id: int
    monitor: int
    started: datetime
    cause: str
    notes: str
    name: str = "New Event"
    ended: datetime | None = None
    max_score: int = 0
    groups: dict[str, set[str]] = {}


class Database:
    """The table. What the real one's strict mode refuses, this one refuses."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.events: dict[int, Event] = {}
        self.now = now
        self.refused: list[str] = []
        self.on_over: Callable[[Event], None] | None = None
        """Told of each event when it is over."""
        self._ids = itertools.count(1)

    def insert(self, monitor: int, cause: str, notes: str) -> Event | None:
        """By the capture process, which writes texts into its SQL as they are."""
        if any(_breaks_out(text) for text in (cause, notes)) or not _holds(cause) or not _holds(notes):
            self.refused.append(notes)
            return None
        event = Event(next(self._ids), monitor, self.now(), cause, notes)
        self.events[event.id] = event
        return event

    def save(self, event: Event, values: dict[str, str]) -> bool:
        """By the API, all or nothing."""
        limits = {"Name": 64, "Cause": 32}
        for name, value in values.items():
            long = len(value) > limits[name] if name in limits else len(value.encode()) > 65_535
            if long or not _holds(value):
                return False
        event.notes = values.get("Notes", event.notes)
        event.cause = values.get("Cause", event.cause)
        event.name = values.get("Name", event.name)
        return True


def _breaks_out(text: str) -> bool:
    return "'" in text or text.endswith("\\")


def _holds(text: str) -> bool:
    """Its connection to the database knows whole characters of three bytes at most."""
    return all(each <= "\uffff" and not "\ud800" <= each <= "\udfff" for each in text)


class Monitor:
    def __init__(self, number: int, name: str, database: Database, function: str = "Nodect") -> None:
        self.number = number
        self.name = name
        self.function = function
        self.database = database
        self.alarmed = False
        self.forced: tuple[int, str, str] | None = None
        self.event: Event | None = None
        self.closes = 0.0
        self.last_event = 0
        self.lost_row = False
        self._looked = True
        self._ends = False

    @property
    def ready(self) -> bool:
        return self.function not in ("None", "Monitor")

    def force(self, score: int, cause: bytes, text: bytes) -> None:
        """What was there before and not looked at yet is overwritten."""
        short = cause[:LONGEST_CAUSE].decode("utf-8", "surrogateescape")
        self.forced = score, short, text[:LONGEST_TEXT].decode("utf-8", "surrogateescape")
        self._looked = self._ends = False

    def cancel(self) -> None:
        self.forced = None

    def end(self) -> None:
        """Its seconds are over: at once, or at the next picture where none was taken meanwhile. Seconds that are made
        short for a test must not lose an alarm because this machine is busy; zmtrigger's own never do."""
        if self._looked:
            self.cancel()
        else:
            self._ends = True

    def picture(self, now: float, stays_open: float) -> str:
        """One picture was taken at ``now`` (monotonic). What zmtrigger says of it: "on", "off" or ""."""
        if self.forced is not None and self.ready:
            said = "" if self.alarmed else "on"
            self.alarmed = True
            self.closes = now + stays_open
            self._speak(*self.forced)
            self._looked = True
            if self._ends:
                self.cancel()
            return said
        if self.alarmed and now >= self.closes:
            self.alarmed = False
            self.lost_row = False
            if self.event is not None:
                self.event.ended = self.database.now()
                if self.database.on_over is not None:
                    self.database.on_over(self.event)
                if self.event.name == "New Event":
                    self.event.name = f"Event-{self.event.id}"
                self.event = None
            return "off"
        return ""

    def _speak(self, score: int, cause: str, text: str) -> None:
        if self.event is None:
            if self.lost_row:
                return  # until the alarm is over it believes that it has an event, of the number 0
            self.event = self.database.insert(self.number, cause, f"{cause}: {text}")
            self.last_event = self.event.id if self.event is not None else 0
            self.lost_row = self.event is None
            if self.event is not None:
                self.event.groups = {cause: {text}}
        event = self.event
        if event is None:
            return
        event.max_score = max(event.max_score, score)
        group = event.groups.setdefault(cause, set())
        if text not in group:
            group.add(text)
            notes = "".join([f"{name}: {', '.join(sorted(texts))}" for name, texts in sorted(event.groups.items())])
            if _holds(notes):
                event.notes = notes
