"""What is set for an HTTP response that does not end."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from bridge.model import Origin
from bridge.units import Duration, Size, seconds
from connectors.asking.settings import AskingSettings
from connectors.base import Address
from connectors.outbound import plain_url


class HttpStreamSettings(AskingSettings):
    """One server that is asked once, and whose answer goes on."""

    type: Literal["http-stream"] = "http-stream"
    url: str = Field(
        description="What to ask, without credentials and parameters.",
        examples=["http://10.0.0.41/ISAPI/Event/notification/alertStream"],
    )
    method: Literal["GET", "POST", "PUT"] | None = Field(
        default=None, description="GET, or POST when there is a body, unless said otherwise."
    )
    body: str | None = Field(default=None, description="The question as text, for servers that want one.")
    content_type: str = Field(default="", description="What the text is, for example application/xml.")
    format: Literal["auto", "multipart", "lines", "json", "events"] = Field(
        default="auto",
        description="How messages stand in the answer; auto: as its Content-Type says. multipart: parts between "
        "boundaries; lines: one on each line; json: objects found by their braces; events: server-sent events.",
    )
    heartbeat: Literal["off"] | Duration = Field(
        default=60.0,
        description="Nothing complete came for so long (no part, line, event or comment): the connection is taken for "
        "dead, and made anew. Longer than the server's own heartbeat; off for one that has none.",
    )
    pictures: Duration = Field(
        default=0.3,
        description="Of parts: how long a document waits for the pictures that follow it, to be one message with them. "
        "0 s: every part is a message.",
    )
    picture_count: str = Field(
        default="",
        max_length=100,
        description="The element or key of a document that says how many pictures follow: these are waited for, and "
        "no others. A document without it waits as long as pictures says.",
        examples=["picNum"],
    )
    connect_timeout: Duration = Field(
        default=10.0, description="How long connecting may take, TLS and the head of the answer in it."
    )
    max_message: Size = Field(
        default=16 * 2**20,
        description="Longest message taken, pictures in it; a longer part, line or event is left out.",
    )
    position: str = Field(
        default="",
        max_length=100,
        description="What the journal keeps the last event's id under; the connector's name when left out.",
    )
    observe: Literal["wait", "connect"] = Field(
        default="wait",
        description="What a dry run does. wait: not connect, as a second client may take events from the first.",
    )

    @field_validator("url")
    @classmethod
    def _plain(cls, text: str) -> str:
        return plain_url(text, "https", "http")

    @field_validator("heartbeat", mode="before")
    @classmethod
    def _read_off(cls, value: object) -> object:
        """YAML reads a bare off as false."""
        if value is False or value == "off":
            return "off"
        return value if isinstance(value, float) else seconds(value)

    @field_validator("heartbeat", "connect_timeout")
    @classmethod
    def _some(cls, value: float | str) -> float | str:
        if not isinstance(value, str) and value <= 0:
            raise ValueError("write how long, for example 60 s")
        return value

    @model_validator(mode="after")
    def _for_what_it_is(self) -> HttpStreamSettings:
        if self.picture_count and not self.pictures:
            raise ValueError("picture_count says how many pictures follow, and pictures: 0 s joins none")
        return self

    @property
    def silence(self) -> float | None:
        return None if self.heartbeat == "off" else self.heartbeat


class HttpStreamAddress(Address):
    """A stream has one sender; sensors are told apart by ``identity``, or by the names of server-sent events."""

    event: str | None = Field(
        default=None, description="Of server-sent events: only those of this name.", examples=["door"]
    )

    def matches(self, origin: Origin) -> bool:
        return self.event is None or origin.attributes.get("event", "message") == self.event
