"""What stands under a VMS of type genetec and under each of its cameras."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.model import SensorEvent
from bridge.secret import SecretRef
from bridge.vms.base import CameraSettings
from bridge.vms.http import OutboundSettings, split_url

_GUID = re.compile(r"\{?([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})\}?")


def guid(text: str) -> str:
    """As it is kept: lower case, with dashes. Raises ValueError."""
    found = _GUID.fullmatch(text.strip())
    if found is None:
        raise ValueError("write the entity's GUID, like 00000001-0000-babe-0000-080023e940c6")
    return "-".join(found.groups()).lower()


LEAST_ROOM = 900
"""Characters of a URL beside its base: what has to be said, and an event's id, always fit."""
Guid = Annotated[str, AfterValidator(guid)]
Way = Literal["bookmark", "event", "alarm"]
_WAYS = "bookmark: on the camera, at the event's own time; event: a custom event on the camera, now; alarm: trigger one"


def _once_each(ways: tuple[Way, ...]) -> tuple[Way, ...]:
    if len(set(ways)) < len(ways):
        raise ValueError("each way once")
    if ways == ("alarm",):
        raise ValueError("an alarm carries nothing of the event; write bookmark or event beside it")
    return ways


Ways = Annotated[tuple[Way, ...], Field(min_length=1), AfterValidator(_once_each)]


class SendingSettings(BaseModel):
    """Of some events, what is sent: the first entry that an event fits decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    types: tuple[str, ...] = Field(
        default=("*",), description="Types of events, * for anything.", examples=[["fire.*", "intrusion"]]
    )
    urgencies: tuple[Literal["alarm", "fault", "notice"], ...] = Field(
        default=("alarm", "fault", "notice"), description="Only of these urgencies."
    )
    states: tuple[Literal["active", "restored", "momentary"], ...] = Field(
        default=("active", "restored", "momentary"), description="Only in these states."
    )
    ways: Ways = Field(description=f"What is sent, in this order. {_WAYS}.", examples=[["event", "bookmark"]])
    custom_event: int | None = Field(
        default=None, ge=0, le=2**31 - 1, description="The number of the custom event; that of the VMS when left out."
    )
    alarm: Guid | None = Field(default=None, description="The GUID of the alarm; that of the VMS when left out.")

    def fits(self, event: SensorEvent) -> bool:
        return (
            event.urgency.name.lower() in self.urgencies
            and event.state.value in self.states
            and any(fnmatchcase(event.type, each) for each in self.types)
        )


class GenetecSettings(OutboundSettings):
    type: Literal["genetec"] = Field(description="Genetec Security Center, through its Web SDK role.")
    url: str = Field(
        description="Where the Web SDK role answers: its port and base URI.",
        examples=["https://genetec.harbour.example:4590/WebSdk"],
    )
    allow_http: bool = Field(default=False, description="Says that the password may go out without TLS.")
    user: str = Field(
        description="A user of Security Center of its own; one of Active Directory cannot sign in here.",
        examples=["bridge"],
    )
    password: SecretRef = Field(description="The password to that, a secret.")
    application: SecretRef = Field(
        description="The application id of the SDK certificate that the licence has, a secret.",
        examples=["secret:genetec-application"],
    )
    ways: Ways = Field(default=("bookmark",), description=f"What is sent of an event, in this order. {_WAYS}.")
    custom_event: int | None = Field(
        default=None,
        ge=0,
        le=2**31 - 1,
        description="The number of the custom event that ways: [event] raises; defined in Config Tool for cameras.",
        examples=[5000],
    )
    alarm: Guid | None = Field(
        default=None,
        description="The GUID of the alarm that ways: [alarm] triggers.",
        examples=["543b686c-06e1-4304-afa6-fcef50242a5e"],
    )
    sends: tuple[SendingSettings, ...] = Field(
        default=(),
        description="What is sent of some events; the first entry that fits decides, and where none does, ways.",
    )
    message_in: Literal["query", "path"] = Field(
        default="query",
        description="Where a custom event's message stands in the URL; in the path, one with a slash is in the query.",
    )
    bookmark_characters: Literal["alike", "all"] = Field(
        default="alike",
        description="What has a meaning in the query language of the Web SDK, ( ) { } \\ # = @ *, is replaced by what "
        "looks like it in a bookmark's text; or sent as it is.",
    )
    longest_url: int = Field(
        default=2000, ge=1000, le=16_000, description="Characters of a whole URL; the text in it is shortened to that."
    )

    @field_validator("url")
    @classmethod
    def _whole(cls, text: str) -> str:
        _, path = split_url(text)
        if "?" in path:
            raise ValueError("write the address of the Web SDK without ?")
        return text.rstrip("/")

    @field_validator("user")
    @classmethod
    def _plain(cls, text: str) -> str:
        if not text or not text.isprintable() or any(char in text for char in ":;"):
            raise ValueError("the user's name has no : and no ; in it, and is not empty")
        return text

    @model_validator(mode="after")
    def _meant(self) -> GenetecSettings:
        if self.url.startswith("http:") and not self.allow_http:
            raise ValueError(
                "url without TLS shows the password to the network; write https://, or add allow_http: true if you "
                "mean it"
            )
        if self.longest_url - len(self.url) < LEAST_ROOM:
            raise ValueError(f"longest_url has to leave {LEAST_ROOM} characters beside the url")
        for number, each in enumerate((self.otherwise, *self.sends)):
            where = f"sends, entry {number}: " if number else ""
            if "event" in each.ways and each.custom_event is None and self.custom_event is None:
                raise ValueError(f"{where}event among ways needs the number of a custom_event")
            if "alarm" in each.ways and each.alarm is None and self.alarm is None:
                raise ValueError(f"{where}alarm among ways needs the GUID of an alarm")
        return self

    @property
    def otherwise(self) -> SendingSettings:
        """What is sent where no entry of ``sends`` fits."""
        return SendingSettings(ways=self.ways)

    @property
    def at_its_time(self) -> bool:
        """Whether everything is sent in a way that has the event's own time."""
        return all(each.ways == ("bookmark",) for each in (self.otherwise, *self.sends))


class GenetecCamera(CameraSettings):
    id: Guid | None = Field(
        default=None,
        description="The GUID of the camera; vms-bridge cameras list tells it.",
        examples=["00000001-0000-babe-0000-080023e940c6"],
    )
    logical_id: int | None = Field(
        default=None, ge=0, le=9_999_999, description="In the place of id: the logical id that the camera was given."
    )

    @model_validator(mode="after")
    def _one(self) -> GenetecCamera:
        if (self.id is None) is (self.logical_id is None):
            raise ValueError("a camera has an id (its GUID), or else a logical_id")
        return self

    @property
    def reference(self) -> str:
        """As it stands in ``q``, where a dash means to remove."""
        return f"LogicalID(Camera,{self.logical_id})" if self.id is None else self.id.replace("-", "")
