"""Secrets by reference: settings hold a ``SecretRef`` (the name), a value is fetched where and when it is used.

No class here shows a value in ``repr``, ``str`` or a traceback's arguments.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_REFERENCE = re.compile(r"secret:([A-Za-z0-9][A-Za-z0-9_.-]{0,63})")


class SecretMissing(Exception):
    """No store has a secret of this name, or a store refused it; the message says where was looked and what to do."""


class SecretRef(str):
    """The name of a secret, written ``secret:NAME`` in YAML; the str value is the bare name."""

    @classmethod
    def parse(cls, text: object) -> SecretRef:
        if isinstance(text, SecretRef):
            return text
        found = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            # The text may be the secret itself, so it is not repeated here.
            raise ValueError("write a reference like secret:gate-in, never the secret itself")
        return cls(found[1])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(lambda ref: f"secret:{ref}")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_REFERENCE.pattern}$", "examples": ["secret:gate-in"]}


class Secret:
    """A fetched value. ``version`` changes when the value does and tells nothing about it."""

    __slots__ = ("_value", "version")

    def __init__(self, value: str, version: str) -> None:
        self._value = value
        self.version = version

    def reveal(self) -> str:
        """The value, for the one place that puts it on the wire."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"


class Secrets(Protocol):
    def get(self, ref: SecretRef, fresh: bool = False) -> Secret:
        """The secret of this name; ``fresh`` reads its store again now. Raises SecretMissing. Never prompts."""
