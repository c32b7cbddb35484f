"""A compiled device profile: what its messages hold, whose they are, what they mean.

Pure and bounded by size: no clock, disk or network. Made from YAML by ``bridge.profiles.compile``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from zoneinfo import ZoneInfo

from bridge.model import Draft, Item, Malformed, Message, ProfileId


class Profile(Protocol):
    @property
    def id(self) -> ProfileId: ...

    @property
    def kind(self) -> str: ...

    @property
    def digest(self) -> str:
        """Changes when the profile's text does."""

    def redact(self, message: Message) -> Message:
        """The message as it may be stored: what the profile names as secret is masked. Quarantine gets this too."""

    def items(self, message: Message) -> Sequence[Item | Malformed]:
        """What the message says, in order; one bad item does not spoil the rest. Never raises."""

    def identity(self, item: Item) -> Mapping[str, str]:
        """Which sensor behind a shared address: every name the profile can read in this item."""

    def draft(self, item: Item, zone: ZoneInfo) -> Draft | Malformed:
        """What the item means. ``zone`` is the sensor's, for device times without offset. Never raises."""
