"""What goes wrong while a server is asked, how a poller stops, and how it is tried."""

from __future__ import annotations

import asyncio
import sys

import pytest

from bridge.simulator.http_server import Answer
from connectors.base import Mode
from connectors.staying import Away
from tests.connectors.conftest import Bookshelf
from tests.connectors.http_poll.conftest import LONG_AGO, PAGED, SINCE, Shelf, numbers
from tests.connectors.outgoing import at_work, http_poll, until


@pytest.mark.shows("connector:http-poll", "reconnects")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(500), "answers 500"),
        (Answer(401), "refuses us (401): see its secrets"),
        (Answer(302, headers=(("Location", "https://elsewhere.example/login?token=x"),)), "elsewhere.example/login)"),
        (Answer(200, b"<html>log in</html>", "text/html"), "a web page"),
        (Answer(200, b"oops", "text/plain"), "neither JSON nor XML"),
        (Answer(200, b'{"data":null,"errors":[{"message":"no such field"}]}'), "no such field"),
        (Answer(200, b"[" + b"1," * 5000 + b"1]"), "longer than max_body (4096 bytes)"),
    ],
)
async def test_an_answer_that_is_none_is_said_once_and_kept_never(
    shelf: Shelf, inbox: Bookshelf, answer: Answer, words: str
) -> None:
    shelf.before = lambda asked: answer
    connector = http_poll(shelf.url, max_body="4 KiB", **SINCE)
    async with at_work(connector, inbox) as (link, _):
        assert words in await link.hear("down")
        await until(lambda: connector.counts["failed"] >= 3)
        assert len(link.said) == 1
        assert inbox.messages == []
        shelf.before = lambda asked: None
        await link.hear("up")


async def test_nobody_there_and_nobody_answering_are_said(shelf: Shelf, inbox: Bookshelf) -> None:
    async with at_work(http_poll("http://127.0.0.1:1/x"), inbox) as (link, _):
        assert "http://127.0.0.1:1/x cannot be asked: " in await link.hear("down")

    held: list[asyncio.StreamWriter] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        async with at_work(http_poll(url, timeout="100 ms"), inbox) as (link, _):
            assert "does not answer within 0.1 s" in await link.hear("down"), "also when bytes keep dripping"
        for writer in held:
            writer.close()


def test_a_server_is_not_asked_sooner_than_it_wants() -> None:
    connector = http_poll("http://host/x", every="10 s")
    assert connector._pause(Away("busy", after=120.0)) >= 120.0
    assert connector._pause(Away("broken")) <= 10.0
    connector.refused_pause = 60.0
    assert connector._pause(Away("refused", refused=True)) >= 60.0, "some devices lock an account"


# ------------------------------------------------------------------------------------------------ stops and dry runs


async def test_on_a_stop_the_page_being_kept_is_kept(shelf: Shelf, inbox: Bookshelf) -> None:
    shelf.put(1)
    inbox.open.clear()
    async with at_work(http_poll(shelf.url, **SINCE), inbox) as (_, stop):
        await inbox.hold(1)
        stop()
        asyncio.get_running_loop().call_later(0.05, inbox.open.set)
    assert numbers(inbox.kept) == [[1]]
    assert len(inbox.positions) == 1


async def test_a_dry_run_reads_unless_reading_takes_away(shelf: Shelf, inbox: Bookshelf) -> None:
    async with at_work(http_poll(shelf.url, **SINCE), inbox, Mode.OBSERVE):
        await inbox.hold(1)
    before = len(shelf.heads)
    async with at_work(http_poll(shelf.url, observe="wait", **SINCE), inbox, Mode.OBSERVE) as (link, _):
        assert "a dry run does not ask" in await link.hear("down")
    assert len(shelf.heads) == before


async def test_a_probe_asks_once_and_keeps_nothing(shelf: Shelf) -> None:
    for number in range(5):
        shelf.put(number)
    settings = {**PAGED, "cursor": {"from": "things[*].at", "start": LONG_AGO}}
    (found,) = await http_poll(shelf.url, **settings).probe()
    assert (found.ok, found.what) == (True, f"{shelf.url} answers, 3 things on the first page")
    assert len(shelf.heads) == 1
    lost = {**PAGED, "cursor": {"from": "things[*].date", "start": LONG_AGO}}
    (found,) = await http_poll(shelf.url, **lost).probe()
    assert "none of them moves the cursor" in found.what
    shelf.before = lambda asked: Answer(404)
    (found,) = await http_poll(shelf.url, **SINCE).probe()
    assert (found.ok, "answers 404" in found.what) == (False, True)
    (found,) = await http_poll(shelf.url, bearer="secret:nobody", **SINCE).probe()
    assert (found.ok, found.remedy) == (False, "set the secret nobody")


async def test_without_its_library_the_type_says_how_to_get_it(
    inbox: Bookshelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "connectors.http_poll.asking", raising=False)
    monkeypatch.delitem(sys.modules, "connectors.http_poll.polling", raising=False)
    with pytest.raises(OSError, match=r"pip install 'vms-bridge\[poll\]'"):
        async with at_work(http_poll("http://host/x"), inbox):
            await asyncio.sleep(0.1)
