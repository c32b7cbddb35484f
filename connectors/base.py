"""The contract of a connector and what all connectors share.

A connector listens or polls, and hands every message to the intake. It gives an *origin*, never a sensor; it knows no
profile, rule, camera, journal or VMS. It acknowledges its sender only by the receipt, which comes after the commit.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, ClassVar, Protocol, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from bridge.model import ConnectorId, Findings, Message, Origin, Position, Reach, Receipt
from bridge.secret import Secrets
from bridge.units import seconds


class Mode(enum.Enum):
    """TAKE: the real thing. OBSERVE: a dry run that takes nothing from a sender it cannot give back."""

    TAKE = "take"
    OBSERVE = "observe"


def _while(value: object) -> float:
    found = seconds(value)
    if found < 1:
        raise ValueError("write 1 s or more")
    return found


While = Annotated[
    float,
    BeforeValidator(_while),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|min|h|d)$", "examples": ["10 min", "30 s"]}),
]


class Supervise(BaseModel):
    """When it is wrong that nothing is heard of a sensor, or that its clock differs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    silent_after: While | None = Field(
        default=None,
        description="Nothing at all was heard of it for so long: it is silent. Heartbeats count as heard.",
        examples=["10 min"],
    )
    heartbeat: While | None = Field(
        default=None,
        description="No heartbeat (what its profile keeps quiet about) came for so long, whatever else it said.",
        examples=["2 min"],
    )
    clock: While | None = Field(
        default=None, description="Its clock differs from ours by more, in several messages.", examples=["30 s"]
    )

    @model_validator(mode="after")
    def _something(self) -> Supervise:
        if self.silent_after is None and self.heartbeat is None and self.clock is None:
            raise ValueError("name at least one of silent_after, heartbeat and clock")
        return self


class ConnectorSettings(BaseModel):
    """Base of every connector's settings; ``type`` is the name the connector is declared under."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(description="Which connector this is, for example http or tcp.")
    supervise: Supervise | None = Field(
        default=None, description="What is wrong with a sensor behind it, where the sensor says nothing else itself."
    )

    def at_site(self, timezone: str) -> ConnectorSettings:
        """These settings with what they leave to the site they are of: its zone, by its IANA name."""
        return self


class Address(BaseModel):
    """Base of every connector's sensor address: how a sensor's messages are told from others on one connector."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: dict[str, str] = Field(
        default={},
        description="Which sensor behind a shared address, by what its profile reads in each item.",
        examples=[{"serial": "B8A44F000001"}],
    )

    def place(self) -> str | None:
        """The exact ``Origin.place`` this address listens to, or None when it does not care (slower to find)."""
        return None

    def peers(self) -> Collection[str]:
        """The exact ``Origin.peer`` this address takes messages from; empty when it does not name them one by one."""
        return ()

    def matches(self, origin: Origin) -> bool:
        """Whether a message of this origin (``place`` and ``peers`` are compared already) is for this address."""
        return True


Addresses: TypeAlias = Sequence[Address]


class Link(Protocol):
    """How a connector says whether its way in works; said again only when it changes."""

    def up(self, what: str = "") -> None: ...

    def down(self, why: str) -> None: ...

    def part(self, name: str) -> Link:
        """Of several that are reached by this way, the one of this name (a unit on a line, say): while the way itself
        works, what is wrong with it is a fault of its own."""


class Intake(Protocol):
    """The one door in."""

    async def submit(self, message: Message) -> Receipt:
        """Returns after the commit. Order of calls is order of decisions. Bounded: answers LATER when overloaded."""

    async def position(self, name: str) -> Position | None:
        """The durable bookmark a poller left under this name."""


class Reaching(Protocol):
    """What a connector's class may have besides: what its settings mean for a firewall, asked by ``ports``. Without
    it, the table says that it is not known."""

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """Every connection that these settings need; reads no secret, asks nobody."""


class Counting(Protocol):
    """What a connector may have besides: what it has counted since it was made, under few names of its own, in lower
    case and never made of what somebody sent: ``messages`` kept, ``refused``, ``failed`` tries to connect or to ask …
    Told in ``status --json`` and on the page of metrics."""

    @property
    def counts(self) -> Mapping[str, int]: ...


class Connector(Protocol):
    """One configured way in. Declared under the entry point group ``vms_bridge.connectors``. May be ``Reaching``
    and ``Counting``."""

    Settings: ClassVar[type[ConnectorSettings]]
    Address: ClassVar[type[Address]]

    def __init__(
        self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets
    ) -> None: ...

    def readdress(self, addresses: Addresses) -> None:
        """Take new addresses without restarting: sensors were added, changed or removed by a reload."""

    async def probe(self) -> Findings:
        """Reach and authenticate (or see whether the port is free); consume nothing."""

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Work until cancelled. On cancellation: take nothing new, let what is being taken finish, then return."""
