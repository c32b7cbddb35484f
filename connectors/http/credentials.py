"""Whether a request shows the credentials one of its addresses asks for."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import time
from collections.abc import Mapping

from bridge.secret import Secret, SecretMissing, SecretRef, Secrets
from connectors.http.table import Claim, Near

log = logging.getLogger("connectors.http")

_REMEMBERED = 4096
_READ_AGAIN_AFTER = 5.0
"""Seconds between two fresh readings of a secret because a sender showed another one."""


class Refused(Exception):
    """Credentials are asked for, and none that fit were shown."""


class Uncertain(Exception):
    """A secret that would be needed to tell cannot be had now; the sender should try again later."""


def text_of(value: bytes) -> str:
    """A header's value; UTF-8 where it is that, else Latin-1, which any bytes are."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


class Credentials:
    """Compares in constant time. What was accepted is remembered with the version of its secret, so that the second
    request of a sender costs one look-up, and a changed secret counts at once."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._accepted: dict[tuple[bytes, bytes], tuple[SecretRef, str]] = {}
        self._read: dict[SecretRef, float] = {}
        self._missing: set[SecretRef] = set()

    def shown(self, near: Near, headers: Mapping[bytes, bytes]) -> SecretRef | None:
        """The name of the secret the request shows; None when none is asked for, or one address asks for none.

        ``headers``: those the table wants, names in lower case. Raises Refused, Uncertain.
        """
        if not near.selective:
            for header in near.headers:
                value = headers.get(header)
                accepted = self._accepted.get((header, value)) if value is not None else None
                if accepted is not None and accepted[0] in near.secrets:
                    secret = self._secret(accepted[0])
                    if secret is not None and secret.version == accepted[1]:
                        return accepted[0]
        return self._compare(near, headers)

    def _compare(self, near: Near, headers: Mapping[bytes, bytes]) -> SecretRef | None:
        claims = near.claims
        if near.selective:
            claims = tuple(claim for claim in claims if _texts_match(claim, headers)) or claims
        asking = [claim for claim in claims if claim.secret is not None and claim.header in headers]
        missing = False
        for fresh in (False, True):
            for claim in asking:
                assert claim.secret is not None
                if fresh and not self._may_read_again(claim.secret):
                    continue
                secret = self._secret(claim.secret, fresh)
                missing = missing or secret is None
                value = headers[claim.header]
                if secret is not None and _fits(claim, value, secret):
                    self._remember(claim, value, secret)
                    return claim.secret
        if any(claim.secret is None for claim in claims):
            return None
        raise Uncertain if missing else Refused

    def _secret(self, ref: SecretRef, fresh: bool = False) -> Secret | None:
        try:
            secret = self._secrets.get(ref, fresh)
        except SecretMissing as missing:
            if ref not in self._missing:
                self._missing.add(ref)
                log.warning("senders that show %s are told to try later: %s", ref, missing)
            return None
        self._missing.discard(ref)
        return secret

    def _may_read_again(self, ref: SecretRef) -> bool:
        """Whether its store may be asked anew: seldom, so that wrong credentials cost no disk reads."""
        now = time.monotonic()
        if now - self._read.get(ref, -_READ_AGAIN_AFTER) < _READ_AGAIN_AFTER:
            return False
        self._read[ref] = now
        return True

    def _remember(self, claim: Claim, value: bytes, secret: Secret) -> None:
        assert claim.secret is not None
        if len(self._accepted) >= _REMEMBERED:
            self._accepted.clear()
        self._accepted[claim.header, value] = claim.secret, secret.version


def _texts_match(claim: Claim, headers: Mapping[bytes, bytes]) -> bool:
    return all(name in headers and text_of(headers[name]) == wanted for name, wanted in claim.texts)


def _fits(claim: Claim, value: bytes, secret: Secret) -> bool:
    shown = _basic(value) if claim.basic else value
    wanted = secret.reveal()
    if not wanted or not shown:
        return False  # an empty secret opens nothing
    if hmac.compare_digest(shown, wanted.encode("utf-8")):
        return True
    try:  # RFC 7617 section 2.1: without a charset agreed on, senders of old encode as Latin-1
        return not wanted.isascii() and hmac.compare_digest(shown, wanted.encode("latin-1"))
    except UnicodeEncodeError:
        return False


def _basic(value: bytes) -> bytes:
    """``user:password`` out of a Basic authorization, or nothing."""
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return b""
    encoded = encoded.strip()
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return b""
