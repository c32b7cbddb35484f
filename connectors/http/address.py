"""How a sensor on an HTTP port is told from others, and how its sender shows who it is."""

from __future__ import annotations

import functools
from typing import Annotated
from urllib.parse import unquote

from pydantic import Field, PlainSerializer, PlainValidator, field_validator, model_validator

from bridge.model import Origin
from bridge.secret import SecretRef
from connectors.base import Address
from connectors.http.methods import AUTHORIZATION, Credential, Method, in_query
from connectors.http.reply import Reply
from connectors.http.signing import Signature
from connectors.sources import Sources


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
    digest: SecretRef | None = Field(
        default=None,
        description=(
            "HTTP Digest credentials; the secret's text is user:password. With basic and the same secret beside it, "
            "the sender may show either."
        ),
        examples=["secret:gate-in"],
    )
    bearer: SecretRef | None = Field(
        default=None,
        description="The token behind Authorization: Bearer; the secret's text is the token alone.",
        examples=["secret:gate-in"],
    )
    token: SecretRef | None = Field(
        default=None,
        description=(
            "The token in Authorization however it is announced: Token x, Bearer x, or x alone, as Plate Recognizer's "
            "senders write it; the secret's text is the token alone."
        ),
        examples=["secret:gate-in"],
    )
    query: dict[str, SecretRef] = Field(
        default={},
        max_length=1,
        description="A parameter of the URL's query whose value is a secret; it is never logged or stored.",
        examples=[{"key": "secret:gate-in"}],
    )
    hmac: Signature | None = Field(
        default=None,
        description="A signature of the body, checked on the bytes as they came.",
        examples=[{"preset": "ovenmediaengine", "secret": "secret:ome"}],
    )
    from_query: bool | str = Field(
        default=False,
        description=(
            "A GET may bring the message in its query: true takes the whole query as a form, a name takes that "
            "parameter's value. A body, where there is one, comes first. POST is the better choice where there is one."
        ),
        examples=[True, "payload"],
    )
    reply: Reply | None = Field(
        default=None, description="As the connector's reply, for this address.", examples=[{"body": "{}"}]
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
        shown = self.credentials
        either = len(shown) == 2 and self.basic is not None and self.basic == self.digest
        if len(shown) > 1 and not either:
            raise ValueError(
                "give one credential: basic, digest, bearer, token, query, hmac, or one header whose value is a "
                "secret; basic and digest may stand together when they name the same secret"
            )
        if AUTHORIZATION.decode() in self.texts:
            raise ValueError("an authorization is a secret: write authorization: secret:NAME, or basic: secret:NAME")
        if self.from_query == "":
            raise ValueError("write from_query: true, or the name of a parameter: from_query: payload")
        return self

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The ways in which a sender at this address may show its one secret; none when it needs none."""
        ways = [
            (Method.BASIC, AUTHORIZATION, self.basic),
            (Method.DIGEST, AUTHORIZATION, self.digest),
            (Method.BEARER, AUTHORIZATION, self.bearer),
            (Method.TOKEN, AUTHORIZATION, self.token),
            *((Method.QUERY, in_query(name), secret) for name, secret in self.query.items()),
            *(
                (Method.HEADER, name.encode("latin-1", "replace"), value)
                for name, value in self.header.items()
                if isinstance(value, SecretRef)
            ),
        ]
        found = [Credential(method, where, secret) for method, where, secret in ways if secret is not None]
        if self.hmac is not None and self.hmac.secret is not None:
            found.append(Credential(Method.HMAC, self.hmac.header.encode(), self.hmac.secret, self.hmac))
        return tuple(found)

    @functools.cached_property
    def secret(self) -> SecretRef | None:
        """The one secret a sender at this address has to show."""
        shown = self.credentials
        return shown[0].secret if shown else None

    @functools.cached_property
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
        if self.secret is not None and origin.authenticated != self.secret:
            return False
        for name, value in self.texts.items():  # noqa: SIM110 - asked for every message; all() costs as much again
            if origin.attributes.get(name) != value:
                return False
        return True
