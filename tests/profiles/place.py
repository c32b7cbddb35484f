"""A site as a device's page describes it, decided about without journal, clock or socket."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mappings
from bridge.config.load import load
from bridge.config.site import Site
from bridge.decide.decide import decide, decide_timer
from bridge.decide.memory import Memory
from bridge.model import ConnectorId, Decision, Instant, Message, MessageId, Origin, SensorEvent, StateKey
from bridge.profiles.examples import read_message
from bridge.routing import Router

PAGES = Path(__file__).parents[2] / "docs" / "devices"
HEAD = """\
version: 1
site: {name: Harbour depot, timezone: Australia/Sydney}
vms: {board: {type: webhook, url: "https://board.example/in"}}
cameras: {gate-in: {vms: board}, lobby: {vms: board}, yard: {vms: board}, dock-3: {vms: board}}
"""
START = datetime(2026, 1, 5, 9, 2, 5, tzinfo=UTC)
"""Monday, 20:02 in Sydney."""

TIMERS = ("collapse", "condition", "debounce", "ending", "suppress", "chatter")


class Place:
    """``hears`` a message, ``wait`` while timers fire; each gives what was decided."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.seconds = 0.0
        self._router = Router(site)
        self._memory = Memory()
        for sensor in site.sensors:
            self._memory.load(sensor, {})
        self._heard = 0

    @property
    def at(self) -> Instant:
        return Instant(START + timedelta(seconds=self.seconds), self.seconds)

    def hears(
        self, connector: str, said: Message | bytes, path: str = "", peer: str = "10.20.0.5", shown: str | None = None
    ) -> Decision:
        """``shown``: the name of the secret that the sender showed it has."""
        self._heard += 1
        body, parts = (said, ()) if isinstance(said, bytes) else (said.body, said.parts)
        message = Message(
            connector=ConnectorId(connector),
            origin=Origin(peer, path, shown),
            body=body,
            parts=parts,
            arrived=self.at,
        )
        return self._decided(message)

    def hears_message(self, message: Message) -> Decision:
        """One whose origin the test makes itself."""
        self._heard += 1
        return self._decided(message)

    def _decided(self, message: Message) -> Decision:
        number = MessageId(f"m{self._heard}")
        return self._then(decide(self.site, self._router.route(message), number, self._memory, self.at))

    def wait(self, seconds: float) -> list[SensorEvent]:
        """The events of the timers that fire meanwhile."""
        end = self.seconds + seconds
        events: list[SensorEvent] = []
        while due := [found for found in self._timers() if found[0] <= end]:
            moment, key = min(due, key=lambda found: found[0])
            self.seconds = max(self.seconds, moment)
            events += self._then(decide_timer(self.site, key, self._memory, self.at)).events
        self.seconds = end
        return events

    def _timers(self) -> list[tuple[float, StateKey]]:
        now = self.at.utc.timestamp()
        return [
            (fact.due, StateKey(sensor, kind, key))
            for sensor in self.site.sensors
            for kind in TIMERS
            for key, fact in self._memory.of_kind(sensor, kind, now).items()
            if fact.due is not None
        ]

    def _then(self, decision: Decision) -> Decision:
        self._memory.apply(decision.changes, self.at.utc.timestamp(), self.at.monotonic)
        return decision


def place(page: str, folder: Path) -> Place:
    """The site on the page of this device; what every site has besides is added."""
    text = (PAGES / f"{page}.md").read_text("utf-8")
    (block,) = [found for found in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "sensors:" in found]
    (folder / "site.yaml").write_text(HEAD + block, "utf-8")
    return Place(load(folder / "site.yaml"))


def example(profile: str, name: str) -> Message:
    (file,) = [file for file in (mappings.PROFILES / profile).glob(f"{name}.*") if file.suffix != ".yaml"]
    return read_message(file)


def instead(message: Message, *pairs: tuple[bytes, bytes]) -> bytes:
    """The body with other words in it."""
    body = message.body
    for old, new in pairs:
        assert old in body
        body = body.replace(old, new)
    return body
