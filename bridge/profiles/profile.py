"""A compiled device profile: what its messages hold, whose they are, what they mean.

Pure and bounded by size: no clock, disk or network. Made from YAML by ``bridge.profiles.compile``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable
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


@runtime_checkable
class SaysWays(Protocol):
    """A profile that knows by which types of connectors its devices are heard. Optional; for ``vms-bridge learn``."""

    @property
    def heard_by(self) -> Collection[str]:
        """Empty for any."""


@runtime_checkable
class TellsTypes(Protocol):
    """A profile that knows beforehand which event types it can raise. Optional; for ``vms-bridge plan``."""

    def types(self, quiet: bool) -> Sequence[str]:
        """Every event type; ``quiet``: those too of which nothing is raised unless a rule asks for it."""
