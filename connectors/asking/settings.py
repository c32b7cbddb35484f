"""What is set for a server that is asked over HTTP: the credentials it wants."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.model import Reach
from bridge.secret import SecretRef
from bridge.tls import TlsSettings
from connectors.outbound import OutboundSettings, TextOrSecret, plain_url
from connectors.reaching import connects


class OAuth2Settings(BaseModel):
    """A token got with a client's own credentials (RFC 6749 section 4.4)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token_url: str = Field(
        description="Where tokens are given, without credentials and parameters.",
        examples=["https://login.harbour.example/oauth2/token"],
    )
    client_id: TextOrSecret = Field(description="Who we are there.")
    client_secret: SecretRef = Field(description="Our secret there, by reference.")
    scope: str = Field(default="", description="What the token is for, where the server wants to know.")
    more: dict[str, TextOrSecret] = Field(
        default={},
        description="Parameters that this server wants besides; a value that is a secret by reference.",
        examples=[{"audience": "https://api.harbour.example"}],
    )
    credentials: Literal["header", "body"] = Field(
        default="header",
        description="Where our credentials stand: in a header of kind Basic, as every server has to understand, or in "
        "the body, as some want it.",
    )
    tls: TlsSettings | None = Field(
        default=None, description="Who the token server has to be; what the connector's own tls says when left out."
    )

    @field_validator("token_url")
    @classmethod
    def _plain(cls, text: str) -> str:
        return plain_url(text, "https", "http")

    def secrets(self) -> tuple[SecretRef, ...]:
        values = (self.client_id, self.client_secret, *self.more.values())
        return tuple(dict.fromkeys(value for value in values if isinstance(value, SecretRef)))


class AskingSettings(OutboundSettings):
    """Base of the settings of connectors that ask over HTTP."""

    digest: SecretRef | None = Field(
        default=None, description="HTTP Digest credentials; the secret's text is user:password."
    )
    oauth2: OAuth2Settings | None = Field(
        default=None, description="A token is fetched with our client credentials, kept, and shown as Bearer."
    )

    @model_validator(mode="after")
    def _only_one_authorization(self) -> AskingSettings:
        in_header = any(name.lower() == "authorization" for name in self.headers)
        given = [self.basic, self.bearer, self.digest, self.oauth2, in_header or None]
        if sum(each is not None for each in given) > 1:
            raise ValueError("give one authorization: basic, bearer, digest, oauth2, or the header Authorization")
        return self

    def secrets(self) -> tuple[SecretRef, ...]:
        more = [] if self.digest is None else [self.digest]
        tokens = () if self.oauth2 is None else self.oauth2.secrets()
        return tuple(dict.fromkeys([*super().secrets(), *more, *tokens]))

    def token_reaches(self) -> tuple[Reach, ...]:
        """For the firewall's table: where tokens are fetched."""
        if self.oauth2 is None:
            return ()
        found = connects(
            self.oauth2.token_url,
            speaks="HTTPS" if self.oauth2.token_url.startswith("https:") else "HTTP",
            how_often="shortly before a token ends, and when one is refused",
            how_large="some kB",
            why="the token is given there that the server wants to see",
        )
        return (found,)
