"""The settings every target that speaks HTTP shares: who the server has to be, and the way out of the site."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretMissing, SecretRef, Secrets
from bridge.units import Duration
from bridge.vms.base import VmsSettings
from bridge.vms.http.answer import NotSent
from bridge.vms.http.connecting import Proxy
from bridge.vms.http.origin import split_url
from bridge.vms.http.sender import KEEP_ALIVE, Sender
from bridge.vms.http.tls import Trust


class TlsSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_file: str = Field(
        default="",
        description="A PEM file of the authorities to trust instead of the system's.",
        examples=["/etc/vms-bridge/ca.pem"],
    )
    fingerprint: str = Field(
        default="",
        description="SHA-256 of the one certificate to trust, in hex; without ca_file it alone decides.",
        examples=["AB:CD:…"],
    )
    verify: bool = Field(default=True, description="false trusts anybody; needs allow_insecure: true.")
    allow_insecure: bool = Field(default=False, description="Says that you mean verify: false.")

    @field_validator("fingerprint")
    @classmethod
    def _plain(cls, text: str) -> str:
        plain = re.sub(r"[\s:]", "", text).lower()
        if text and re.fullmatch("[0-9a-f]{64}", plain) is None:
            raise ValueError("write the certificate's SHA-256 fingerprint: 64 hex digits, with or without colons")
        return plain

    @model_validator(mode="after")
    def _meant(self) -> TlsSettings:
        if not self.verify and not self.allow_insecure:
            raise ValueError(
                "verify: false trusts anybody who answers; pin the server's certificate with fingerprint instead, "
                "or add allow_insecure: true if you mean it"
            )
        if not self.verify and (self.ca_file or self.fingerprint):
            raise ValueError("verify: false makes ca_file and fingerprint meaningless; leave one or the other out")
        return self


class ProxySettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="The HTTP proxy.", examples=["http://proxy.harbour.example:3128"])
    user: str = Field(default="", description="Whom to log in as, if it asks.", examples=["bridge"])
    password: SecretRef | None = Field(default=None, description="The password to that, a secret.")

    @field_validator("url")
    @classmethod
    def _http(cls, text: str) -> str:
        origin, path = split_url(text)
        if origin.secure or path != "/":
            raise ValueError("write the proxy as http://host:port; TLS to the proxy itself is not supported")
        return text

    @model_validator(mode="after")
    def _both(self) -> ProxySettings:
        if bool(self.user) != (self.password is not None):
            raise ValueError("a proxy log-in needs both user and password")
        return self


class OutboundSettings(VmsSettings):
    """Base of the settings of every target that speaks HTTP."""

    tls: TlsSettings = Field(default=TlsSettings(), description="Who the server has to be.")
    proxy: ProxySettings | None = Field(default=None, description="The HTTP proxy on the way out, if there is one.")
    keep_alive: Duration = Field(
        default=KEEP_ALIVE, description="How long an idle connection is kept; less than the server keeps it."
    )


def sender_for(settings: OutboundSettings, secrets: Secrets) -> Sender:
    """A sender as these settings want it."""
    return Sender(
        connections=settings.connections,
        reserved=settings.alarm_connections,
        keep_alive=settings.keep_alive,
        trust=Trust(settings.tls.ca_file, settings.tls.fingerprint, settings.tls.verify),
        proxy=_proxy(settings.proxy, secrets),
    )


def _proxy(settings: ProxySettings | None, secrets: Secrets) -> Proxy | None:
    if settings is None:
        return None
    origin, _ = split_url(settings.url)
    user, password = settings.user, settings.password

    def credentials() -> str | None:
        if password is None:
            return None
        try:
            return f"{user}:{secrets.get(password).reveal()}"
        except SecretMissing as missing:
            raise NotSent(f"the proxy's password: {missing}") from None

    return Proxy(origin.host, origin.port, credentials)
