"""What stands under a VMS of type milestone and under each of its cameras."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration, Size
from bridge.vms.base import CameraSettings
from bridge.vms.http import OutboundSettings, split_url
from bridge.vms.plain import address

Way = Literal["analytics", "alarms", "events", "bookmarks", "generic", "ai-bridge"]
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LONGEST = 3600.0
"""Seconds a bookmark may begin before its event, or end after it."""
LONGEST_DATAGRAM = 15_000
"""Characters, of up to four bytes each, of the 65,507 bytes that a datagram holds (RFC 768; RFC 791)."""


def _guid(text: str) -> str:
    if _GUID.fullmatch(text) is None:
        raise ValueError("write the id as XProtect shows it, like 0b4a2f7e-1111-4222-8333-944445555666")
    return text.lower()


Guid = Annotated[str, AfterValidator(_guid)]


class MilestoneSettings(OutboundSettings):
    type: Literal["milestone"] = Field(description="Milestone XProtect.")
    way: Way = Field(
        default="analytics",
        description="How events are raised: analytics (to the Event Server; carries most, pictures too), alarms, "
        "events (user-defined ones) or bookmarks over the API Gateway, generic (a line of text), ai-bridge.",
    )
    event_server: str = Field(
        default="",
        description="Where the Event Server takes analytics events; for way analytics.",
        examples=["http://events.harbour.example:9090"],
    )
    event_name: str = Field(
        default="vms-bridge",
        min_length=1,
        max_length=200,
        description="The name of the analytics event that was made in the Management Client; the first word of a "
        "generic event.",
    )
    event_names: dict[str, str] = Field(
        default={},
        description="Other analytics events for some of our types.",
        examples=[{"access.denied": "Door refused"}],
    )
    objects: tuple[str, ...] = Field(
        default=("plate",), description="Fields that are told as objects of an analytics event too, with their value."
    )
    pictures: bool = Field(default=True, description="Send an event's JPEG pictures, where the way takes them.")
    picture_limit: Size = Field(default=2**20, description="Bytes of all pictures of one event; the rest is named.")
    amendments: Literal["send", "leave out"] = Field(
        default="send",
        description="Where a raised event cannot be changed: whether a correction is an event of its own.",
    )
    gateway: str = Field(
        default="",
        description="Where the API Gateway is, usually the management server.",
        examples=["https://xprotect.harbour.example"],
    )
    allow_http: bool = Field(default=False, description="Says that the password may go out without TLS.")
    user: str = Field(default="", description="The basic user to log in as at the gateway.", examples=["bridge"])
    password: SecretRef | None = Field(default=None, description="The password to that, a secret.")
    client: str = Field(
        default="GrantValidatorClient", description="The client_id of the log-in; that of a service without user."
    )
    client_secret: SecretRef | None = Field(
        default=None, description="In the place of user and password: the secret of a service's client_id."
    )
    event_type: Guid | None = Field(
        default=None,
        description="The id of the user-defined event to trigger; for way events.",
        examples=["7a0c1b52-2222-4333-8444-955556666777"],
    )
    event_types: dict[str, Guid] = Field(default={}, description="Other user-defined events for some of our types.")
    restored_type: Guid | None = Field(
        default=None, description="The user-defined event for what is over; nothing is triggered then if left out."
    )
    alarm_source: Literal["id", "path"] = Field(
        default="id", description="How an alarm names its camera: by its bare id, or as cameras/ID."
    )
    before: Duration = Field(default=10.0, description="How long before the event its bookmark begins.")
    after: Duration = Field(default=30.0, description="How long after the event its bookmark ends.")
    generic: str = Field(
        default="",
        description="Where a data source of generic events listens; for way generic.",
        examples=["tcp://events.harbour.example:1235", "udp://events.harbour.example:1234"],
    )
    separator: Literal["crlf", "none"] = Field(default="crlf", description="What ends a generic event's text.")
    characters: Literal["utf-8", "latin-1", "ascii"] = Field(
        default="utf-8", description="In which characters a generic event is written."
    )
    echo: Literal["statistics", "all", "none"] = Field(
        default="statistics", description="What the data source answers over TCP, as it is set there."
    )
    ai_bridge: str = Field(
        default="",
        description="Where the AI Bridge's GraphQL service is, with its path; for way ai-bridge.",
        examples=["http://ai-bridge.harbour.example:4000/graphql"],
    )
    topic: str = Field(default="", description="The event topic that was registered there; for way ai-bridge.")
    text_limit: int = Field(
        default=500,
        ge=300,
        le=65536,
        description="Characters of a text that guards read; what XProtect takes at most is not documented.",
    )
    data_limit: Size = Field(
        default=64 * 2**10, description="Bytes of the event as JSON that travel with it, where the way takes them."
    )
    search: bool | None = Field(
        default=None,
        description="Look for an event whose answer was lost: alarms do unless told otherwise; analytics can, with "
        "gateway, when XProtect keeps these events (retention of their type a day or more).",
    )
    settle_after: Duration = Field(default=5.0, description="How long until the search finds what was taken.")

    @field_validator("event_server", "gateway", "ai_bridge")
    @classmethod
    def _whole(cls, text: str) -> str:
        if text and "?" in split_url(text)[1]:
            raise ValueError("write the address without ?")
        return text.rstrip("/")

    @field_validator("generic")
    @classmethod
    def _socket(cls, text: str) -> str:
        if text:
            try:
                address(text)
            except ValueError:
                raise ValueError("write where it listens as tcp://host:1235 or udp://host:1234") from None
        return text

    @field_validator("before", "after")
    @classmethod
    def _bounded(cls, seconds: float) -> float:
        if seconds > LONGEST:
            raise ValueError("a bookmark reaches an hour before and after its event at most")
        return seconds

    @field_validator("data_limit")
    @classmethod
    def _enough(cls, size: int) -> int:
        if not 2048 <= size <= 2**20:
            raise ValueError("from 2 KiB to 1 MiB of an event can travel with it")
        return size

    @model_validator(mode="after")
    def _meant(self) -> MilestoneSettings:
        self._way_has_its_place()
        if self.gateway:
            if (self.password is None) == (self.client_secret is None):
                raise ValueError("gateway needs user and password, or client and client_secret")
            if bool(self.user) != (self.password is not None):
                raise ValueError("logging in at the gateway needs both user and password")
            if self.gateway.startswith("http:") and not self.allow_http:
                raise ValueError(
                    "gateway without TLS shows the password to the network; write https://, or add allow_http: true "
                    "if you mean it"
                )
        elif self.user or self.password is not None or self.client_secret is not None:
            raise ValueError("user and password are for the gateway: write gateway too, or leave them out")
        if self.way == "events" and self.event_type is None and not self.event_types:
            raise ValueError("way events needs event_type, the id of a user-defined event")
        if self.search and self.way not in ("alarms", "analytics"):
            raise ValueError(f"XProtect documents no search for what way {self.way} makes: leave search out")
        if self.search and not self.gateway:
            raise ValueError("search needs gateway")
        return self

    def _way_has_its_place(self) -> None:
        needed = {"analytics": "event_server", "generic": "generic", "ai-bridge": "ai_bridge"}.get(self.way, "gateway")
        if not getattr(self, needed):
            raise ValueError(f"way {self.way} needs {needed}")
        if self.way == "generic" and self.generic.startswith("udp:") and self.text_limit > LONGEST_DATAGRAM:
            raise ValueError(f"over udp:// a text has {LONGEST_DATAGRAM} characters at most: a datagram holds no more")
        if self.way == "ai-bridge" and not self.topic:
            raise ValueError("way ai-bridge needs topic")

    @property
    def place(self) -> str:
        """Where events go."""
        return {"analytics": self.event_server, "generic": self.generic, "ai-bridge": self.ai_bridge}.get(
            self.way, self.gateway
        )

    @property
    def searches(self) -> bool:
        return self.way == "alarms" if self.search is None else self.search

    @property
    def secret(self) -> SecretRef | None:
        """What logs in at the gateway."""
        return self.client_secret if self.password is None else self.password


class MilestoneCamera(CameraSettings):
    id: Guid = Field(description="The camera's id in XProtect.", examples=["0b4a2f7e-1111-4222-8333-944445555666"])
    address: str = Field(
        default="",
        max_length=200,
        description="Its network address too, with ,channel for one of several; analytics events name it besides.",
        examples=["10.0.0.31"],
    )
    related: tuple[Guid, ...] = Field(
        default=(), description="Other cameras that are shown with an analytics event of this one."
    )
