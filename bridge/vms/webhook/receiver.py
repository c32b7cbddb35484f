"""Who is called by an HTTP request that is not a VMS: what endpoints and the second way for trouble have in common."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, field_validator, model_validator

from bridge.vms.base import HeaderSecret, Signature
from bridge.vms.http import ProxySettings, TlsSettings, split_url
from bridge.vms.http.headers import checked_headers, secret_headers
from bridge.vms.webhook.settings import SignatureSettings


class ReceiverSettings(BaseModel):
    """Where a request goes, and what shows who sends it."""

    url: str = Field(description="Where it goes.", examples=["https://erp.harbour.example/in"])
    allow_http: bool = Field(default=False, description="Says that secrets may go out without TLS.")
    headers: dict[str, str] = Field(
        default={},
        description="Headers sent with it; secret:NAME in a value is replaced by that secret.",
        examples=[{"Authorization": "Bearer secret:erp"}],
    )
    signature: SignatureSettings | None = Field(default=None, description="An HMAC over the body.")
    tls: TlsSettings = Field(default=TlsSettings(), description="Who the receiver has to be.")
    proxy: ProxySettings | None = Field(default=None, description="The HTTP proxy on the way out, if there is one.")

    @field_validator("url")
    @classmethod
    def _whole(cls, text: str) -> str:
        split_url(text)
        return text

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        return checked_headers(headers)

    @model_validator(mode="after")
    def _meant(self) -> Self:
        if self.url.startswith("http:") and secret_headers(self.headers) and not self.allow_http:
            raise ValueError(
                "url without TLS shows the secrets in headers to the network; write https://, or add "
                "allow_http: true if you mean it"
            )
        return self

    def credentials(self) -> tuple[HeaderSecret | Signature, ...]:
        """What is put into each request at its sending."""
        signed = self.signature
        if signed is None:
            return secret_headers(self.headers)
        return (
            *secret_headers(self.headers),
            Signature(signed.header, signed.template, signed.secret, signed.algorithm),
        )
