"""One question and its answer over HTTP. Imports httpx; the connector imports this when it runs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from bridge.secret import SecretRef, Secrets
from connectors.asking.client import Authorization, client, peer, refusal
from connectors.http_poll import template
from connectors.http_poll.settings import HttpPollSettings
from connectors.outbound import Filled, masked
from connectors.staying import Away


class Answer(msgspec.Struct, frozen=True):
    """``link``: the address of the next page, from the Link header. ``unchanged``: nothing new, says the server."""

    body: bytes
    content_type: str | None = None
    peer: str = ""
    link: str = ""
    unchanged: bool = False


class Asker:
    """Keeps the connection, the digest's nonce and the last answer's validators from one question to the next."""

    def __init__(
        self, settings: HttpPollSettings, secrets: Secrets, tls: ssl.SSLContext | None, authorization: Authorization
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._authorization = authorization
        self._refused = False
        self._validators: dict[str, str] = {}
        self._fresh_validators: dict[str, str] = {}
        self._client = client(tls, httpx.Timeout(settings.timeout), {"Accept": "*/*"})

    async def close(self) -> None:
        await self._client.aclose()

    def kept(self) -> None:
        """The last answer was kept: from now on ask only for what changed since."""
        self._validators = self._fresh_validators

    async def ask(self, given: Mapping[str, str | int], url: str = "") -> Answer:
        """``given`` fills the gaps; ``url``: of a next page, as a server gave it. Raises Away, or OSError for a
        secret that is missing."""
        filled = Filled(self._settings, self._secrets, fresh=self._refused)
        auth = self._authorization.now(self._refused)
        try:
            request = self._request(filled, given, url)
            async with asyncio.timeout(self._settings.timeout):
                response = await self._client.send(request, auth=auth, stream=True)
                try:
                    return await self._read(response)
                finally:
                    await response.aclose()
        except Away as away:
            self._refused = away.refused  # a token that could not be had too
            raise
        except (TimeoutError, httpx.TimeoutException):
            raise Away(f"{self._settings.url} does not answer within {self._settings.timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            why = masked(str(error), {**filled.query, **filled.headers}) or type(error).__name__
            raise Away(f"{self._settings.url} cannot be asked: {why}") from None

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
            raise Away(f"{self._settings.url} gives a next page on another server, which is not asked")
        return whole

    async def _read(self, response: httpx.Response) -> Answer:
        url = self._settings.url
        wrong = refusal(response, url)
        self._refused = wrong is not None and wrong.refused
        if wrong is not None:
            raise wrong
        if response.status_code == 304:
            return Answer(b"", unchanged=True)
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._settings.max_body:
                most = self._settings.max_body
                raise Away(f"the answer of {url} is longer than max_body ({most} bytes): ask for fewer at once")
        self._fresh_validators = _validators(response)
        return Answer(bytes(body), response.headers.get("content-type"), peer(response), _next(response))


def _next(response: httpx.Response) -> str:
    return str(response.links.get("next", {}).get("url", ""))


def _validators(response: httpx.Response) -> dict[str, str]:
    """RFC 9110 section 13.1."""
    found = {}
    for given, asked in (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")):
        if given in response.headers:
            found[asked] = response.headers[given]
    return found
