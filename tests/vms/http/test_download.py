"""A large answer, piece by piece: whole or not at all, over a connection of its own, past no check of the sender's."""

from __future__ import annotations

import asyncio

import pytest

from bridge.vms.http import AnswerLost, NotSent, Sender
from bridge.vms.http.connecting import Proxy
from bridge.vms.http.origin import origin
from bridge.vms.http.tls import Trust
from tests.vms.conftest import Played, answer, playing
from tests.vms.http.test_tls_and_proxy import FINGERPRINT, server_side

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n5\r\nseven\r\n0\r\n\r\n"
UNTIL_THE_END = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(200, b"whole")


async def got(sender: Sender, vms: Played, secure: bool = False, seconds: float = 60.0) -> tuple[int, bytes]:
    async with sender.download(origin(secure, "localhost", vms.port), "/v.mp4", (("Accept", "*/*"),), seconds) as found:
        return found.status, b"".join([piece async for piece in found.pieces(seconds)])


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (answer(200, b"whole"), b"whole"),
        (answer(404, b"gone"), b"gone"),
        (answer(200), b""),
        (CHUNKED, b"fourseven"),
        (UNTIL_THE_END, b"all of it"),
        (EARLY, b"whole"),
    ],
)
async def test_a_body_comes_however_its_end_is_told(vms: Played, reply: bytes, body: bytes) -> None:
    vms.script, vms.close_after = [reply], True
    sender = Sender()
    assert (await got(sender, vms))[1] == body
    await sender.close()


@pytest.mark.parametrize(
    "reply",
    [
        CHUNKED[:-5],
        answer(200, b"whole")[:-1],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        EARLY[:40],
    ],
)
async def test_one_that_is_not_whole_is_lost(vms: Played, reply: bytes) -> None:
    vms.script, vms.close_after = [reply], True
    sender = Sender()
    with pytest.raises(AnswerLost):
        await got(sender, vms)
    await sender.close()


async def test_it_takes_no_connection_from_anybody_and_leaves_none(vms: Played) -> None:
    sender = Sender(connections=2, reserved=1)
    vms.otherwise = answer(200, b"x" * 5_000_000)
    async with sender.download(origin(False, "localhost", vms.port), "/v.mp4") as first:
        vms.script = [answer(201)]
        assert (await sender.send("POST", origin(False, "localhost", vms.port), "/in")).status == 201
        assert vms.connections == 2
        assert first.status == 200
    await vms.until_ended(1)
    assert sender.idle == 1
    await sender.close()


async def test_a_pinned_certificate_is_looked_at_here_too() -> None:
    async with playing(server_side()) as vms:
        vms.otherwise = answer(200, b"whole")
        for fingerprint, fine in ((FINGERPRINT, True), ("0" * 64, False)):
            sender = Sender(trust=Trust(fingerprint=fingerprint))
            if fine:
                assert await got(sender, vms, secure=True) == (200, b"whole")
            else:
                with pytest.raises(NotSent, match="fingerprint"):
                    await got(sender, vms, secure=True)
            await sender.close()
        assert len(vms.requests) == 1


async def test_a_proxy_is_asked_as_it_wants_to_be(vms: Played) -> None:
    sender = Sender(proxy=Proxy("127.0.0.1", vms.port, lambda: "me:secret"))
    vms.otherwise = answer(200, b"whole")
    async with sender.download(origin(False, "media.example"), "/v.mp4?ticket=1") as found:
        assert found.status == 200
    assert vms.heads == [b"GET http://media.example/v.mp4?ticket=1 HTTP/1.1"]
    assert b"\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n" in vms.requests[0]
    await sender.close()


async def test_a_sender_that_is_closed_ends_what_is_under_way(vms: Played) -> None:
    sender = Sender()
    vms.script = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"]

    async def close() -> None:
        await vms.until(1)
        await sender.close()

    closing = asyncio.create_task(close())
    with pytest.raises(AnswerLost):
        await got(sender, vms)
    await closing
    with pytest.raises(NotSent, match="closed"):
        await got(sender, vms)
