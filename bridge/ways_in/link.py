"""What a connector says of its way in, and when that is a condition of the site."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import msgspec

from bridge.supervision import Conditions
from connectors.base import Connector

MOST_COUNTS = 50
"""Of one connector; whatever else it counts is told as ``others``, so that no connector makes more of them."""

_LONGEST_NAME = 50
_NO_WORD = re.compile(r"[^a-z0-9]+")


class ConnectorStatus(msgspec.Struct):
    """``bound``: the address it really listens on, where it listens. ``counts``: what it has counted, by names of its
    own, ``MOST_COUNTS`` at most."""

    name: str
    type: str
    up: bool = False
    why: str = "starting"
    bound: str = ""
    counts: dict[str, int] = {}

    def counted(self, counts: Mapping[str, int]) -> None:
        """As of now."""
        found: dict[str, int] = {}
        for name, count in counts.items():
            word = _NO_WORD.sub("_", name.lower())[:_LONGEST_NAME]
            if word not in found and len(found) >= MOST_COUNTS:
                word = "others"
            found[word] = found.get(word, 0) + count
        self.counts = found


class Link:
    """A connector's word on whether its way in works; a change is a condition once the connector is of the site."""

    def __init__(
        self, status: ConnectorStatus, conditions: Conditions, connector: Connector, of_the_site: bool
    ) -> None:
        self._status = status
        self._conditions = conditions
        self._connector = connector
        self._of_the_site = of_the_site
        self._parts: dict[str, Part] = {}
        self.first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Its first word: "", or why it could not begin."""

    def up(self, what: str = "") -> None:
        self._status.up, self._status.why = True, what
        self._status.bound = str(getattr(self._connector, "bound", "") or "")
        self._spoke("")

    def down(self, why: str) -> None:
        self._status.up, self._status.why = False, why
        self._spoke("")

    def part(self, name: str) -> Part:
        """Of several that are reached by this way, one."""
        if name not in self._parts:
            key = f"connector {self._status.name} {name}"
            self._parts[name] = Part(self._conditions, key, self._of_the_site)
        return self._parts[name]

    def leaves(self) -> None:
        """It ends while the site goes on: of its parts nothing is known any more."""
        for part in self._parts.values():
            part.up()

    def failed(self, why: str) -> None:
        """It ended instead of working."""
        self._status.up, self._status.why = False, why
        self._spoke(why)

    def give_up(self) -> None:
        """Let nobody wait for its first word."""
        if not self.first.done():
            self.first.set_result("the service is stopping")

    def belongs(self) -> None:
        """It is of the site from now on."""
        self._of_the_site = True
        for part in self._parts.values():
            part.belongs()
        if self.first.done():
            self._tell()

    def _spoke(self, failed: str) -> None:
        if not self.first.done():
            self.first.set_result(failed)
        if self._of_the_site:
            self._tell()

    def _tell(self) -> None:
        key = f"connector {self._status.name}"
        if self._status.up:
            self._conditions.end(key, f"works again ({self._status.why})" if self._status.why else "works again")
        else:
            _begin_or_change(self._conditions, key, self._status.why)


class Part:
    """As a link, of one unit on a line, say: a condition of its own, and none that keeps others from being missed."""

    def __init__(self, conditions: Conditions, key: str, of_the_site: bool) -> None:
        self._conditions = conditions
        self._key = key
        self._of_the_site = of_the_site
        self._why: str | None = None

    def up(self, what: str = "") -> None:
        self._why = None
        if self._of_the_site:
            self._conditions.end(self._key)

    def down(self, why: str) -> None:
        self._why = why
        if self._of_the_site:
            _begin_or_change(self._conditions, self._key, why)

    def part(self, name: str) -> Part:
        return Part(self._conditions, f"{self._key} {name}", self._of_the_site)

    def belongs(self) -> None:
        self._of_the_site = True
        if self._why is not None:
            self.down(self._why)


def _begin_or_change(conditions: Conditions, key: str, why: str) -> None:
    """Said once, whatever the next reason is; but who asks what is wrong now is told the reason that holds now."""
    conditions.begin(key, why)
    conditions.change(key, why, ())
