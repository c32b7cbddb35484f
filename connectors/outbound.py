"""What connectors that connect out share: where to, with which credentials, and that no log ever shows them."""

from __future__ import annotations

import base64
import errno
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, PlainSerializer, PlainValidator, field_validator, model_validator

from bridge.model import Finding
from bridge.secret import SecretMissing, SecretRef, Secrets
from bridge.tls import TlsSettings
from connectors.base import ConnectorSettings

_CREDENTIALS = frozenset(
    {"access", "access_token", "api_key", "apikey", "auth", "endpoint_id", "password", "pass", "secret", "token"}
)
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "token", "x-api-key", "x-auth-key", "x-auth-token"})


def _text_or_secret(value: object) -> SecretRef | str:
    if isinstance(value, SecretRef):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("write text, or a reference like secret:gate-in")  # noqa: TRY004 - pydantic wants this one
    return SecretRef.parse(value) if value.startswith("secret:") else value


TextOrSecret = Annotated[
    SecretRef | str,
    PlainValidator(_text_or_secret, json_schema_input_type=str | int),
    PlainSerializer(lambda value: f"secret:{value}" if isinstance(value, SecretRef) else value, return_type=str),
]


class OutboundSettings(ConnectorSettings):
    """Base of the settings of connectors that connect out."""

    query: dict[str, TextOrSecret] = Field(
        default={},
        description="The URL's parameters; a value that is a secret by reference.",
        examples=[{"endpoint_id": "secret:omni"}],
    )
    headers: dict[str, TextOrSecret] = Field(
        default={},
        description="Headers to send; a value that is a secret by reference.",
        examples=[{"Token": "secret:omni-token"}],
    )
    basic: SecretRef | None = Field(
        default=None, description="HTTP Basic credentials; the secret's text is user:password."
    )
    bearer: SecretRef | None = Field(default=None, description="A token sent as Authorization: Bearer.")
    tls: TlsSettings = Field(default=TlsSettings(), description="Who the server has to be, where it speaks TLS.")

    @field_validator("query")
    @classmethod
    def _no_open_credentials(cls, query: dict[str, SecretRef | str]) -> dict[str, SecretRef | str]:
        for name, value in query.items():
            if name.lower() in _CREDENTIALS and not isinstance(value, SecretRef) and "{" not in value:
                raise ValueError(f"{name} is a credential: write {name}: secret:NAME")
        return query

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, SecretRef | str]) -> dict[str, SecretRef | str]:
        for name, value in headers.items():
            if name.lower() in _CREDENTIAL_HEADERS and not isinstance(value, SecretRef):
                raise ValueError(f"{name} is a credential: write {name}: secret:NAME")
            if not isinstance(value, SecretRef) and ("\r" in value or "\n" in value):
                raise ValueError(f"the value of {name} has more than one line")
        return headers

    @model_validator(mode="after")
    def _one_authorization(self) -> OutboundSettings:
        named = [self.basic, self.bearer, next((1 for name in self.headers if name.lower() == "authorization"), None)]
        if sum(each is not None for each in named) > 1:
            raise ValueError("give one authorization: basic, bearer, or the header Authorization")
        return self

    def secrets(self) -> tuple[SecretRef, ...]:
        """Every secret these settings name, once."""
        values = (*self.query.values(), *self.headers.values(), self.basic, self.bearer)
        return tuple(dict.fromkeys(value for value in values if isinstance(value, SecretRef)))


def plain_url(text: str, secure: str, insecure: str, instead: str = "basic: secret:NAME") -> str:
    """The URL, when it is one that may be shown: no credentials (``instead``: what to write) and no parameters. Raises
    ValueError."""
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        parts, port_is_right = urlsplit(""), False
    if parts.scheme not in (secure, insecure) or not parts.hostname or not port_is_right:
        raise ValueError(f"write {insecure}://host:port/path, or {secure}:// with TLS")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"credentials do not stand in the URL: write {instead}")
    if parts.query or "?" in text:
        raise ValueError("parameters do not stand in the URL: write query: {name: value}, secrets by reference")
    if "#" in text or not text.isprintable() or " " in text:
        raise ValueError(f"write {insecure}://host:port/path without blanks and without #")
    return text


class Filled:
    """The secrets of some settings, fetched: what is really sent. Never kept, never shown."""

    def __init__(self, settings: OutboundSettings, secrets: Secrets, fresh: bool = False) -> None:
        """``fresh`` reads their stores again now, after a refusal. Raises OSError naming the one that is missing."""

        def text(value: SecretRef | str) -> str:
            return get(value, secrets, fresh) if isinstance(value, SecretRef) else value

        self.query = {name: text(value) for name, value in settings.query.items()}
        self.headers = {name: text(value) for name, value in settings.headers.items()}
        for name, value in self.headers.items():
            if "\r" in value or "\n" in value:
                raise OSError(errno.EINVAL, f"the secret for the header {name} has more than one line")
        if settings.basic is not None:
            shown = base64.b64encode(text(settings.basic).encode("utf-8")).decode("ascii")
            self.headers["Authorization"] = f"Basic {shown}"
        if settings.bearer is not None:
            self.headers["Authorization"] = f"Bearer {text(settings.bearer)}"


def get(ref: SecretRef, secrets: Secrets, fresh: bool = False) -> str:
    """A secret's text. Raises OSError, which is what a connector fails with."""
    try:
        return secrets.get(ref, fresh).reveal()
    except SecretMissing as missing:
        raise OSError(errno.ENOENT, str(missing)) from None


def find_secrets(refs: tuple[SecretRef, ...], secrets: Secrets, where: str) -> list[Finding]:
    """A finding for each secret that is not there."""
    found = []
    for ref in refs:
        try:
            secrets.get(ref)
        except SecretMissing as missing:
            found.append(Finding(False, str(missing), where, f"set the secret {ref}"))
    return found


def without_library(name: str, type: str, extra: str) -> OSError:
    """What a connector fails with when the library it needs is not installed; says how to get it."""
    return OSError(errno.ENOENT, f"the type {type} needs the library {name}: pip install 'vms-bridge[{extra}]'")


def masked(text: str, sent: Mapping[str, str]) -> str:
    """A text from outside without any of the values that were sent, as they are or as Python would show them."""
    for value in sent.values():
        if len(value) > 3:
            for shown in (value, repr(value)[1:-1], repr(value.encode("utf-8", "replace"))[2:-1]):
                text = text.replace(shown, "…")
    return text
