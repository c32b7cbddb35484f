"""What the suite has to be told of a target, and nothing more. One small file each: ``subject_*.py``."""

from __future__ import annotations

import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from bridge.model import Action, CameraId, Delivery, Outcome, SensorEvent, VmsId
from bridge.vms.base import VmsTarget
from tests.vms.conformance.wiretap import Datagramtap, Fate, Linetap, Wiretap, lines_tapped, status, tapped
from tests.vms.conftest import Vault, event, sent
from tests.vms.time_passes import PATIENCE

Sim = TypeVar("Sim")


@dataclass(frozen=True)
class Held:
    """One event of ours as the VMS has it. ``text``: all that it holds of it. ``at``: when it says that it was."""

    event: str
    text: str
    at: datetime
    possible_duplicate: bool = False


class Subject(ABC, Generic[Sim]):
    name: ClassVar[str]
    camera: ClassVar[CameraId] = CameraId("gate-in")
    secret: ClassVar[str]
    """The name of the secret that is rotated; "" where the VMS takes none."""
    raising: ClassVar[bytes]
    """In the first line of the HTTP request in whose answer the target learns that the event is raised."""
    besides: ClassVar[bytes] = rb"^$"
    """In the first line of requests that no dry run shows: logging in."""
    carries: ClassVar[bool] = True
    """False: the VMS learns that there is an event of some type, and nothing else of it."""
    depends: ClassVar[bytes] = rb"^$"
    """In the first line of requests of an amendment that are made, or written, as the VMS answered the one before."""
    searched: ClassVar[bool]
    backdates: ClassVar[bool]
    """What the reference says that the VMS can, whatever the target says."""
    doubtful: ClassVar[tuple[bytes, ...]] = ()
    """Answers, none of them lost, after which the event may be there all the same and nothing can be searched."""
    speaks_http: ClassVar[bool] = True
    """False: there are no statuses and no TLS, only lines."""
    answers: ClassVar[bool] = True
    """False: nothing ever comes back; delivered means that the system took it."""
    literal: ClassVar[str]
    """All that is on the wire for the event of the reference, word for word; ``{host}`` and what ``meant`` names."""

    @abstractmethod
    def simulator(self) -> AbstractAsyncContextManager[Sim]: ...

    @abstractmethod
    def port(self, sim: Sim) -> int: ...

    def lines_port(self, sim: Sim) -> int:
        return 0

    def lines(self, sim: Sim, wire: list[bytes]) -> AbstractAsyncContextManager[Linetap | Datagramtap] | None:
        """What stands between where it does not speak HTTP."""
        port = self.lines_port(sim)
        return lines_tapped(port, wire) if port else None

    @abstractmethod
    def vault(self, sim: Sim) -> Vault: ...

    @abstractmethod
    def target(self, url: str, lines_port: int, vault: Vault, settings: Mapping[str, Any]) -> VmsTarget:
        """``url``: scheme, host and port."""

    @abstractmethod
    def meant(self, sim: Sim, vault: Vault) -> Mapping[str, str]:
        """What a dry run shows instead → what is on the wire."""

    def is_besides(self, request: bytes) -> bool:
        return re.search(self.besides, request.split(b"\r\n", 1)[0]) is not None

    @abstractmethod
    def held(self, sim: Sim) -> list[Held]: ...

    @abstractmethod
    def rotate(self, running: Running[Sim]) -> str:
        """From now on the VMS takes another secret only; returns it, and tells the vault nothing."""

    async def refuse(self, running: Running[Sim]) -> None:
        """Nobody listens where the event is raised."""
        await running.tap.close()

    def meets(self, running: Running[Sim], fate: Fate | bytes) -> None:
        """The next request that raises meets this."""
        running.tap.meets(self.raising, fate)


@dataclass
class Running(Generic[Sim]):
    subject: Subject[Sim]
    sim: Sim
    tap: Wiretap
    lines: Linetap | Datagramtap | None
    vault: Vault
    target: VmsTarget
    wire: list[bytes] = field(default_factory=list)

    @property
    def held(self) -> list[Held]:
        return self.subject.held(self.sim)

    def delivery(self, told: SensorEvent | None = None, **more: Any) -> Delivery:
        more.setdefault("action", Action.RAISE)
        return Delivery(event=told or event(), camera=self.subject.camera, vms=VmsId("vms"), **more)

    async def sent(self, delivery: Delivery, urgent: bool = False) -> Outcome:
        """As ``tests.vms.conftest.sent``, until it has arrived."""
        outcome = await sent(self.target, delivery, urgent)
        await self.arrived()
        return outcome

    async def arrived(self) -> None:
        """Until what was handed over is where it goes."""
        if isinstance(self.lines, Datagramtap):
            await self.lines.all_here()

    def as_sent(self, shown: bytes) -> bytes:
        """What a dry run shows, with what it does not show in its place."""
        for placeholder, real in self.subject.meant(self.sim, self.vault).items():
            shown = shown.replace(placeholder.encode(), real.encode())
        return shown


@asynccontextmanager
async def running(
    subject: Subject[Sim], context: ssl.SSLContext | None = None, **settings: Any
) -> AsyncIterator[Running[Sim]]:
    wire: list[bytes] = []
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(subject.simulator())
        tap = await stack.enter_async_context(tapped(subject.port(sim), wire, context))
        between = subject.lines(sim, wire)
        lines = await stack.enter_async_context(between) if between is not None else None
        vault = subject.vault(sim)
        told = {"timeout": PATIENCE, "allow_http": True}
        url = f"{'http' if context is None else 'https'}://localhost:{tap.port}"
        target = subject.target(url, lines.port if lines else 0, vault, {**told, **settings})
        stack.push_async_callback(target.close)
        yield Running(subject, sim, tap, lines, vault, target, wire)


__all__ = ["Fate", "Held", "Running", "Subject", "running", "status"]
