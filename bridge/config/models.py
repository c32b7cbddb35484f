"""What stands in a site file: the source of its checker, its JSON Schema and its documentation.

The settings of a VMS, a camera, a connector and a sensor's address are of the type they name (``registry``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

from bridge.config.mapping import CamerasBySection
from bridge.config.rule_sections import InhibitSection, Period, RuleEntry
from bridge.units import Duration, Size
from connectors.base import Supervise

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""What the keys under vms, cameras, connectors and sensors look like."""

DURATION = TypeAdapter(Duration).json_schema()["pattern"]
SIZE = TypeAdapter(Size).json_schema()["pattern"]
"""How a schema knows a duration and a size."""

Name = Annotated[str, Field(pattern=NAME)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


SuperviseOr = Annotated[
    Annotated[Literal["off"], Tag("[off]")] | Annotated[Supervise, Tag("[on]")],
    Discriminator(lambda value: "[on]" if isinstance(value, dict | Supervise) else "[off]"),
]


class FaultSection(_Section):
    cameras: tuple[str, ...] = Field(
        default=(), description="The cameras on which the bridge's own faults are shown.", examples=[["gate-wide"]]
    )
    disk_low: Size = Field(
        default=2**30, description="Less than this free where the journal is: the disk is low.", examples=["1 GiB"]
    )
    buffer_short: Period = Field(
        default=12 * 3600.0,
        description="At the rate of the last hour the journal is full sooner than this.",
        examples=["12 h"],
    )
    backlog_old: Period = Field(
        default=900.0, description="Something has waited for its VMS for longer than this.", examples=["15 min"]
    )
    alarm_within: Period = Field(
        default=100.0,
        description="An alarm that no VMS has accepted within this is told by the ways under trouble.",
        examples=["100 s"],
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


CamerasOf = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1), Tag("[list]")] | Annotated[CamerasBySection, Tag("[by]")],
    Discriminator(lambda value: "[by]" if isinstance(value, dict | CamerasBySection) else "[list]"),
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
    also: dict[str, dict[str, object] | None] = Field(
        default={},
        description="Other connectors it is heard by, each with its address there (its identity when left empty): "
        "a poller that fills what a push lost, a second push.",
        examples=[{"gate-memory": None}],
    )
    cameras: CamerasOf = Field(
        description="The cameras that get its events, names under cameras; or a table that says which for each event.",
        examples=[["gate-in"]],
    )
    timezone: str | None = Field(
        default=None,
        description="The zone of its times when it is not the site's, by its IANA name.",
        examples=["Australia/Perth"],
    )
    rules: tuple[RuleEntry, ...] = Field(
        default=(),
        description="What is done to its events, in order.",
        examples=[[{"debounce": "5 s"}, {"suppress": "10 min", "same": ["plate"]}]],
    )
    inhibit: InhibitSection | None = Field(
        default=None, description="Out of service for a while: nothing new is raised, and it ends by itself."
    )
    supervise: SuperviseOr | None = Field(
        default=None,
        description="When its silence or its clock is a fault; what it does not say is as on its connector, "
        "off: nothing of it is.",
        examples=[{"silent_after": "10 min"}],
    )


class JournalSection(_Section):
    path: str = Field(
        default="journal",
        min_length=1,
        description="The journal's folder; a relative one is beside the site file.",
        examples=["/var/lib/vms-bridge"],
    )
    limit: Size = Field(
        default=8 * 2**30,
        description="The most it may take; near it what was delivered goes before its time, the oldest first.",
        examples=["8 GiB"],
    )
    reserve: Size = Field(
        default=64 * 2**20, description="Free disk kept for alarms and for noting outcomes.", examples=["64 MiB"]
    )
    retention: Duration = Field(
        default=30 * 86400.0,
        description="How long what was delivered is kept, while `limit` allows it.",
        examples=["30 d"],
    )
    quarantine_per_origin: int = Field(
        default=100, ge=1, le=100_000, description="Items kept per sender that nobody could read or nobody listens for."
    )


SECTIONS = (
    "version", "site", "vms", "cameras", "connectors", "sensors", "journal", "endpoints", "pictures", "observe",
    "trouble",
)  # fmt: skip
REQUIRED = ("version", "site", "vms", "cameras", "connectors", "sensors")
