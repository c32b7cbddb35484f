"""Whatever a sender does, work and memory are bounded, and the other senders are served."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.connectors.conftest import Inbox, http, running
from tests.connectors.http_client import connected, post, request

GATE: dict[str, object] = {"path": "/gate"}


async def test_a_body_as_long_as_may_be_is_taken_and_one_byte_more_is_refused_unread() -> None:
    async with running(http(GATE, max_body="100 kB")) as way:
        assert (await post(way.port, body=b"a" * 100_000)).status == 200
        async with connected(way.port) as sender:
            await sender.write(request(body=b"", Content_Length="100001"))  # not a byte of the body
            answer = await sender.answer()
            assert (answer.status, answer.headers["connection"]) == (413, "close")
            assert await sender.closed()
        assert len(way.inbox.messages) == 1
        assert way.connector.counts["too large"] == 1


async def test_a_sender_in_the_midst_of_a_body_that_is_too_long_can_read_why() -> None:
    async with running(http(GATE, max_body="1 kB")) as way:
        for _ in range(10):
            assert (await post(way.port, body=b"a" * 2_000_000)).status == 413


async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_long() -> None:
    async with running(http(GATE, max_body="1 kB")) as way, connected(way.port) as sender:
        await sender.write(request(body=b"", Content_Length="", Transfer_Encoding="chunked"))
        await sender.write(b"3e8\r\n" + b"a" * 1000 + b"\r\n1\r\na\r\n")
        assert (await sender.answer()).status == 413
        assert way.inbox.messages == []


async def test_a_body_that_does_not_come_whole_ends_in_a_408() -> None:
    async with running(http(GATE, body_timeout="100 ms")) as way, connected(way.port) as sender:
        await sender.write(request(body=b"a" * 25, Content_Length="30"))
        answer = await sender.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert await sender.closed()
        assert way.inbox.messages == []


async def test_a_body_that_drips_has_no_longer_than_one_that_stalls() -> None:
    async with running(http(GATE, body_timeout="200 ms")) as way, connected(way.port) as sender:
        await sender.write(request(body=b"", Content_Length="1000"))
        drip = asyncio.create_task(_drip(sender.writer))
        assert (await sender.answer()).status == 408
        drip.cancel()


async def _drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"a")
        await asyncio.sleep(0.02)


@pytest.mark.shows("connector:http", "isolation")
async def test_a_head_that_never_ends_is_hung_up_on_while_others_are_served() -> None:
    async with (
        running(http(GATE, body_timeout="500 ms")) as way,
        connected(way.port) as slow,
        connected(way.port) as mute,
    ):
        await slow.write(b"POST /gate HTTP/1.1\r\nX-Slow: ")
        dead = asyncio.gather(slow.closed(), mute.closed())
        async with connected(way.port) as busy:
            while not dead.done():
                await busy.write(request())
                assert (await busy.answer()).status == 200
        assert await dead == [True, True]
        assert way.connector.counts["too slow"] == 2


async def test_a_connection_that_rests_between_requests_is_closed_by_its_own_time_out() -> None:
    async with running(http(GATE, idle_timeout="100 ms", body_timeout="1 h")) as way, connected(way.port) as sender:
        await sender.write(request())
        assert (await sender.answer()).status == 200
        assert await sender.closed()


async def test_a_sender_that_waits_for_its_commit_is_not_too_slow(inbox: Inbox) -> None:
    inbox.open.clear()
    async with running(http(GATE, body_timeout="100 ms"), inbox) as way, connected(way.port) as sender:
        await sender.write(request())
        await inbox.hold(1)
        async with connected(way.port) as other:
            await other.write(request(body=b"", Content_Length="9"))
            assert (await other.answer()).status == 408
        inbox.open.set()
        assert (await sender.answer()).status == 200


async def test_bodies_waiting_for_their_commit_are_bounded_and_more_are_told_later(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.http.bodies.MOST_HELD", 300_000)
    inbox.open.clear()
    async with running(http(GATE), inbox) as way, connected(way.port) as first, connected(way.port) as second:
        await first.write(request(body=b"a" * 200_000))
        await inbox.hold(1)
        await second.write(request(body=b"a" * 200_000))
        answer = await second.answer()
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        assert way.connector.counts["overloaded"] == 1
        inbox.open.set()
        assert (await first.answer()).status == 200
        assert (await post(way.port, body=b"a" * 200_000)).status == 200
        assert way.connector._app._bodies.held == 0  # type: ignore[union-attr]


async def test_however_a_request_ends_its_bytes_are_no_longer_counted_as_held() -> None:
    async with running(http(GATE, body_timeout="100 ms")) as way:
        async with connected(way.port) as sender:
            await sender.write(request(body=b"aaaa", Content_Length="9"))
            assert (await sender.answer()).status == 408
        assert way.connector._app._bodies.held == 0  # type: ignore[union-attr]
    async with running(http(GATE, max_body="10 kB")) as way:
        for _ in range(3):
            assert (await post(way.port, body=b"a" * 20_000)).status == 413
            async with connected(way.port) as sender:
                await sender.write(request(body=b"aaaa", Content_Length="9"))
            async with connected(way.port) as sender:
                await sender.write(
                    request(body=b"1f40\r\n" + b"a" * 8000, Content_Length="", Transfer_Encoding="chunked")
                )
                await sender.write(b"\r\n1f40\r\n" + b"a" * 8000 + b"\r\n")
                assert (await sender.answer()).status == 413
        assert (await post(way.port)).status == 200
        assert way.connector._app._bodies.held == 0  # type: ignore[union-attr]


async def test_one_connection_too_many_is_told_to_come_back() -> None:
    async with (
        running(http(GATE, max_connections=2)) as way,
        connected(way.port) as first,
        connected(way.port) as second,
    ):
        for sender in (first, second):
            await sender.write(request())
            assert (await sender.answer()).status == 200
        async with connected(way.port) as third:
            answer = await third.answer()
            assert (answer.status, "retry-after" in answer.headers) == (503, True)
            assert await third.closed()
        await first.write(request())
        assert (await first.answer()).status == 200


async def test_a_sender_that_hangs_up_while_it_is_waited_for_is_taken_all_the_same(inbox: Inbox) -> None:
    inbox.open.clear()
    async with running(http(GATE), inbox) as way:
        async with connected(way.port) as sender:
            await sender.write(request(body=b'{"last":"words"}'))
            await inbox.hold(1)
        inbox.open.set()
        assert (await post(way.port)).status == 200
        assert inbox.kept[0].body == b'{"last":"words"}'


@pytest.mark.shows("connector:http", "fuzzed", "isolation")
async def test_two_thousand_malformed_requests_leave_other_senders_answered(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)
    async with running(http(GATE, {"path": "/other"}, body_timeout="1 s")) as way:
        async with asyncio.TaskGroup() as group, asyncio.timeout(30):
            for _ in range(4):
                group.create_task(_throw_garbage(way.port, 500, chance.randrange(1 << 30)))
            async with connected(way.port) as good:
                for number in range(300):
                    await good.write(request("/other", b'{"n":%d}' % number))
                    assert (await good.answer()).status == 200
        others = [message.body for message in way.inbox.messages if message.origin.place == "/other"]
        assert others == [b'{"n":%d}' % number for number in range(300)]
        assert way.connector._app._bodies.held == 0  # type: ignore[union-attr]
        assert len(caplog.records) < 20


async def _throw_garbage(port: int, count: int, seed: int) -> None:
    """Requests with broken heads, broken multipart bodies and bytes of no kind; each on a connection of its own."""
    chance = random.Random(seed)
    for _ in range(count):
        body = b"--b\r\n" * chance.randrange(9) + chance.randbytes(chance.randrange(300))
        data = chance.choice(
            [
                chance.randbytes(100),
                b"POST /gate HTTP/9.9\r\n\r\n",
                request(body=body, Content_Type="multipart/form-data; boundary=b"),
                request(body=body, Content_Type="multipart/form-data"),
                request(body=body),
                request(body=body, Content_Length="x"),
                b"\r\n" * 50,
            ]
        )
        async with connected(port) as sender:
            await sender.write(data)
            sender.writer.write_eof()
            await sender.closed()
