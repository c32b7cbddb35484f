"""What stands under ``trouble``: where people are told when the VMS does not take alarms."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef
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

    type: str = Field(description="webhook, syslog or mail.")
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


TYPES: dict[str, type[TroubleSettings]] = {"webhook": TroubleWebhook, "syslog": TroubleSyslog, "mail": TroubleMail}
"""By the name that ``type`` gives."""
