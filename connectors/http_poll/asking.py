"""One question and its answer over HTTP. Imports httpx; the connector imports this when it runs."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from bridge.secret import SecretRef, Secrets
from connectors.http_poll import template
from connectors.http_poll.settings import HttpPollSettings
from connectors.outbound import Filled, get, masked
from connectors.sources import plain

LONGEST_ASKED_FOR = 600.0
"""Seconds; a server that asks for more patience than this (Retry-After) is asked again all the same."""

logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every URL, credentials in it, on the level INFO


class Unanswered(Exception):
    """There is no answer to use; says why. ``refused``: our credentials may be the reason. ``after``: seconds the
    server wants to be left alone."""

    def __init__(self, why: str, refused: bool = False, after: float = 0.0) -> None:
        super().__init__(why)
        self.refused = refused
        self.after = after


class Answer(msgspec.Struct, frozen=True):
    """``link``: the address of the next page, from the Link header. ``unchanged``: nothing new, says the server."""

    body: bytes
    content_type: str | None = None
    peer: str = ""
    link: str = ""
    unchanged: bool = False


class Asker:
    """Keeps the connection, the digest's nonce and the last answer's validators from one question to the next."""

    def __init__(self, settings: HttpPollSettings, secrets: Secrets, tls: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._secrets = secrets
        self._refused = False
        self._digest: tuple[str, httpx.DigestAuth] | None = None
        self._validators: dict[str, str] = {}
        self._fresh_validators: dict[str, str] = {}
        self._client = httpx.AsyncClient(
            verify=tls if tls is not None else False,  # plain HTTP: no authorities need to be read
            timeout=settings.timeout,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1),
            headers={"User-Agent": "vms-bridge", "Accept": "*/*"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    def kept(self) -> None:
        """The last answer was kept: from now on ask only for what changed since."""
        self._validators = self._fresh_validators

    async def ask(self, given: Mapping[str, str | int], url: str = "") -> Answer:
        """``given`` fills the gaps; ``url``: of a next page, as a server gave it. Raises Unanswered, or OSError for a
        secret that is missing."""
        filled = Filled(self._settings, self._secrets, fresh=self._refused)
        auth = self._authorization()
        request = self._request(filled, given, url)
        try:
            async with asyncio.timeout(self._settings.timeout):
                response = await self._client.send(request, auth=auth, stream=True)
                try:
                    return await self._read(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise Unanswered(f"{self._settings.url} does not answer within {self._settings.timeout:g} s") from None
        except httpx.HTTPError as error:
            why = masked(str(error), {**filled.query, **filled.headers}) or type(error).__name__
            raise Unanswered(f"{self._settings.url} cannot be asked: {why}") from None

    def _request(self, filled: Filled, given: Mapping[str, str | int], url: str) -> httpx.Request:
        settings = self._settings
        query = {}
        for name, value in settings.query.items():
            secret = isinstance(value, SecretRef)
            shown = filled.query[name] if secret else str(template.filled(value, given))
            if shown:  # nothing to begin with: leave the parameter out
                query[name] = shown
        headers = {**filled.headers, **(self._validators if settings.conditional else {})}
        content: bytes | None = None
        if settings.json_ is not None:
            content = msgspec.json.encode(template.filled(settings.json_, given))
            headers.setdefault("Content-Type", "application/json")
        elif settings.body is not None:
            content = str(template.filled(settings.body, given)).encode("utf-8")
            headers.setdefault("Content-Type", settings.content_type or "text/plain; charset=utf-8")
        method = settings.method or ("GET" if content is None else "POST")
        if url:
            return self._client.build_request(method, self._own(url), headers=headers, content=content)
        return self._client.build_request(method, settings.url, params=query, headers=headers, content=content)

    def _own(self, url: str) -> str:
        """A next page's address, when it is of the same server: our credentials go nowhere else."""
        whole = urljoin(self._settings.url, url)
        if urlsplit(whole)[:2] != urlsplit(self._settings.url)[:2]:
            raise Unanswered(f"{self._settings.url} gives a next page on another server, which is not asked")
        return whole

    def _authorization(self) -> httpx.Auth | None:
        if self._settings.digest is None:
            return None
        text = get(self._settings.digest, self._secrets, self._refused)
        if self._digest is None or self._digest[0] != text:
            user, _, password = text.partition(":")
            self._digest = text, httpx.DigestAuth(user, password)
        return self._digest[1]

    async def _read(self, response: httpx.Response) -> Answer:
        url, status = self._settings.url, response.status_code
        self._refused = status in (401, 403)
        if self._refused:
            raise Unanswered(f"{url} refuses us ({status}): see its secrets", True, _retry_after(response))
        if status == 304:
            return Answer(b"", unchanged=True)
        if 300 <= status < 400:
            where = response.headers.get("location", "").partition("?")[0][:200]
            raise Unanswered(f"{url} says the answer is elsewhere ({status} {where}): write that as url")
        if not 200 <= status < 300:
            raise Unanswered(f"{url} answers {status}", after=_retry_after(response))
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._settings.max_body:
                most = self._settings.max_body
                raise Unanswered(f"the answer of {url} is longer than max_body ({most} bytes): ask for fewer at once")
        self._fresh_validators = _validators(response)
        return Answer(bytes(body), response.headers.get("content-type"), _peer(response), _next(response))


def _peer(response: httpx.Response) -> str:
    stream = response.extensions.get("network_stream")
    address = stream.get_extra_info("server_addr") if stream is not None else None
    return plain(str(address[0])) if address else ""


def _next(response: httpx.Response) -> str:
    return str(response.links.get("next", {}).get("url", ""))


def _validators(response: httpx.Response) -> dict[str, str]:
    """RFC 9110 section 13.1."""
    found = {}
    for given, asked in (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")):
        if given in response.headers:
            found[asked] = response.headers[given]
    return found


def _retry_after(response: httpx.Response) -> float:
    """Seconds, from seconds or a date (RFC 9110 section 10.2.3)."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 9:
        return min(LONGEST_ASKED_FOR, float(text))
    try:
        wanted = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(LONGEST_ASKED_FOR, max(0.0, wanted))
