"""One server that is asked over HTTP: the client, and our authorization there. Imports httpx."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
import socket
import ssl
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from bridge.secret import Secrets
from bridge.tls import TlsSettings
from connectors.asking.settings import AskingSettings
from connectors.asking.tokens import Tokens
from connectors.outbound import get
from connectors.sources import plain
from connectors.staying import Away

LONGEST_ASKED_FOR = 600.0
"""Seconds; a server that asks for more patience than this (Retry-After) is asked again all the same."""

if importlib.util.find_spec("sniffio") is None:
    # httpcore 1.0 tries to import it for each lock it makes, three times a request, and where it is not installed each
    # failure looks through the whole path: 0.7 ms of the event loop, a third of what a question costs.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every URL, credentials in it, on the level INFO


class Authorization:
    """Keeps the digest's nonce, and the token, from one request to the next."""

    def __init__(self, settings: AskingSettings, secrets: Secrets, tokens: Tokens | None) -> None:
        self._settings = settings
        self._secrets = secrets
        self._tokens = tokens
        self._digest: tuple[str, httpx.DigestAuth] | None = None

    @classmethod
    async def of(
        cls, settings: AskingSettings, secrets: Secrets, tls: ssl.SSLContext | None, within: float
    ) -> Authorization:
        """``tls``: what was made of the settings' own. ``within``: seconds a token may take. Raises OSError when a CA
        file cannot be read."""
        oauth2 = settings.oauth2
        if oauth2 is None:
            return cls(settings, secrets, None)
        context = None
        if oauth2.token_url.startswith("https:"):
            own: TlsSettings = settings.tls if oauth2.tls is None else oauth2.tls
            context = tls if tls is not None and oauth2.tls is None else await asyncio.to_thread(own.context)
        return cls(settings, secrets, Tokens(oauth2, secrets, context, within))

    def now(self, fresh: bool) -> httpx.Auth | None:
        """For the next request; ``fresh`` reads the secrets' stores again. Raises OSError for one that is missing."""
        if self._tokens is not None:
            return self._tokens
        if self._settings.digest is None:
            return None
        text = get(self._settings.digest, self._secrets, fresh)
        if self._digest is None or self._digest[0] != text:
            user, _, password = text.partition(":")
            self._digest = text, httpx.DigestAuth(user, password)
        return self._digest[1]


@functools.cache
def _no_authorities() -> ssl.SSLContext:
    """For servers that speak plain HTTP, once for all: httpx would make one for each client, in half a millisecond. It
    trusts nobody, should it ever be used."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(tls: ssl.SSLContext | None, timeout: httpx.Timeout, headers: Mapping[str, str | bytes]) -> httpx.AsyncClient:
    """One connection at a time, no proxy and no redirects; the kernel notices a server that lost its power.

    ``tls``: None when the server speaks plain HTTP, so that no authorities need to be read.
    """
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            verify=tls if tls is not None else _no_authorities(),
            trust_env=False,
            limits=httpx.Limits(max_connections=1),
            socket_options=_keep_alive(),
        ),
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
        headers=[(name.encode(), _bytes(value)) for name, value in {"User-Agent": "vms-bridge", **headers}.items()],
    )


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


def _keep_alive() -> list[tuple[int, int, int]]:
    """After 60 s of silence ask every 20 s, give up after 3."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # not on every system
            options.append((socket.IPPROTO_TCP, getattr(socket, option), value))
    return options


def refusal(response: httpx.Response, url: str) -> Away | None:
    """What is wrong with an answer by its status; None for 2xx and 304."""
    status = response.status_code
    if status in (401, 403):
        return Away(f"{url} refuses us ({status}): see its secrets", True, retry_after(response))
    if status == 304 or 200 <= status < 300:
        return None
    if 300 <= status < 400:
        where = response.headers.get("location", "").partition("?")[0][:200]
        return Away(f"{url} says the answer is elsewhere ({status} {where}): write that as url")
    return Away(f"{url} answers {status}", after=retry_after(response))


def peer(response: httpx.Response) -> str:
    """The server's address, "" where the transport does not tell."""
    stream = response.extensions.get("network_stream")
    address = stream.get_extra_info("server_addr") if stream is not None else None
    return plain(str(address[0])) if address else ""


def retry_after(response: httpx.Response) -> float:
    """Seconds, from seconds or a date (RFC 9110 section 10.2.3)."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 9:
        return min(LONGEST_ASKED_FOR, float(text))
    try:
        wanted = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(LONGEST_ASKED_FOR, max(0.0, wanted))
