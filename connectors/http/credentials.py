"""Whether a request shows the credentials one of its addresses asks for."""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from bridge.secret import Secret, SecretMissing, SecretRef, Secrets
from connectors.http import answers, digest
from connectors.http.answers import Answer
from connectors.http.methods import Credential, Method
from connectors.http.settings import Digest
from connectors.http.signing import signs
from connectors.http.table import Claim, Near

log = logging.getLogger("connectors.http")

_REMEMBERED = 4096
_READ_AGAIN_AFTER = 5.0
"""Seconds between two fresh readings of a secret because a sender showed another one."""


class Refused(Exception):
    """Credentials are asked for, and none that fit were shown. ``stale``: they would fit with a new nonce."""

    def __init__(self, stale: bool = False) -> None:
        super().__init__()
        self.stale = stale


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

    def __init__(self, secrets: Secrets, asking: Digest | None = None) -> None:
        self._secrets = secrets
        self._accepted: dict[tuple[bytes, bytes], tuple[tuple[SecretRef, str], str]] = {}
        self._read: dict[SecretRef, float] = {}
        self._missing: set[SecretRef] = set()
        asking = asking or Digest()
        self._gate = digest.Gate(asking.algorithms, asking.nonce_age)

    def shown(self, near: Near, headers: Mapping[bytes, bytes], scope: Mapping[str, Any]) -> SecretRef | None:
        """The name of the secret the request shows; None when none is asked for, or one address asks for none.

        ``headers``: those the table wants, names in lower case, and the secrets in its query; ``scope``: the
        request, as ASGI gives it. Signatures are not looked at: they need the body. Raises Refused, Uncertain.
        """
        if not near.selective:
            for header in near.headers:
                value = headers.get(header)
                accepted = self._accepted.get((header, value)) if value is not None else None
                if accepted is not None and accepted[0] in near.unchanging:
                    secret = self._secret(accepted[0][0])
                    if secret is not None and secret.version == accepted[1]:
                        return accepted[0][0]
        return self._compare(near, headers, scope)

    async def signed(self, near: Near, headers: Mapping[bytes, bytes], body: bytes) -> SecretRef | None:
        """The name of the secret this body, as it came, is signed with; None when with none of this path.
        Raises Uncertain."""
        missing = False
        claims = _of_this_request(near, headers)
        for credential, secret in self._asked(claims, headers, signatures=True):
            assert credential.signature is not None
            missing = missing or secret is None
            if secret is not None and await signs(
                credential.signature, headers[credential.where], body, secret.reveal().encode("utf-8")
            ):
                return credential.secret
        if missing and not any(claim.credential is None for claim in claims):
            raise Uncertain
        return None

    def refusal(self, near: Near, stale: bool = False, close: bool = False) -> Answer:
        """401 with all the ways this path may be asked for that have a challenge."""
        if Method.DIGEST not in near.methods:
            return _refusal(near.methods, close)
        return answers.refused([*self._gate.challenges(stale), *_challenges(near.methods)], close)

    def _compare(self, near: Near, headers: Mapping[bytes, bytes], scope: Mapping[str, Any]) -> SecretRef | None:
        claims = _of_this_request(near, headers)
        missing = False
        for credential, secret in self._asked(claims, headers):
            missing = missing or secret is None
            value = headers[credential.where]
            if secret is None:
                continue
            if credential.method is Method.DIGEST:
                verdict = self._judge(value, secret, scope)
                if verdict is digest.Verdict.STALE:
                    raise Refused(stale=True)
                if verdict is digest.Verdict.FITS:
                    return credential.secret
            elif _fits(credential.method, value, secret):
                self._remember(credential, value, secret)
                return credential.secret
        if any(claim.credential is None for claim in claims):
            return None
        raise Uncertain if missing else Refused

    def _judge(self, value: bytes, secret: Secret, scope: Mapping[str, Any]) -> digest.Verdict:
        answered = digest.parse(value)
        if answered is None:
            return digest.Verdict.WRONG
        query: bytes = scope.get("query_string", b"")
        path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        return self._gate.judge(answered, scope["method"], path + b"?" * bool(query) + query, secret.reveal())

    def _asked(
        self, claims: Iterable[Claim], headers: Mapping[bytes, bytes], signatures: bool = False
    ) -> Iterator[tuple[Credential, Secret | None]]:
        """What may be shown where something stands; after all of it once more, with secrets that are read anew."""
        asked = [
            claim.credential
            for claim in claims
            if claim.credential is not None
            and claim.credential.where in headers
            and (claim.credential.method is Method.HMAC) is signatures
        ]
        for credential in asked:
            yield credential, self._secret(credential.secret)
        for credential in asked:
            if self._may_read_again(credential.secret):
                yield credential, self._secret(credential.secret, fresh=True)

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

    def _remember(self, credential: Credential, value: bytes, secret: Secret) -> None:
        if len(self._accepted) >= _REMEMBERED:
            self._accepted.clear()
        self._accepted[credential.where, value] = (credential.secret, credential.method.value), secret.version


def _of_this_request(near: Near, headers: Mapping[bytes, bytes]) -> tuple[Claim, ...]:
    """The claims whose plain headers the request has; if none, all of them: leaving a header out opens nothing."""
    if not near.selective:
        return near.claims
    return tuple(claim for claim in near.claims if _texts_match(claim, headers)) or near.claims


def _texts_match(claim: Claim, headers: Mapping[bytes, bytes]) -> bool:
    return all(name in headers and text_of(headers[name]) == wanted for name, wanted in claim.texts)


def _challenges(methods: frozenset[Method]) -> list[bytes]:
    """RFC 9110 section 11.6.1 wants one at least; for a header, a query or a signature there is none of its own."""
    bearer = [answers.BEARER] if methods & {Method.BEARER, Method.TOKEN} else []
    basic = [answers.BASIC] if Method.BASIC in methods or not (bearer or Method.DIGEST in methods) else []
    return [*basic, *bearer]


@functools.lru_cache(maxsize=64)
def _refusal(methods: frozenset[Method], close: bool) -> Answer:
    return answers.refused(_challenges(methods), close)


def _fits(method: Method, value: bytes, secret: Secret) -> bool:
    wanted = secret.reveal()
    if not wanted:
        return False  # an empty secret opens nothing
    return _equal(_said(method, value), wanted)


def _equal(shown: bytes, wanted: str) -> bool:
    if not shown:
        return False
    if hmac.compare_digest(shown, wanted.encode("utf-8")):
        return True
    try:  # RFC 7617 section 2.1: without a charset agreed on, senders of old encode as Latin-1
        return not wanted.isascii() and hmac.compare_digest(shown, wanted.encode("latin-1"))
    except UnicodeEncodeError:
        return False


def _said(method: Method, value: bytes) -> bytes:
    """What the value says, read by this method; nothing when it is written in another way."""
    if method is Method.BASIC:
        return _basic(value)
    if method is Method.BEARER or method is Method.TOKEN:
        scheme, _, token = value.strip().partition(b" ")
        if scheme.lower() == b"bearer" or (method is Method.TOKEN and scheme.lower() == b"token"):
            return token.strip()
        return value.strip() if method is Method.TOKEN else b""
    return value


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
