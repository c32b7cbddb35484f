"""What the kill test asks of a way in: its piece of the site, its senders, and what they say was acknowledged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar

from bridge.simulator.issued import Log
from bridge.simulator.ledger import Arrival, Property, Vehicle

WITHIN = 60.0
"""Seconds that anything gets that must come to an end once the bridge is left alone."""


class Way(ABC):
    """``name``: its connector's in the site. ``sensors``: name → profile, address and rules as YAML, without cameras.
    ``log``: what was said. ``least``: messages that must have been issued for each kill, or it shows little.
    ``reasons``: by fate, how what may become of its messages instead of an event begins."""

    name: ClassVar[str]
    least: ClassVar[int]
    reasons: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self) -> None:
        self.log = Log()
        self.sensors: Mapping[str, str] = {}

    @abstractmethod
    def settings(self) -> str:
        """The connector's, as YAML in one line. Asked when the peers are there."""

    def secrets(self) -> Mapping[str, str]:
        """Name → value."""
        return {}

    @abstractmethod
    def thing(self, sensor: str, values: Mapping[str, str]) -> Vehicle | None:
        """Which of the things it issued an event with these fields is about."""

    @abstractmethod
    def peers(self, folder: Path) -> AbstractAsyncContextManager[None]:
        """Whom the bridge connects to, from before it starts until it has ended."""

    def heard(self, status: Mapping[str, Any]) -> bool:
        """Whether the bridge, as its status says, has been there long enough to owe what is said from now on."""
        return all(each["up"] for each in status["connectors"] if each["name"] == self.name)

    @abstractmethod
    def speaking(self) -> AbstractAsyncContextManager[None]:
        """Senders speak inside; at the end all they have begun to say is acknowledged."""

    @abstractmethod
    async def fresh(self) -> None:
        """Once more from each sensor, when all is well; returns when it is acknowledged."""

    @property
    @abstractmethod
    def noticed(self) -> int:
        """How often its senders noticed that the bridge was gone."""

    def owed(self, arrivals: Sequence[Arrival]) -> None:  # noqa: B027 - elsewhere there is nothing to do
        """Where nothing is acknowledged on the wire: write into the log what must have been taken."""

    def judged(self, arrivals: Sequence[Arrival]) -> Sequence[Property]:
        """What holds for this way besides."""
        return ()

    def apart(self) -> str:
        """What is counted apart: no breach, but to be said; "" for nothing."""
        return ""
