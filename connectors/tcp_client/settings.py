"""What is set for a device that we connect to over TCP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, field_validator

from bridge.secret import SecretRef, Secrets
from bridge.tls import TlsSettings
from bridge.units import Duration
from connectors.base import Address
from connectors.framing import marks
from connectors.framing.framings import FramedSettings
from connectors.outbound import get

LONGEST_GREETING = 4096
"""Bytes of one piece of it."""


def _piece(value: object) -> SecretRef | bytes:
    if isinstance(value, SecretRef | bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("write text like 'START\\r\\n', hex:0205FF, or secret:NAME")  # noqa: TRY004 - pydantic wants it
    return SecretRef.parse(value) if value.startswith("secret:") else marks.read(value, LONGEST_GREETING)


Piece = Annotated[
    SecretRef | bytes,
    PlainValidator(_piece, json_schema_input_type=str),
    PlainSerializer(lambda piece: marks.written(piece) if isinstance(piece, bytes) else f"secret:{piece}", str),
]
"""Bytes as ``marks`` has them written, or a secret whose text is sent as UTF-8."""


class TcpClientSettings(FramedSettings):
    """One device that we connect to."""

    type: Literal["tcp-client"] = "tcp-client"
    host: str = Field(description="The device's name or address.", examples=["10.0.0.60"], min_length=1, max_length=253)
    port: int = Field(description="The port it listens on.", ge=1, le=65535, examples=[4001])
    tls: TlsSettings | None = Field(
        default=None, description="Who the device has to be, where it speaks TLS; plain TCP when left out."
    )
    greeting: tuple[Piece, ...] = Field(
        default=(),
        description="What to send after each connect, piece by piece with nothing between: text with escapes like "
        r"\r\n and \x02, bytes as hex:0205FF, or secrets.",
        examples=[["LOGIN ", "secret:scale", "\\r\\n"]],
    )
    silence: Literal["off"] | Duration = Field(
        default="off",
        description="Nothing at all came for so long: the connection is taken for dead, and made anew. For devices "
        "with a heartbeat; the kernel notices a device that lost its power within two minutes all the same.",
    )
    connect_timeout: Duration = Field(
        default=10.0, description="How long connecting may take, TLS and the greeting in it."
    )
    observe: Literal["wait", "connect"] = Field(
        default="wait",
        description="What a dry run does. wait: not connect, as many devices have but one connection to give.",
    )

    @field_validator("silence", mode="before")
    @classmethod
    def _read_off(cls, value: object) -> object:
        """YAML reads a bare off as false."""
        return "off" if value is False else value

    @field_validator("silence", "connect_timeout")
    @classmethod
    def _some(cls, value: float | str) -> float | str:
        if not isinstance(value, str) and value <= 0:
            raise ValueError("write how long, for example 60 s")
        return value

    @field_validator("host")
    @classmethod
    def _plain(cls, text: str) -> str:
        if "://" in text or "/" in text or " " in text or "@" in text:
            raise ValueError("write a name or an address alone, like 10.0.0.60; the port stands under port")
        return text

    @property
    def where(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def secrets(self) -> tuple[SecretRef, ...]:
        """Every secret these settings name, once."""
        return tuple(dict.fromkeys(piece for piece in self.greeting if isinstance(piece, SecretRef)))

    def greeted_with(self, secrets: Secrets, fresh: bool) -> bytes:
        """The bytes to send. Raises OSError for a secret that is missing."""
        pieces = [
            get(piece, secrets, fresh).encode("utf-8") if isinstance(piece, SecretRef) else piece
            for piece in self.greeting
        ]
        return b"".join(pieces)


class TcpClientAddress(Address):
    """Only ``identity``: there is one device at the other end."""
