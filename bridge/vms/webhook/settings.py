"""What stands under a VMS of type webhook and under each of its cameras."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.vms.base import CameraSettings, HeaderSecret
from bridge.vms.http import OutboundSettings, split_url
from bridge.vms.webhook.template import Template, TemplateWrong

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_REFERENCE = re.compile(r"secret:([A-Za-z0-9][A-Za-z0-9_.-]{0,63})")
_OURS = frozenset({"host", "content-length", "content-type", "connection", "transfer-encoding", "proxy-authorization"})
_SECRET = frozenset({"authorization", "cookie", "x-api-key", "api-key", "x-auth-token"})
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
        for name, value in headers.items():
            header_name(name)
            if not value.isprintable():
                raise ValueError(f"the header {name} has a line break or another unprintable character in it")
            found = _REFERENCE.findall(value)
            if len(found) > 1:
                raise ValueError(f"the header {name} can hold one secret, not {len(found)}")
            if not found and name.lower() in _SECRET:
                raise ValueError(f"write a reference like secret:alarms in the header {name}, never the secret itself")
        return headers

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
        return tuple((name, value) for name, value in self.headers.items() if not _REFERENCE.search(value))

    def secret_headers(self) -> tuple[HeaderSecret, ...]:
        found = []
        for name, value in self.headers.items():
            reference = _REFERENCE.search(value)
            if reference is not None:
                template = value[: reference.start()] + "{secret}" + value[reference.end() :]
                found.append(HeaderSecret(name, template, SecretRef(reference[1])))
        return tuple(found)


class WebhookCamera(CameraSettings):
    id: str = Field(
        default="",
        max_length=200,
        description="What the receiver calls this camera; its name in the site file when left out.",
        examples=["north-gate"],
    )


def header_name(name: str) -> str:
    """Raises ValueError when this cannot be a header of ours to set."""
    if _NAME.fullmatch(name) is None:
        raise ValueError("a header's name is made of letters, digits and -")
    if name.lower() in _OURS:
        raise ValueError(f"the header {name} is written by the bridge; leave it out")
    return name
