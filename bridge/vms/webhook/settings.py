"""What stands under a VMS of type webhook and under each of its cameras."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.vms.base import CameraSettings, HeaderSecret
from bridge.vms.http import OutboundSettings, split_url
from bridge.vms.http.headers import checked_headers, header_name, plain_headers, secret_headers
from bridge.vms.webhook.template import Template, TemplateWrong

PLACEHOLDERS = ("{camera}", "{camera.id}")


class SignatureSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    header: str = Field(description="The header it goes into.", examples=["X-Signature"])
    secret: SecretRef = Field(description="The key both sides know.")
    algorithm: Literal["sha256", "sha384", "sha512"] = Field(default="sha256", description="HMAC with which hash.")
    template: str = Field(
        default="{hex}", description="What stands in the header, {hex} being the digest.", examples=["sha256={hex}"]
    )

    @field_validator("header")
    @classmethod
    def _is_header(cls, name: str) -> str:
        return header_name(name)

    @field_validator("template")
    @classmethod
    def _has_digest(cls, text: str) -> str:
        if "{hex}" not in text or not text.isprintable():
            raise ValueError("write where the digest goes: {hex}")
        return text


class WebhookSettings(OutboundSettings):
    type: Literal["webhook"] = Field(description="Any HTTP endpoint.")
    url: str = Field(
        description="Where events go; {camera} is the camera's name in the site file, {camera.id} its id.",
        examples=["https://alarms.harbour.example/in/{camera}"],
    )
    allow_http: bool = Field(default=False, description="Says that secrets may go out without TLS.")
    method: Literal["POST", "PUT", "PATCH"] = Field(default="POST", description="The request's method.")
    headers: dict[str, str] = Field(
        default={},
        description="Headers sent with it; secret:NAME in a value is replaced by that secret.",
        examples=[{"Authorization": "Bearer secret:alarms"}],
    )
    body: str = Field(
        default="",
        description="The body, with {{event.title}} and so on where values go; the whole event as JSON when left out.",
        examples=['{"text": "{{event.title}} at {{camera.name}}"}'],
    )
    content_type: str = Field(default="application/json", description="What the body is.")
    signature: SignatureSettings | None = Field(default=None, description="An HMAC over the body.")

    @field_validator("url")
    @classmethod
    def _whole(cls, text: str) -> str:
        plain = text
        for placeholder in PLACEHOLDERS:
            plain = plain.replace(placeholder, "x")
        if "{" in plain or "}" in plain:
            raise ValueError("only {camera} and {camera.id} can stand in braces in url")
        split_url(plain)
        if any(mark in text.split("://", 1)[1].split("/", 1)[0] for mark in "{}"):
            raise ValueError("the host's name cannot depend on the camera; make it one VMS per host")
        return text

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        return checked_headers(headers)

    @field_validator("body")
    @classmethod
    def _readable(cls, text: str) -> str:
        try:
            Template(text)
        except TemplateWrong as wrong:
            raise ValueError(str(wrong)) from None
        return text

    @field_validator("content_type")
    @classmethod
    def _one_line(cls, text: str) -> str:
        if not text.isprintable() or "/" not in text:
            raise ValueError("write a content type like application/json")
        return text

    @model_validator(mode="after")
    def _meant(self) -> WebhookSettings:
        if self.url.startswith("http:") and self.secret_headers() and not self.allow_http:
            raise ValueError(
                "url without TLS shows the secrets in headers to the network; write https://, or add "
                "allow_http: true if you mean it"
            )
        return self

    def plain_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers without a secret in them."""
        return plain_headers(self.headers)

    def secret_headers(self) -> tuple[HeaderSecret, ...]:
        return secret_headers(self.headers)


class WebhookCamera(CameraSettings):
    id: str = Field(
        default="",
        max_length=200,
        description="What the receiver calls this camera; its name in the site file when left out.",
        examples=["north-gate"],
    )
