"""What is set for an HTTP port."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bridge.units import Duration, Size
from connectors.base import ConnectorSettings
from connectors.http.address import HttpAddress
from connectors.http.reply import Reply
from connectors.listening import Bind

__all__ = ["Digest", "HttpAddress", "HttpSettings", "Tls"]


class Tls(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path = Field(description="PEM file with the certificate, its chain behind it.")
    key: Path = Field(description="PEM file with the private key.")


class Digest(BaseModel):
    """How this port asks for HTTP Digest credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithms: tuple[Literal["md5", "sha-256"], ...] = Field(
        default=("md5", "sha-256"),
        min_length=1,
        description=(
            "The algorithms, in the order they are offered. md5 first, because devices that know nothing else often "
            "read the first offer only; senders take the first they know."
        ),
    )
    nonce_age: Duration = Field(
        default=300.0, description="How long a sender may use one nonce; then it is told to take a new one."
    )


class HttpSettings(ConnectorSettings):
    """One listening port; many sensors may post to it."""

    type: Literal["http"] = "http"
    bind: Bind = Field(default="0.0.0.0:8080", description="Address and port to listen on; [::]:8080 is IPv6 and IPv4.")
    max_body: Size = Field(default=8 * 2**20, description="Longest body taken; a longer one is answered 413.")
    body_timeout: Duration = Field(
        default=10.0, description="How long a request's head, and then its body, may take to arrive before a 408."
    )
    idle_timeout: Duration = Field(default=75.0, description="How long a connection may stay open between requests.")
    max_connections: int = Field(default=2000, ge=1, description="Connections open at once; one more is answered 503.")
    answer: Literal["tolerant", "strict"] = Field(
        default="tolerant",
        description=(
            "What a message nobody can read is answered; it is quarantined either way. tolerant: 200, because devices "
            "that send in order would repeat it for ever. strict: 400 and why, for software senders."
        ),
    )
    reply: Reply | None = Field(
        default=None,
        description=(
            "What is answered, with status 200, to every message that is kept; an address may have its own. Without it "
            "one word that says what became of the message. answer: strict still answers 400 what nobody can read."
        ),
        examples=[{"body": "{}"}],
    )
    digest: Digest = Field(default_factory=Digest, description="How HTTP Digest credentials are asked for.")
    tls: Tls | None = Field(default=None, description="Serve HTTPS with this certificate.")
