"""Headers as people write them, ``Authorization: Bearer secret:alarms``, and as they are sent: shared by all that
send requests for a site."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

from bridge.secret import SecretMissing, SecretRef, Secrets
from bridge.vms.base import HeaderSecret, Signature

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_REFERENCE = re.compile(r"secret:([A-Za-z0-9][A-Za-z0-9_.-]{0,63})")
_OURS = frozenset({"host", "content-length", "content-type", "connection", "transfer-encoding", "proxy-authorization"})
_SECRET = frozenset({"authorization", "cookie", "x-api-key", "api-key", "x-auth-token"})

Headers = tuple[tuple[str, str], ...]


def header_name(name: str) -> str:
    """Raises ValueError when this cannot be a header of ours to set."""
    if _NAME.fullmatch(name) is None:
        raise ValueError("a header's name is made of letters, digits and -")
    if name.lower() in _OURS:
        raise ValueError(f"the header {name} is written by the bridge; leave it out")
    return name


def checked_headers(headers: dict[str, str]) -> dict[str, str]:
    """The same; raises ValueError for what cannot be sent, and for a secret written out."""
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


def plain_headers(headers: Mapping[str, str]) -> Headers:
    """Those without a secret in them."""
    return tuple((name, value) for name, value in headers.items() if not _REFERENCE.search(value))


def secret_headers(headers: Mapping[str, str]) -> tuple[HeaderSecret, ...]:
    """Those with one."""
    found = []
    for name, value in headers.items():
        reference = _REFERENCE.search(value)
        if reference is not None:
            template = value[: reference.start()] + "{secret}" + value[reference.end() :]
            found.append(HeaderSecret(name, template, SecretRef(reference[1])))
    return tuple(found)


def credential_headers(
    credentials: Iterable[HeaderSecret | Signature], body: bytes, secrets: Secrets, fresh: bool
) -> tuple[Headers, tuple[str, ...]]:
    """(the headers with their secrets in them, versions of those); ``fresh`` reads the stores again. Raises
    SecretMissing."""
    made, versions = [], []
    for each in credentials:
        secret = secrets.get(each.secret, fresh)
        versions.append(secret.version)
        if isinstance(each, HeaderSecret) and not secret.reveal().isprintable():
            raise SecretMissing(f"the secret {each.secret} has a line break in it, which no header can hold")
        if isinstance(each, Signature):
            digest = hmac.new(secret.reveal().encode(), body, getattr(hashlib, each.algorithm)).hexdigest()
            made.append((each.header, each.template.replace("{hex}", digest)))
        else:
            made.append((each.header, each.template.replace("{secret}", secret.reveal())))
    return tuple(made), tuple(versions)
