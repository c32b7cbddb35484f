"""What is set for an HTTP port, and how a sensor on it is told from others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, field_validator, model_validator

from bridge.model import Origin
from bridge.secret import SecretRef
from bridge.units import Duration, Size
from connectors.base import Address, ConnectorSettings
from connectors.listening import Bind
from connectors.sources import Sources

AUTHORIZATION = "authorization"


class Tls(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path = Field(description="PEM file with the certificate, its chain behind it.")
    key: Path = Field(description="PEM file with the private key.")


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
    tls: Tls | None = Field(default=None, description="Serve HTTPS with this certificate.")


def _header_value(value: object) -> SecretRef | str:
    if isinstance(value, SecretRef):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("write the header's value as text, or a reference like secret:gate-in")
    return SecretRef.parse(value) if value.startswith("secret:") else value


HeaderValue = Annotated[
    SecretRef | str,
    PlainValidator(_header_value, json_schema_input_type=str),
    PlainSerializer(lambda value: f"secret:{value}" if isinstance(value, SecretRef) else value, return_type=str),
]


class HttpAddress(Address):
    """All that is given must hold. A sensor without any of it hears everything nobody else on the port listens for."""

    path: str | None = Field(default=None, description="The exact path, without query.", examples=["/gate"])
    from_: Sources | None = Field(default=None, alias="from", description="Addresses or networks it sends from.")
    header: dict[str, HeaderValue] = Field(
        default={},
        description="Headers it sends and their exact values; a value that is a secret by reference.",
        examples=[{"X-Site": "north"}, {"X-Auth-Key": "secret:gate-in"}],
    )
    basic: SecretRef | None = Field(
        default=None,
        description="HTTP Basic credentials; the secret's text is user:password.",
        examples=["secret:gate-in"],
    )

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str | None) -> str | None:
        if path is not None and (not path.startswith("/") or "?" in path or "#" in path):
            raise ValueError("write the path alone, beginning with a slash and without a query: /gate")
        return None if path is None else unquote(path)

    @field_validator("header")
    @classmethod
    def _in_lower_case(cls, header: dict[str, SecretRef | str]) -> dict[str, SecretRef | str]:
        return {name.strip().lower(): value for name, value in header.items()}

    @model_validator(mode="after")
    def _one_credential(self) -> HttpAddress:
        if len(self._secrets()) > 1:
            raise ValueError("give one credential: basic, or one header whose value is a secret")
        if AUTHORIZATION in self.header and not isinstance(self.header[AUTHORIZATION], SecretRef):
            raise ValueError("an authorization is a secret: write authorization: secret:NAME, or basic: secret:NAME")
        return self

    def _secrets(self) -> list[SecretRef]:
        found = [value for value in self.header.values() if isinstance(value, SecretRef)]
        return found if self.basic is None else [*found, self.basic]

    @property
    def secret(self) -> SecretRef | None:
        """The one credential a sender at this address has to show."""
        return next(iter(self._secrets()), None)

    @property
    def texts(self) -> dict[str, str]:
        """The headers that are no secret."""
        return {name: value for name, value in self.header.items() if not isinstance(value, SecretRef)}

    def place(self) -> str | None:
        return self.path

    def peers(self) -> frozenset[str]:
        return self.from_.named() if self.from_ is not None else frozenset()

    def matches(self, origin: Origin) -> bool:
        if self.from_ is not None and not self.from_.cover(origin.peer):
            return False
        if self.basic is not None and origin.authenticated != self.basic:
            return False
        for name, value in self.header.items():
            shown = origin.authenticated if isinstance(value, SecretRef) else origin.attributes.get(name)
            if shown != value:
                return False
        return True
