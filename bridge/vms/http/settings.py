"""The settings every target that speaks HTTP shares: who the server has to be, and the way out of the site."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretMissing, SecretRef, Secrets
from bridge.tls import TlsSettings
from bridge.units import Duration
from bridge.vms.base import VmsSettings
from bridge.vms.http.answer import NotSent
from bridge.vms.http.connecting import Proxy
from bridge.vms.http.connection import LARGEST_ANSWER
from bridge.vms.http.origin import split_url
from bridge.vms.http.sender import KEEP_ALIVE, Sender
from bridge.vms.http.tls import Trust


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


def sender_for(settings: OutboundSettings, secrets: Secrets, largest_answer: int = LARGEST_ANSWER) -> Sender:
    """A sender as these settings want it; ``largest_answer`` in bytes."""
    return Sender(
        connections=settings.connections,
        reserved=settings.alarm_connections,
        keep_alive=settings.keep_alive,
        trust=Trust(settings.tls.ca_file, settings.tls.fingerprint, settings.tls.verify),
        proxy=proxy_of(settings.proxy, secrets),
        largest_answer=largest_answer,
    )


def proxy_of(settings: ProxySettings | None, secrets: Secrets) -> Proxy | None:
    """The proxy as it is asked; its password is fetched at use."""
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
