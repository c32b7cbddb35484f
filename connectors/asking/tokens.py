"""Tokens of the OAuth 2.0 client credentials grant (RFC 6749 section 4.4): fetched, kept until shortly before their
end, and fetched anew once when one is refused. Imports httpx.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import time
from collections.abc import AsyncGenerator
from urllib.parse import quote_plus

import httpx
import msgspec

from bridge.secret import SecretRef, Secrets
from connectors.asking.settings import OAuth2Settings
from connectors.outbound import get
from connectors.staying import Away

LONGEST_ANSWER = 64 * 1024

BEFORE_ITS_END = 60.0
"""Seconds before a token's end at which another is fetched; a tenth of its time when that is shorter."""

_CODE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}")
"""RFC 6749 section 5.2: what an error code is made of."""


class _Token(msgspec.Struct, frozen=True):
    text: str
    until: float | None
    """On the monotonic clock; None when the server did not say how long it lasts: until it is refused."""


class _Given(msgspec.Struct):
    """RFC 6749 section 5.1. Some servers write the seconds as text."""

    access_token: str = ""
    token_type: str = "Bearer"  # noqa: S105 - no password
    expires_in: float | str | None = None


class _Refused(msgspec.Struct):
    """RFC 6749 section 5.2."""

    error: str = ""


class Tokens(httpx.Auth):
    """The authorization of requests. Raises Away when no token can be had, OSError when a secret is missing."""

    requires_response_body = False

    def __init__(self, settings: OAuth2Settings, secrets: Secrets, tls: ssl.SSLContext | None, timeout: float) -> None:
        """``tls``: for the token server; None when it speaks plain HTTP. ``timeout``: seconds for one token."""
        self._settings = settings
        self._secrets = secrets
        self._tls = tls
        self._timeout = timeout
        self._token: _Token | None = None
        self._fresh = False
        self._fetching = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._current("")
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {await self._current(token)}"
            yield request

    async def _current(self, refused: str) -> str:
        """A token that is not the one that was refused."""
        async with self._fetching:
            token = self._token
            if token is not None and token.text != refused and (token.until is None or time.monotonic() < token.until):
                return token.text
            self._token = None
            self._token = await self._fetch()
            return self._token.text

    async def _fetch(self) -> _Token:
        url = self._settings.token_url
        form, headers = self._question()
        try:
            async with (
                asyncio.timeout(self._timeout),
                httpx.AsyncClient(
                    verify=self._tls if self._tls is not None else False,
                    timeout=self._timeout,
                    trust_env=False,
                    follow_redirects=False,
                    headers={"User-Agent": "vms-bridge", "Accept": "application/json"},
                ) as client,
                client.stream("POST", url, data=form, headers=headers) as response,
            ):
                body = await _body(response)
                asked = time.monotonic()
        except (TimeoutError, httpx.TimeoutException):
            raise Away(f"no token: {url} does not answer within {self._timeout:g} s") from None
        except httpx.HTTPError as error:
            raise Away(f"no token: {url} cannot be asked: {type(error).__name__} {_reason(error)}".rstrip()) from None
        return self._read(response.status_code, body, asked)

    def _question(self) -> tuple[dict[str, str], dict[str, str]]:
        settings, fresh = self._settings, self._fresh

        def text(value: SecretRef | str) -> str:
            return get(value, self._secrets, fresh) if isinstance(value, SecretRef) else value

        form = {"grant_type": "client_credentials", **({"scope": settings.scope} if settings.scope else {})}
        form |= {name: text(value) for name, value in settings.more.items()}
        client, secret = text(settings.client_id), text(settings.client_secret)
        if settings.credentials == "body":
            return {**form, "client_id": client, "client_secret": secret}, {}
        # RFC 6749 section 2.3.1: each is form-encoded before the two are joined.
        shown = base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode("ascii")
        return form, {"Authorization": f"Basic {shown}"}

    def _read(self, status: int, body: bytes, asked: float) -> _Token:
        url = self._settings.token_url
        self._fresh = status in (400, 401, 403)
        if not 200 <= status < 300:
            code = _code(body)
            if self._fresh:
                told = f"{status} {code}".rstrip()
                raise Away(f"no token: {url} refuses us ({told}): see oauth2 and its secrets", refused=True)
            raise Away(f"no token: {url} answers {status}")
        try:
            given = msgspec.json.decode(body, type=_Given)
            lasts = None if given.expires_in is None else float(given.expires_in)
        except (msgspec.DecodeError, ValueError):
            raise Away(f"no token: what {url} answers is no token") from None
        if not given.access_token or not given.access_token.isprintable() or not given.access_token.isascii():
            raise Away(f"no token: what {url} answers is no token")
        if given.token_type.lower() != "bearer":
            raise Away(f"no token: {url} gives tokens of another kind than Bearer")
        until = None if lasts is None else asked + lasts - min(BEFORE_ITS_END, lasts / 10)
        return _Token(given.access_token, until)


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise httpx.DecodingError("its answer is too long")
    return bytes(body)


def _code(body: bytes) -> str:
    """The error's code, which names no secret; its description might."""
    try:
        code = msgspec.json.decode(body, type=_Refused).error
    except msgspec.DecodeError:
        return ""
    return code if _CODE.fullmatch(code) else ""


def _reason(error: httpx.HTTPError) -> str:
    """Of a connection that could not be made; the form with its secrets is in no such text."""
    return str(error)[:200] if isinstance(error, httpx.ConnectError) else ""
