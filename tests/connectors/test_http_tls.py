"""HTTPS with a certificate of the site's own. The key beside this file is for tests and opens nothing."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest

from connectors.base import Mode
from tests.connectors.conftest import BOUND, Inbox, Words, http, running
from tests.connectors.http_client import Sender, request

FOLDER = Path(__file__).with_name("certificate")
TLS = {"certificate": str(FOLDER / "certificate.pem"), "key": str(FOLDER / "key.pem")}


async def test_a_sender_that_trusts_the_certificate_is_served() -> None:
    trust = ssl.create_default_context(cafile=TLS["certificate"])
    async with running(http({"path": "/gate"}, tls=TLS)) as way:
        async with asyncio.timeout(BOUND):
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port, ssl=trust)
        sender = Sender(reader, writer)
        await sender.write(request())
        assert (await sender.answer()).status == 200
        assert way.inbox.messages[0].origin.peer == "127.0.0.1"
        writer.close()


async def test_a_sender_without_tls_is_not_served_in_the_clear() -> None:
    async with running(http({"path": "/gate"}, tls=TLS)) as way:
        async with asyncio.timeout(BOUND):
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
            writer.write(request())
            heard = b""
            with contextlib.suppress(ConnectionError):
                heard = await reader.read()
        assert not heard.startswith(b"HTTP/1.1 200")
        assert way.inbox.messages == []
        writer.close()


async def test_who_stops_in_the_midst_of_the_handshake_is_hung_up_on_when_the_port_stops() -> None:
    async with running(http({"path": "/gate"}, tls=TLS)) as way:
        async with asyncio.timeout(BOUND):
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
            writer.write(b"\x16\x03\x01\x02\x00\x01\x00")
            trusted, other = await asyncio.open_connection(
                "127.0.0.1", way.port, ssl=ssl.create_default_context(cafile=TLS["certificate"])
            )
        other.write(request())
        async with asyncio.timeout(BOUND):
            assert (await trusted.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(BOUND):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    other.close()


async def test_without_its_certificate_it_does_not_run_and_never_falls_back_to_the_clear() -> None:
    link = Words()
    with pytest.raises(OSError, match=r"/none\.pem"):
        await http(tls={**TLS, "certificate": "/none.pem"}).run(Inbox(), link, Mode.TAKE)
    assert link.said == []
    findings = await http(tls=TLS).probe()
    assert all(finding.ok for finding in findings)
