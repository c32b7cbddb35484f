"""What stands under ``endpoints``: a WebSocket that programs connect to, or a webhook that is called."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration
from bridge.vms.webhook.receiver import ReceiverSettings
from connectors.listening import Bind, parse_bind


class EventFilter(BaseModel):
    """Which events an endpoint tells. What is left out does not narrow; what is there has to hold together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cameras: tuple[str, ...] = Field(default=(), description="Only events of these cameras.", examples=[["gate-in"]])
    sensors: tuple[str, ...] = Field(default=(), description="Only events of these sensors.", examples=[["gate-lpr"]])
    kinds: tuple[str, ...] = Field(default=(), description="Only events of sensors of these kinds.", examples=[["lpr"]])
    types: tuple[str, ...] = Field(
        default=(),
        description="Only events of these types; vehicle.* is every type that begins with vehicle.",
        examples=[["vehicle.identified"]],
    )
    select: str = Field(
        default="",
        description="A CEL expression over event, as in rules: only events for which it is true.",
        examples=['event.urgency == "alarm"'],
    )


class Certificate(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path = Field(description="The certificate chain, as PEM.", examples=["/etc/vms-bridge/tls.crt"])
    key: Path = Field(description="Its private key, as PEM without a password.", examples=["/etc/vms-bridge/tls.key"])


class EndpointSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(description="websocket or webhook.")
    filter: EventFilter = Field(default=EventFilter(), description="Which events it tells; all of them when left out.")


class WebSocketEndpoint(EndpointSettings):
    type: Literal["websocket"] = Field(description="Programs connect to it and are told each event as it is kept.")
    bind: Bind = Field(description="Where it listens; endpoints may share a port.")
    path: str = Field(
        default="/events",
        pattern=r"^/[A-Za-z0-9_.~/-]*$",
        max_length=200,
        description="The path on that port.",
        examples=["/events"],
    )
    token: SecretRef = Field(description="What a subscriber has to show: Authorization: Bearer …, or ?token=….")
    tls: Certificate | None = Field(default=None, description="Serve wss:// with this certificate.")
    allow_http: bool = Field(default=False, description="Says that token and events may cross a network without TLS.")
    origins: tuple[str, ...] = Field(
        default=(),
        description="The web sites whose pages may connect from a browser; none when left out.",
        examples=[["https://wall.harbour.example"]],
    )
    subscribers: int = Field(default=16, ge=1, le=1000, description="How many may be connected at once.")
    ping: Duration = Field(default=20.0, ge=1, le=3600, description="How often a silent subscriber is asked for life.")

    @field_validator("path")
    @classmethod
    def _without_end(cls, path: str) -> str:
        return path.rstrip("/") or "/"

    @model_validator(mode="after")
    def _meant(self) -> WebSocketEndpoint:
        host = ipaddress.ip_address(parse_bind(self.bind)[0])
        if not host.is_loopback and self.tls is None and not self.allow_http:
            raise ValueError(
                "bind lets other machines connect and without TLS shows token and events to the network; "
                "add tls, bind 127.0.0.1, or add allow_http: true if you mean it"
            )
        return self


class WebhookEndpoint(ReceiverSettings, EndpointSettings):
    type: Literal["webhook"] = Field(description="It is called with each event, in order, until it has taken it.")
    method: Literal["POST", "PUT", "PATCH"] = Field(default="POST", description="The request's method.")
    timeout: Duration = Field(default=10.0, gt=0, le=300, description="How long one request may take, all in all.")
    begin: Literal["now", "oldest"] = Field(
        default="now", description="The first event a new endpoint gets: the next one, or the oldest that is kept."
    )


TYPES: dict[str, type[EndpointSettings]] = {"webhook": WebhookEndpoint, "websocket": WebSocketEndpoint}
"""By the name that ``type`` gives."""
