"""What is set for a WebSocket we open."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlencode

from pydantic import Field, JsonValue, field_validator

from bridge.secret import SecretRef, Secrets
from bridge.units import Duration, Size
from connectors.base import Address
from connectors.outbound import Filled, OutboundSettings, get, plain_url


class WebSocketSettings(OutboundSettings):
    """One connection to one server; sensors are told apart by what their profile reads in each item."""

    type: Literal["websocket"] = "websocket"
    url: str = Field(
        description="Where to connect, without credentials and parameters; wss:// is with TLS.",
        examples=["ws://omni.harbour.example/event-service/ws"],
    )
    subprotocols: tuple[str, ...] = Field(default=(), description="The subprotocols to offer, if the server wants one.")
    subscribe: tuple[str | dict[str, JsonValue], ...] = Field(
        default=(),
        description="Messages to send after each connect: texts, or mappings sent as JSON; values may be secrets.",
        examples=[[{"op": "subscribe", "token": "secret:feed"}]],
    )
    ping: Duration = Field(
        default=25.0, description="How often the server is asked for a sign of life; two unanswered end the connection."
    )
    connect_timeout: Duration = Field(default=10.0, description="How long connecting may take, TLS and upgrade in it.")
    max_message: Size = Field(default=8 * 2**20, description="Longest message taken, in however many frames it comes.")
    observe: Literal["wait", "connect"] = Field(
        default="wait",
        description="What a dry run does. wait: not connect, as a second client may take events from the first.",
    )

    @field_validator("url")
    @classmethod
    def _plain(cls, text: str) -> str:
        return plain_url(text, "wss", "ws")

    @field_validator("ping")
    @classmethod
    def _some(cls, seconds: float) -> float:
        if seconds <= 0:
            raise ValueError("write how often, for example 25 s")
        return seconds

    def secrets(self) -> tuple[SecretRef, ...]:
        found = [*super().secrets()]

        def note(ref: SecretRef) -> str:
            found.append(ref)
            return ""

        for message in self.subscribe:
            _filled(message, note)
        return tuple(dict.fromkeys(found))

    def whole_url(self, filled: Filled) -> str:
        """With its parameters: not to be shown."""
        return f"{self.url}?{urlencode(filled.query)}" if filled.query else self.url

    def subscriptions(self, secrets: Secrets, fresh: bool) -> list[str]:
        """The texts to send. Raises OSError for a secret that is missing."""
        made = [_filled(message, lambda ref: get(ref, secrets, fresh)) for message in self.subscribe]
        return [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in made]


def _filled(value: JsonValue, text: Callable[[SecretRef], str]) -> JsonValue:
    """The same with each ``secret:NAME`` replaced by what ``text`` makes of the name."""
    if isinstance(value, str) and value.startswith("secret:"):
        return text(SecretRef.parse(value))
    if isinstance(value, dict):
        return {key: _filled(each, text) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, text) for each in value]
    return value


class WebSocketAddress(Address):
    """Only ``identity``: a WebSocket has one sender."""
