"""What stands under a VMS of type nx and under each of its cameras."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration, Size
from bridge.vms.base import CameraSettings
from bridge.vms.http import OutboundSettings, split_url

LONGEST = 3600.0


class CloudSettings(BaseModel):
    """Reaching a site through the vendor's cloud [2]."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str = Field(
        description="The site's id in the cloud (cloudSystemId).", examples=["0f1a2b3c-0000-4000-8000-0123456789ab"]
    )
    host: str = Field(
        default="https://nxvms.com", description="The cloud that gives the tokens; brands have their own."
    )
    relay: str = Field(
        default="vmsproxy.com", description="Below this name the relay and its nodes are; no other gets the token."
    )

    @field_validator("system", mode="before")
    @classmethod
    def _id(cls, text: object) -> str:
        return _uuid(text, "write the site's id in the cloud, like 0f1a2b3c-0000-4000-8000-0123456789ab")

    @field_validator("host")
    @classmethod
    def _whole(cls, text: str) -> str:
        return _bare(text)


class NxSettings(OutboundSettings):
    type: Literal["nx"] = Field(description="Nx Witness and what is built on it: Nx Meta, DW Spectrum, Wisenet WAVE.")
    url: str = Field(
        default="",
        description="A server of the site, port 7001 as a rule; may be left out with cloud.",
        examples=["https://nx.harbour.example:7001"],
    )
    allow_http: bool = Field(default=False, description="Says that user and password may go out without TLS.")
    login: Literal["session", "digest", "cloud"] = Field(
        default="session",
        description="How it logs in: for a token (REST), with each request (digest, where the user may), or for a "
        "token of the cloud.",
    )
    user: str = Field(
        min_length=1, description="Whom to log in as; of a cloud its e-mail address.", examples=["bridge"]
    )
    password: SecretRef = Field(description="The password to that, a secret.")
    cloud: CloudSettings | None = Field(default=None, description="With login: cloud.")
    api: Literal["v4", "v3", "v2", "v1"] = Field(
        default="v4", description="The REST version: v4 from 6.1 on, v3 for 6.0, v1 or v2 for 5."
    )
    way: Literal["bookmark", "event", "both"] = Field(
        default="bookmark",
        description="What an event becomes: a bookmark (all of it, found again), a generic event (starts the site's "
        "rules, leaves nothing that could be found), or first that and then the bookmark.",
    )
    call: Literal["generic", "createEvent"] | None = Field(
        default=None, description="How a generic event is made; createEvent before v4. The newest that api has."
    )
    strict: bool = Field(default=False, description="Ask for small mistakes in a generic event to be refused (v4).")
    prolonged: bool = Field(
        default=False,
        description="What begins and ends becomes a started and a stopped generic event with equal texts, without the "
        "fields; else each is an instant of its own.",
    )
    before: Duration = Field(default=5.0, description="How long before the event its bookmark begins.")
    after: Duration = Field(default=15.0, description="How long after the event its bookmark ends.")
    name_limit: int = Field(default=200, ge=40, le=2000, description="Characters of a bookmark's name, or caption.")
    description_limit: Size = Field(
        default=16 * 2**10, description="How much of an event goes into the description; all of it is in the journal."
    )
    settle_after: Duration = Field(default=2.0, description="How long after it was made a bookmark is surely found.")

    @field_validator("url")
    @classmethod
    def _whole(cls, text: str) -> str:
        return _bare(text) if text else ""

    @field_validator("before", "after")
    @classmethod
    def _bounded(cls, seconds: float) -> float:
        if seconds > LONGEST:
            raise ValueError("a bookmark reaches an hour before and after its event at most")
        return seconds

    @field_validator("description_limit")
    @classmethod
    def _fits(cls, size: int) -> int:
        if not 2048 <= size <= 128 * 2**10:
            raise ValueError("a description holds from 2 KiB to 128 KiB")
        return size

    @model_validator(mode="after")
    def _meant(self) -> NxSettings:
        if (self.login == "cloud") != (self.cloud is not None):
            raise ValueError("login: cloud and cloud with the site's id belong together; write both or neither")
        if not self.url and self.cloud is None:
            raise ValueError("write url, a server of the site, like https://nx.harbour.example:7001")
        places = [self.server(), *([self.cloud.host] if self.cloud is not None else [])]
        if any(place.startswith("http:") for place in places) and not self.allow_http:
            raise ValueError(
                "without TLS the password can be read on the way; write https:// and pin the server's certificate "
                "(tls: {fingerprint: …}), or add allow_http: true if you mean it"
            )
        if self.call == "generic" and self.api != "v4":
            raise ValueError(f"REST {self.api} has no generic events as far as is known; write call: createEvent")
        if self.before + self.after <= 0:
            raise ValueError("a bookmark needs a length: before and after cannot both be 0")
        if self.strict and not self.generic:
            raise ValueError("strict is of REST v4 generic events alone; createEvent has no such thing")
        return self

    @property
    def generic(self) -> bool:
        """Whether a generic event is made by REST; else by ``createEvent``."""
        return self.call == "generic" if self.call is not None else self.api == "v4"

    def server(self) -> str:
        """Where requests go, without a path."""
        if self.url:
            return self.url
        assert self.cloud is not None
        return f"https://{self.cloud.system}.relay.{self.cloud.relay}"


class NxCamera(CameraSettings):
    id: str = Field(description="The device's id.", examples=["3f2504e0-4f89-11d3-9a0c-0305e82c3301"])

    @field_validator("id", mode="before")
    @classmethod
    def _device(cls, text: object) -> str:
        """Older calls show it in braces [8]."""
        return _uuid(text, "write the device's id, like 3f2504e0-4f89-11d3-9a0c-0305e82c3301; vms-bridge cameras list")


def _uuid(text: object, otherwise: str) -> str:
    try:
        return str(UUID(str(text)))
    except ValueError:
        raise ValueError(otherwise) from None


def _bare(text: str) -> str:
    _, path = split_url(text)
    if path != "/":
        raise ValueError("write scheme, host and port alone, like https://nx.harbour.example:7001")
    return text.rstrip("/")
