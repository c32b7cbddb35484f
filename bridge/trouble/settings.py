"""What stands under ``trouble``: where people are told when the VMS does not take alarms."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.tls import TlsSettings
from bridge.units import Duration
from bridge.vms.webhook.receiver import ReceiverSettings

_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
"""By their number (RFC 5424, 6.2.1)."""


class TroubleSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(description="webhook, syslog, mail or mqtt.")
    faults: bool = Field(
        default=False, description="true: it is told every fault; without it only alarms that no VMS has taken."
    )
    timeout: Duration = Field(default=10.0, gt=0, le=300, description="How long one try may take, all in all.")


class TroubleWebhook(ReceiverSettings, TroubleSettings):
    type: Literal["webhook"] = Field(description="An HTTP request with a JSON document.")


class TroubleSyslog(TroubleSettings):
    type: Literal["syslog"] = Field(description="A line to a syslog server (RFC 5424).")
    host: str = Field(min_length=1, max_length=253, description="Its name or address.", examples=["10.0.0.5"])
    port: int = Field(default=514, ge=1, le=65535, description="Its port.")
    transport: Literal["udp", "tcp"] = Field(
        default="udp", description="udp: nobody says whether it arrived. tcp: a connection that fails is tried again."
    )
    facility: str = Field(default="daemon", description="As whose the line is filed.", examples=["local0"])

    @field_validator("facility")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FACILITIES:
            raise ValueError(f"facilities are {', '.join(FACILITIES)}")
        return name


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or not text.isascii():
        raise ValueError("write a mail address as name@host")
    return text


class TroubleMail(TroubleSettings):
    type: Literal["mail"] = Field(description="A mail, by an SMTP server.")
    host: str = Field(min_length=1, max_length=253, description="The SMTP server.", examples=["mail.harbour.example"])
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection is protected; none only where no password is sent."
    )
    user: str = Field(default="", description="Whom to log in as, if it asks.", examples=["bridge"])
    password: SecretRef | None = Field(default=None, description="The password to that, a secret.")
    sender: str = Field(description="From whom it is.", examples=["bridge@harbour.example"])
    to: Annotated[tuple[str, ...], Field(min_length=1, max_length=20)] = Field(
        description="To whom it goes.", examples=[["oncall@harbour.example"]]
    )

    @field_validator("sender")
    @classmethod
    def _from(cls, text: str) -> str:
        return _address(text)

    @field_validator("to")
    @classmethod
    def _to(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_address, texts))

    @model_validator(mode="after")
    def _both(self) -> TroubleMail:
        if bool(self.user) != (self.password is not None):
            raise ValueError("a log-in needs both user and password")
        if self.password is not None and self.security == "none":
            raise ValueError("security: none shows the password to the network; write starttls or tls")
        return self


class TroubleMqtt(TroubleSettings):
    type: Literal["mqtt"] = Field(description="A message to an MQTT broker, QoS 1.")
    url: str = Field(
        description="The broker: mqtt://host:1883, or mqtts://host:8883 with TLS.",
        examples=["mqtts://broker.harbour.example"],
    )
    topic: str = Field(min_length=1, description="Where it is published.", examples=["harbour/bridge/trouble"])
    retain: bool = Field(
        default=False, description="true: the broker keeps the last word for those who subscribe later."
    )
    user: str = Field(default="", description="Whom to log in as, if it asks.", examples=["bridge"])
    password: SecretRef | None = Field(default=None, description="The password to that, a secret.")
    certificate: str = Field(default="", description="A PEM file with our own certificate and its key.")
    tls: TlsSettings = Field(default=TlsSettings(), description="Who the broker has to be, where it speaks TLS.")

    @field_validator("url")
    @classmethod
    def _broker(cls, text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("write mqtt://host:port, or mqtts:// with TLS")
        if parts.username is not None:
            raise ValueError("credentials do not stand in the URL: write user and password: secret:NAME")
        _ = parts.port  # raises ValueError for one that is none
        return text

    @field_validator("topic")
    @classmethod
    def _one(cls, text: str) -> str:
        if set(text) & {"+", "#", "\0"}:
            raise ValueError("write one topic, without + and #")
        return text

    @model_validator(mode="after")
    def _both(self) -> TroubleMqtt:
        if self.password is not None and not self.user:
            raise ValueError("a log-in needs both user and password")
        if urlsplit(self.url).scheme == "mqtt" and (self.certificate or self.tls != TlsSettings()):
            raise ValueError("certificates need TLS: write url: mqtts://…")
        return self

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (8883 if self.secure else 1883)

    @property
    def secure(self) -> bool:
        return urlsplit(self.url).scheme == "mqtts"


TYPES: dict[str, type[TroubleSettings]] = {
    "webhook": TroubleWebhook,
    "syslog": TroubleSyslog,
    "mail": TroubleMail,
    "mqtt": TroubleMqtt,
}
"""By the name that ``type`` gives."""
