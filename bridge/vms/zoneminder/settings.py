"""What stands under a VMS of type zoneminder and under each of its cameras."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration, Size
from bridge.vms.base import CameraSettings
from bridge.vms.http import OutboundSettings, split_url

PORT = 6802
MOST_NOTES = 65_535
"""Bytes a column of type TEXT holds [5]."""


class Scores(BaseModel):
    """How alarming an event is to ZoneMinder, which shows it and filters by it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alarm: int = Field(default=100, ge=1, le=255, description="Of alarms.")
    fault: int = Field(default=60, ge=1, le=255, description="Of faults.")
    notice: int = Field(default=20, ge=1, le=255, description="Of notices.")


class ZoneMinderSettings(OutboundSettings):
    type: Literal["zoneminder"] = Field(description="ZoneMinder.")
    url: str = Field(
        description="Where its web pages are, usually ending in /zm; its API is below that.",
        examples=["https://zm.harbour.example/zm"],
    )
    allow_http: bool = Field(default=False, description="Says that the password may go out without TLS.")
    user: str = Field(default="", description="Whom to log in as, where it asks (OPT_USE_AUTH).", examples=["bridge"])
    password: SecretRef | None = Field(default=None, description="The password to that, a secret.")
    way: Literal["socket", "rest"] = Field(
        default="socket",
        description="How an alarm is forced: over zmtrigger's socket (with cause, text and score of its own, ends by "
        "itself) or over the API (needs no other port; always the cause Forced Web).",
    )
    timeout: Duration = Field(
        default=15.0,
        description="How long one request may take, all in all; forcing an alarm over the API takes up to 10 s.",
    )
    trigger_host: str = Field(default="", description="Where zmtrigger listens, when that is not the host of url.")
    trigger_port: int = Field(default=PORT, ge=1, le=65535, description="zmtrigger's TCP port.")
    alarm_for: Duration = Field(
        default=10.0, description="How long the forced alarm lasts (whole seconds), over the socket."
    )
    scores: Scores = Field(default=Scores(), description="The score of a forced alarm, over the socket.")
    overlay: bool = Field(
        default=False, description="Write the title into the picture too, where its label has %Q; it stays there."
    )
    characters: Literal["utf-8", "latin-1", "ascii"] = Field(
        default="utf-8", description="What its database can hold; others become ?. Old ones may hold latin-1 alone."
    )
    notes_limit: Size = Field(
        default=16 * 2**10, description="How much of an event goes into the notes; all of it is in the journal."
    )
    confirm_within: Duration = Field(
        default=4.0, description="How long it is waited until a forced alarm is seen to have become an event."
    )
    settle_after: Duration = Field(
        default=5.0, description="How long after an event was forced the search surely finds it."
    )
    timezone: str = Field(
        default="", description="The zone of ZoneMinder's times, for its record; it is asked when left out."
    )

    @field_validator("url")
    @classmethod
    def _whole(cls, text: str) -> str:
        _, path = split_url(text)
        if "?" in path:
            raise ValueError("write the address of its web pages without ?")
        return text.rstrip("/")

    @field_validator("alarm_for")
    @classmethod
    def _long_enough(cls, seconds: float) -> float:
        if not 1 <= seconds <= 3600:
            raise ValueError("an alarm lasts from 1 s to 1 h")
        return seconds

    @field_validator("notes_limit")
    @classmethod
    def _fits(cls, size: int) -> int:
        if not 1024 <= size <= 60 * 2**10:
            raise ValueError("the notes of an event hold from 1 KiB to 60 KiB")
        return size

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError(f"there is no time zone {name[:80]}; write one like Australia/Sydney") from None
        return name

    @model_validator(mode="after")
    def _meant(self) -> ZoneMinderSettings:
        if bool(self.user) != (self.password is not None):
            raise ValueError("logging in needs both user and password; leave both out where ZoneMinder asks for none")
        if self.user and self.url.startswith("http:") and not self.allow_http:
            raise ValueError(
                "url without TLS shows the password to the network; write https://, or add allow_http: true if you "
                "mean it"
            )
        if self.confirm_within > self.timeout:
            raise ValueError("confirm_within has to be within timeout")
        return self

    def trigger(self) -> str:
        """Where zmtrigger listens, as ``tcp://host:port``."""
        host = self.trigger_host or split_url(self.url)[0].host
        return f"tcp://[{host}]:{self.trigger_port}" if ":" in host else f"tcp://{host}:{self.trigger_port}"


class ZoneMinderCamera(CameraSettings):
    id: int = Field(ge=1, description="The number of the monitor.", examples=[3])
