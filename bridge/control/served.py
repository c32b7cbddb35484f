"""What the control API needs of a service: it serves whatever looks like one."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Literal, Protocol, TypeAlias

import msgspec

from bridge.config.site import Site
from bridge.control.answer import Refused
from bridge.control.one_event import ReadableWhole
from bridge.control.recorder import Recorder
from bridge.journal.contract import Journal, QuarantineRecord
from bridge.metrics.health import Health
from bridge.model import Receipt, Scalar, SensorId, Urgency

What: TypeAlias = Literal["test", "inhibit"]


class WholeJournal(Journal, ReadableWhole, Protocol):
    """A journal with its clips."""


class Served(Protocol):
    """As much of a service."""

    @property
    def journal(self) -> WholeJournal: ...

    @property
    def site(self) -> Site: ...

    async def status(self) -> msgspec.Struct: ...

    async def replay(self, chosen: AsyncIterator[QuarantineRecord]) -> msgspec.Struct: ...

    @property
    def recorder(self) -> Recorder: ...

    def backup(self) -> AsyncIterator[bytes]: ...

    async def metrics(self) -> bytes: ...

    def live(self) -> Health: ...

    def ready(self) -> Health: ...

    async def fire(
        self, sensor: SensorId, type: str | None, fields: Mapping[str, Scalar], urgency: Urgency | None
    ) -> Receipt: ...

    async def say(self, sensor: SensorId, what: What, why: str, seconds: float) -> msgspec.Struct: ...

    async def unsay(self, sensor: SensorId, what: What) -> bool: ...


def known(named: str, all: Collection[str], what: str) -> None:
    """Whether the site has this sensor, connector, …. Raises Refused with what may have been meant."""
    if named not in all:
        near = difflib.get_close_matches(named, all, 1)
        raise Refused(f"there is no {what} {named!r}" + (f": did you mean {near[0]}?" if near else ""), 404)
