"""What stands in a site file: the source of its checker, its JSON Schema and its documentation.

The settings of a VMS, a camera, a connector and a sensor's address are of the type they name (``registry``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

from bridge.units import Duration, Size

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""What the keys under vms, cameras, connectors and sensors look like."""

DURATION = TypeAdapter(Duration).json_schema()["pattern"]
SIZE = TypeAdapter(Size).json_schema()["pattern"]
"""How a schema knows a duration and a size."""

Name = Annotated[str, Field(pattern=NAME)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FaultSection(_Section):
    cameras: tuple[str, ...] = Field(
        default=(), description="The cameras on which the bridge's own faults are shown.", examples=[["gate-wide"]]
    )


class SiteSection(_Section):
    name: str = Field(
        min_length=1, max_length=200, description="What people call this site.", examples=["Harbour depot"]
    )
    id: Name | None = Field(
        default=None,
        description="The site's key in the journal and in every event's id; made from the name when left out. "
        "Give one before renaming a site that has run.",
        examples=["harbour-depot"],
    )
    timezone: str = Field(
        default="UTC",
        description="The zone of device times that carry none, by its IANA name.",
        examples=["Australia/Sydney"],
    )
    faults: FaultSection = Field(default=FaultSection(), description="Where the bridge's own faults are shown.")


class SelectRule(_Section):
    select: str = Field(
        min_length=1,
        description="A CEL expression over event: only events for which it is true go on.",
        examples=['event.type == "vehicle.identified" && event.fields.list != "allow"'],
    )
    name: str = Field(default="", max_length=100, description="Shown when it filters; rule 1, rule 2 … when left out.")


class CollapseRule(_Section):
    collapse: Literal["off"] = Field(description="off: every message is an event of its own.", examples=["off"])


def _which_rule(value: object) -> str:
    keys = value if isinstance(value, dict) else {}
    return "[collapse]" if "collapse" in keys and "select" not in keys else "[select]"


# The tags stand in brackets so that they are never taken for a key of the document.
RuleEntry = Annotated[
    Annotated[SelectRule, Tag("[select]")] | Annotated[CollapseRule, Tag("[collapse]")], Discriminator(_which_rule)
]


class SensorSection(_Section):
    name: str = Field(
        default="",
        max_length=200,
        description="What a guard reads; its key when left out.",
        examples=["Gate plate reader"],
    )
    kind: str = Field(
        default="",
        max_length=64,
        description="What it is: lpr, door, leak …; the profile's when left out.",
        examples=["lpr"],
    )
    location: str = Field(
        default="", max_length=200, description="Where it is, in words.", examples=["North gate, lane 2"]
    )
    profile: str = Field(
        description="The device's profile: a built-in one, or profiles/NAME.yaml beside the site file.",
        examples=["cammra"],
    )
    connector: str = Field(description="The way in it uses, a name under connectors.", examples=["lpr"])
    address: dict[str, object] = Field(
        default={},
        description="How its messages are told from others on that connector; what stands here depends on its type.",
        examples=[{"path": "/gate"}],
    )
    cameras: tuple[str, ...] = Field(
        min_length=1, description="The cameras that get its events, names under cameras.", examples=[["gate-in"]]
    )
    timezone: str | None = Field(
        default=None,
        description="The zone of its times when it is not the site's, by its IANA name.",
        examples=["Australia/Perth"],
    )
    rules: tuple[RuleEntry, ...] = Field(default=(), description="What is done to its events, in order.")


class JournalSection(_Section):
    path: str = Field(
        default="journal",
        min_length=1,
        description="The journal's folder; a relative one is beside the site file.",
        examples=["/var/lib/vms-bridge"],
    )
    limit: Size = Field(default=8 * 2**30, description="The most it may take.", examples=["8 GiB"])
    reserve: Size = Field(
        default=64 * 2**20, description="Free disk kept for alarms and for noting outcomes.", examples=["64 MiB"]
    )
    retention: Duration = Field(
        default=30 * 86400.0, description="How long what was delivered is kept.", examples=["30 d"]
    )
    quarantine_per_origin: int = Field(
        default=100, ge=1, le=100_000, description="Items kept per sender that nobody could read or nobody listens for."
    )


SECTIONS = ("version", "site", "vms", "cameras", "connectors", "sensors", "journal")
REQUIRED = ("version", "site", "vms", "cameras", "connectors", "sensors")

NOT_YET = {"supervise": "; this version cannot supervise yet, leave it out"}
"""Keys that the design knows and this version does not act on: refused, so that nobody relies on them."""
