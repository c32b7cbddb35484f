"""With which credentials a server is asked, and that nobody else sees them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import ssl
from pathlib import Path

import pytest

from bridge.simulator.http_server import Answer
from tests.connectors.conftest import Bookshelf, Vault
from tests.connectors.http_poll.conftest import SINCE, Shelf
from tests.connectors.outgoing import at_work, http_poll

CERTIFICATE = Path(__file__).parent.with_name("certificate") / "certificate.pem"
KEY = CERTIFICATE.with_name("key.pem")


async def test_credentials_are_sent_and_never_shown(
    shelf: Shelf, inbox: Bookshelf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vault = Vault(key="k-12345", header="h-12345", login="bridge:p-12345")
    settings = {
        **SINCE,
        "query": {"since": "{cursor}", "api_key": "secret:key"},
        "headers": {"X-Other": "secret:header"},
    }
    connector = http_poll(shelf.url, vault, basic="secret:login", **settings)
    async with at_work(connector, inbox) as (link, _):
        await inbox.hold(1)
        shelf.before = lambda asked: Answer(500)
        await link.hear("down")
    head = shelf.heads[0]
    assert "api_key=k-12345" in head.query
    assert head.headers[b"x-other"] == b"h-12345"
    assert head.headers[b"authorization"] == b"Basic YnJpZGdlOnAtMTIzNDU="
    shown = f"{caplog.text} {link.said} {connector._settings!r} {inbox.messages}"
    assert not [text for text in ("k-12345", "h-12345", "p-12345", "YnJpZGdlOnAtMTIzNDU") if text in shown]


@pytest.mark.shows("connector:http-poll", "credentials")
async def test_after_a_refusal_the_secret_is_read_anew(shelf: Shelf, inbox: Bookshelf) -> None:
    vault = Vault(token="old")
    shelf.before = lambda asked: None if asked.headers[b"authorization"] == b"Bearer new" else Answer(403)
    async with at_work(http_poll(shelf.url, vault, bearer="secret:token", **SINCE), inbox) as (link, _):
        await link.hear("down")
        vault.texts["token"] = "new"
        await link.hear("up")
        assert vault.fresh > 0


async def test_a_pinned_certificate_is_compared_before_anything_is_sent(inbox: Bookshelf) -> None:
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4000))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    pem = re.search("-----BEGIN CERT.*?END CERTIFICATE-----", CERTIFICATE.read_text(), re.DOTALL)
    assert pem is not None
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[0])).hexdigest()
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    async with server:
        async with at_work(http_poll(url, tls={"fingerprint": "00" * 32}), inbox) as (link, _):
            assert "not the pinned" in await link.hear("down")
        assert not [each for each in asked if each]
        async with at_work(http_poll(url), inbox) as (link, _):
            assert "cannot be asked" in await link.hear("down")
        assert not [each for each in asked if each]
        async with at_work(http_poll(url, tls={"fingerprint": fingerprint}), inbox) as (link, _):
            await link.hear("up")
            await inbox.hold(1)
