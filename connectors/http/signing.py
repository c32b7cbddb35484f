"""Bodies that are signed: an HMAC over the bytes as they came, before anything is unpacked, parsed or split.

OvenMediaEngine's alerts carry ``X-OME-Signature``: base64url of HMAC-SHA1 without padding (reference
"OvenMediaEngine alert", section 3, from its source). Others, GitHub first, write ``sha256=`` and hexadecimal digits.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bridge.secret import SecretRef

PRESETS: Mapping[str, Mapping[str, str]] = {
    "ovenmediaengine": {"header": "X-OME-Signature", "algorithm": "sha1", "encoding": "base64url"},
    "github": {"header": "X-Hub-Signature-256", "algorithm": "sha256", "encoding": "hex", "prefix": "sha256="},
}

_AT_ONCE = 1024 * 1024
_LONGEST = 256
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Signature(BaseModel):
    """Which header holds the signature of the body, and how it is written there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["ovenmediaengine", "github"] | None = Field(
        default=None, description="Header, algorithm, encoding and prefix as this sender writes them."
    )
    secret: SecretRef | None = Field(default=None, description="The key, the same as the sender's.")
    header: str = Field(default="", description="The header that holds the signature.", examples=["X-Signature"])
    algorithm: Literal["sha1", "sha256", "sha512"] = Field(default="sha256", description="The hash under the HMAC.")
    encoding: Literal["hex", "base64", "base64url"] = Field(
        default="hex", description="How the signature is written; padding and the two alphabets of base64 are one."
    )
    prefix: str = Field(default="", description="What stands before the signature.", examples=["sha256="])
    unsigned: bool = Field(
        default=False,
        description="The signature is not looked at and anybody may send: for a sender whose key is empty.",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_the_preset_says(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("preset"), str):
            return {**PRESETS.get(given["preset"], {}), **given}
        return given

    @field_validator("header")
    @classmethod
    def _in_lower_case(cls, header: str) -> str:
        if header and not _HEADER.fullmatch(header.strip()):
            raise ValueError("write a header's name, for example X-Signature")
        return header.strip().lower()

    @model_validator(mode="after")
    def _is_whole(self) -> Signature:
        if not self.header:
            raise ValueError(f"name the header that holds the signature, or a preset: {', '.join(PRESETS)}")
        if self.unsigned and self.secret is not None:
            raise ValueError("give the secret and leave out unsigned, or write unsigned: true and no secret")
        if not self.unsigned and self.secret is None:
            raise ValueError("give the key as secret: secret:NAME; if the sender has none, write unsigned: true")
        return self


async def signs(signature: Signature, shown: bytes, body: bytes, key: bytes) -> bool:
    """Whether the header's value signs these bytes under this key. An empty key signs nothing."""
    prefix = signature.prefix.encode("utf-8")
    shown = shown.strip()
    if not key or len(shown) > _LONGEST or shown[: len(prefix)].lower() != prefix.lower():
        return False
    code = hmac.new(key, body[:_AT_ONCE], signature.algorithm)
    for start in range(_AT_ONCE, len(body), _AT_ONCE):
        await asyncio.sleep(0)  # other senders' turn
        code.update(memoryview(body)[start : start + _AT_ONCE])
    return hmac.compare_digest(_plain(shown[len(prefix) :], signature.encoding), _written(code.digest(), signature))


def _written(digest: bytes, signature: Signature) -> bytes:
    if signature.encoding == "hex":
        return digest.hex().encode()
    return base64.urlsafe_b64encode(digest).rstrip(b"=")


def _plain(shown: bytes, encoding: str) -> bytes:
    shown = shown.strip()
    if encoding == "hex":
        return shown.lower()
    return shown.rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")
