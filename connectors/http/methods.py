"""How a sender may show who it is: the methods, and where each of them stands in a request."""

from __future__ import annotations

import enum

import msgspec

from bridge.secret import SecretRef
from connectors.http.signing import Signature

AUTHORIZATION = b"authorization"


class Method(enum.Enum):
    HEADER = "header"
    BASIC = "basic"
    BEARER = "bearer"
    TOKEN = "token"  # noqa: S105 - a method's name
    QUERY = "query"
    DIGEST = "digest"
    HMAC = "hmac"


class Credential(msgspec.Struct, frozen=True):
    """One way to show one secret. ``where``: the header in lower case, or ``?`` and the name of a query parameter."""

    method: Method
    where: bytes
    secret: SecretRef
    signature: Signature | None = None


def in_query(name: str) -> bytes:
    """Where a query parameter's value is kept among the headers shown; no header's name holds a question mark."""
    return b"?" + name.encode("utf-8")
