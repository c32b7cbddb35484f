"""The HTTP poller against real servers: what it asks, what it keeps, and how far it says it has read."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from bridge.model import Message, Position, Receipt
from bridge.simulator.cammra_search import Passage, SimulatedSearch
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from bridge.simulator.omni import Happening, Kind, SimulatedOmni
from connectors.base import Mode
from connectors.staying import Away
from tests.connectors.conftest import BOUND, LATER, Inbox, Vault
from tests.connectors.outgoing import Told, at_work, http_poll, until

CERTIFICATE = Path(__file__).with_name("certificate") / "certificate.pem"
KEY = CERTIFICATE.with_name("key.pem")


class Bookshelf(Inbox):
    """An inbox that keeps positions with the messages, as the journal does."""

    positions: dict[str, str]

    def __init__(self, positions: dict[str, str] | None = None) -> None:
        super().__init__()
        self.positions = {} if positions is None else positions

    async def submit(self, message: Message) -> Receipt:
        receipt = await super().submit(message)
        if receipt.kept and message.position is not None:
            self.positions[message.position.name] = message.position.value
        return receipt

    async def position(self, name: str) -> Position | None:
        return Position(name, self.positions[name]) if name in self.positions else None


@pytest.fixture
def inbox() -> Bookshelf:
    return Bookshelf()


@dataclass
class Shelf:
    """A server with numbered things: ``?since=&offset=&limit=`` those from then on. ``before``: may answer first."""

    things: list[dict[str, object]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    heads: list[Asked] = field(default_factory=list)
    before: Callable[[Asked], Answer | None] = lambda asked: None
    newest_first: bool = False
    url: str = ""

    def respond(self, asked: Asked, connection: Connection) -> None:
        query = {name: values[0] for name, values in parse_qs(asked.query, keep_blank_values=True).items()}
        self.heads.append(asked)
        first = self.before(asked)
        if first is not None:
            connection.answer(first)
            return
        self.asked.append(query)
        found = [each for each in self.things if str(each["at"]) >= query.get("since", "")]
        found.sort(key=lambda each: str(each["at"]), reverse=self.newest_first)
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 1000))
        connection.answer(Answer(200, json.dumps({"things": found[offset : offset + limit]}).encode()))

    def put(self, number: int, at: datetime | None = None) -> None:
        at = at or datetime.now(UTC)
        self.things.append({"number": number, "at": at.isoformat(timespec="microseconds")})


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    shelf = Shelf()
    server = HttpServer(shelf.respond)
    await server.start()
    shelf.url = f"http://127.0.0.1:{server.port}/things"
    yield shelf
    await server.stop()


SINCE = {"items": "things", "cursor": {"from": "things[*].at"}, "query": {"since": "{cursor}"}}
PAGED = {
    **SINCE,
    "query": {"since": "{cursor}", "offset": "{offset}", "limit": "{limit}"},
    "pages": {"by": "offset", "limit": 3},
}
OLDEST = {**PAGED, "pages": {"by": "offset", "limit": 3, "order": "oldest"}}
LONG_AGO = "2026-01-05T00:00:00.000000+00:00"


def numbers(messages: list[Message]) -> list[list[int]]:
    return [[each["number"] for each in json.loads(message.body)["things"]] for message in messages]


def flat(messages: list[Message]) -> list[int]:
    return [number for page in numbers(messages) for number in page]


async def polls(connector: object, more: int) -> None:
    counts = connector.counts  # type: ignore[attr-defined]
    wanted = counts["polls"] + more
    await until(lambda: counts["polls"] >= wanted)


# -------------------------------------------------------------------------------------------------------- the cursor


async def test_where_now_was_is_kept_with_the_first_answer_and_nothing_new_keeps_nothing(
    shelf: Shelf, inbox: Bookshelf
) -> None:
    connector = http_poll(shelf.url, **SINCE)
    began = datetime.now(UTC)
    async with at_work(connector, inbox) as (link, _):
        await polls(connector, 4)
        assert len(inbox.messages) == 1
        (kept,) = inbox.positions.values()
        assert abs(datetime.fromisoformat(kept) - began) < timedelta(seconds=10)
        assert await link.hear("up") == f"up: {shelf.url} answers, asked every 20 ms"
        assert len(link.said) == 1
    # What happens while nobody asks is there for the next run, however long that takes.
    shelf.put(1)
    again = http_poll(shelf.url, **SINCE)
    async with at_work(again, inbox):
        await inbox.hold(2)
        assert numbers(inbox.messages[1:]) == [[1]]


async def test_the_cursor_is_committed_with_the_message_that_moved_it(shelf: Shelf, inbox: Bookshelf) -> None:
    connector = http_poll(shelf.url, **SINCE)
    async with at_work(connector, inbox):
        await inbox.hold(1)
        shelf.put(1)
        await inbox.hold(2)
        message = inbox.messages[1]
        assert message.position == Position("poll memory", str(shelf.things[0]["at"]))
        assert (message.origin.peer, message.origin.place) == ("127.0.0.1", "/things")
        assert message.content_type == "application/json"
        await polls(connector, 2)
        last = datetime.fromisoformat(shelf.asked[-1]["since"])
        assert last == datetime.fromisoformat(str(shelf.things[0]["at"])) - timedelta(seconds=60)


async def test_what_the_overlap_brings_again_is_known(shelf: Shelf, inbox: Bookshelf) -> None:
    connector = http_poll(shelf.url, **SINCE)
    async with at_work(connector, inbox):
        await inbox.hold(1)
        shelf.put(1)
        await inbox.hold(2)
        await polls(connector, 3)
        assert connector.counts["known"] >= 2
        shelf.put(2)
        await inbox.hold(3)
        assert numbers(inbox.messages) == [[], [1], [1, 2]]


async def test_what_came_late_is_found_within_the_overlap(shelf: Shelf, inbox: Bookshelf) -> None:
    connector = http_poll(shelf.url, **SINCE)
    async with at_work(connector, inbox):
        await inbox.hold(1)
        shelf.put(2)
        await inbox.hold(2)
        shelf.put(1, datetime.now(UTC) - timedelta(seconds=30))
        await inbox.hold(3)
        assert numbers(inbox.messages[2:]) == [[1, 2]]


async def test_after_a_later_the_same_page_comes_again_and_the_cursor_waits(shelf: Shelf, inbox: Bookshelf) -> None:
    shelf.put(1)
    inbox.receipts = [LATER, LATER, LATER]
    connector = http_poll(shelf.url, **SINCE)
    async with at_work(connector, inbox):
        await inbox.hold(4)
        assert len({message.body for message in inbox.messages[:4]}) == 1
        await until(lambda: connector.counts["messages"] == 1)
        assert connector.counts["again"] == 3
        assert len(shelf.asked) >= 1
        assert numbers(inbox.kept) == [[1]]


async def test_a_cursor_of_another_kind_is_said_and_not_overwritten(shelf: Shelf) -> None:
    inbox = Bookshelf({"poll memory": "page-7"})
    with pytest.raises(OSError, match="give the cursor another name"):
        async with asyncio.timeout(BOUND):
            await http_poll(shelf.url, **SINCE).run(inbox, Told(), Mode.TAKE)
    assert inbox.positions == {"poll memory": "page-7"}


async def test_two_pollers_and_two_names_do_not_share_a_cursor(shelf: Shelf, inbox: Bookshelf) -> None:
    named = {**SINCE, "cursor": {"from": "things[*].at", "name": "second"}}
    async with at_work(http_poll(shelf.url, **SINCE), inbox), at_work(http_poll(shelf.url, **named), inbox):
        await inbox.hold(2)
        await until(lambda: set(inbox.positions) == {"poll memory", "poll second"})


# ------------------------------------------------------------------------------------------------------------- pages


def fill(shelf: Shelf, count: int) -> None:
    for number in range(count):
        shelf.put(number, datetime(2026, 1, 5, 9, 0, number, tzinfo=UTC))


@pytest.mark.parametrize("newest_first", [False, True])
async def test_only_the_last_of_several_pages_moves_the_cursor(
    shelf: Shelf, inbox: Bookshelf, newest_first: bool
) -> None:
    fill(shelf, 8)
    shelf.newest_first = newest_first
    settings = {**PAGED, "cursor": {"from": "things[*].at", "start": LONG_AGO}}
    async with at_work(http_poll(shelf.url, **settings), inbox):
        await inbox.hold(3)
        assert sorted(flat(inbox.messages)) == list(range(8))
        assert [message.position is None for message in inbox.messages] == [True, True, False]
        await until(lambda: inbox.positions == {"poll memory": str(shelf.things[7]["at"])})


async def test_with_the_oldest_first_each_page_moves_the_cursor(shelf: Shelf, inbox: Bookshelf) -> None:
    fill(shelf, 8)
    settings = {**OLDEST, "cursor": {"from": "things[*].at", "start": LONG_AGO}}
    async with at_work(http_poll(shelf.url, **settings), inbox):
        await inbox.hold(3)
        reached = [message.position.value for message in inbox.messages if message.position is not None]
        assert reached == [str(shelf.things[number]["at"]) for number in (2, 5, 7)]


async def test_a_last_page_that_is_empty_still_moves_the_cursor(shelf: Shelf, inbox: Bookshelf) -> None:
    fill(shelf, 6)
    settings = {**PAGED, "cursor": {"from": "things[*].at", "start": LONG_AGO}}
    connector = http_poll(shelf.url, **settings)
    async with at_work(connector, inbox):
        await polls(connector, 2)
        await until(lambda: inbox.positions == {"poll memory": str(shelf.things[5]["at"])})
        assert numbers(inbox.messages) == [[0, 1, 2], [3, 4, 5]]


async def test_a_poll_that_breaks_off_loses_nothing_and_moves_nothing_too_far(shelf: Shelf, inbox: Bookshelf) -> None:
    fill(shelf, 8)
    shelf.newest_first = True
    broken = [True]
    shelf.before = lambda asked: Answer(500) if broken and "offset=6" in asked.query else None
    settings = {**PAGED, "cursor": {"from": "things[*].at", "start": LONG_AGO}}
    connector = http_poll(shelf.url, **settings)
    async with at_work(connector, inbox) as (link, _):
        assert "answers 500" in await link.hear("down")
        await until(lambda: connector.counts["failed"] >= 2)
        assert inbox.positions == {}
        broken.clear()
        await until(lambda: inbox.positions == {"poll memory": str(shelf.things[7]["at"])})
        assert sorted(flat(inbox.messages)) == list(range(8)), "no page was kept twice"
        assert "answers again after" in await link.hear("up")


async def test_more_pages_than_one_poll_takes_are_read_on_at_once_or_complained_of(
    shelf: Shelf, inbox: Bookshelf
) -> None:
    fill(shelf, 30)
    start = {"from": "things[*].at", "start": LONG_AGO, "overlap": "0 s"}
    oldest = {**OLDEST, "cursor": start, "every": "1 h"}
    oldest["pages"] = {"by": "offset", "limit": 3, "order": "oldest", "most": 2}
    async with at_work(http_poll(shelf.url, **oldest), inbox):
        await until(lambda: inbox.positions.get("poll memory") == str(shelf.things[29]["at"]))
        assert set(flat(inbox.messages)) == set(range(30))
    again = {**oldest, "cursor": {"from": "things[*].at", "start": LONG_AGO, "overlap": "1 h"}, "every": "10 ms"}
    async with at_work(http_poll(shelf.url, **again), Bookshelf()) as (link, _):
        assert "or make the overlap shorter" in await link.hear("down"), "or it would turn in a circle"
    any_order = {**oldest, "pages": {"by": "offset", "limit": 3, "most": 2}}
    async with at_work(http_poll(shelf.url, **any_order), Bookshelf()) as (link, _):
        assert "has more than 2 pages" in await link.hear("down")


def in_pages(key: str, make: Callable[[int], dict[str, object]], count: int = 3) -> Callable[[Asked], Answer]:
    """A server that gives one thing a page, and what ``make`` says of the next one."""

    def respond(asked: Asked) -> Answer:
        query = parse_qs(asked.query)
        number = int(query.get(key, ["0"])[0])
        more = make(number + 1) if number + 1 < count else {}
        return Answer(200, json.dumps({"things": [{"number": number, "at": LONG_AGO}], **more}).encode())

    return respond


async def test_the_next_page_may_be_an_address(shelf: Shelf, inbox: Bookshelf) -> None:
    shelf.before = in_pages("p", lambda number: {"next": f"/things?p={number}"})
    settings = {"items": "things", "pages": {"by": "next", "next": "next"}, "query": {"size": "1"}}
    async with at_work(http_poll(shelf.url, **settings), inbox):
        await inbox.hold(3)
        assert numbers(inbox.messages) == [[0], [1], [2]]
    assert [asked.query for asked in shelf.heads[:3]] == ["size=1", "p=1", "p=2"]


async def test_the_next_page_may_be_a_token_or_a_number(shelf: Shelf, inbox: Bookshelf) -> None:
    shelf.before = in_pages("page_token", lambda number: {"next": str(number)})
    settings = {"items": "things", "pages": {"by": "next", "next": "next"}, "query": {"page_token": "{next}"}}
    async with at_work(http_poll(shelf.url, **settings), inbox):
        await inbox.hold(3)
        assert numbers(inbox.messages) == [[0], [1], [2]]
    assert [asked.query for asked in shelf.heads[:3]] == ["", "page_token=1", "page_token=2"]
    shelf.heads.clear()
    counted = {"items": "things", "pages": {"by": "page", "limit": 1, "first": 0}, "query": {"p": "{page}"}}
    shelf.before = lambda asked: Answer(200, b'{"things":[]}') if asked.query == "p=2" else None
    shelf.put(1)
    async with at_work(http_poll(shelf.url, **counted), Bookshelf()):
        await until(lambda: len(shelf.heads) >= 3)
    assert [asked.query for asked in shelf.heads[:3]] == ["p=0", "p=1", "p=2"]


async def test_the_next_page_may_stand_in_the_link_header(shelf: Shelf, inbox: Bookshelf) -> None:
    def respond(asked: Asked) -> Answer:
        number = int(parse_qs(asked.query).get("p", ["0"])[0])
        link = (("Link", f'</things?p={number + 1}>; rel="next"'),) if number < 2 else ()
        return Answer(200, json.dumps({"things": [{"number": number}]}).encode(), headers=link)

    shelf.before = respond
    async with at_work(http_poll(shelf.url, items="things", pages={"by": "link"}), inbox):
        await inbox.hold(3)
        assert numbers(inbox.messages) == [[0], [1], [2]]


async def test_credentials_do_not_follow_to_another_server(shelf: Shelf, inbox: Bookshelf) -> None:
    shelf.before = in_pages("p", lambda number: {"next": "http://127.0.0.1:9/things?p=1"})
    settings = {"items": "things", "pages": {"by": "next", "next": "next"}}
    async with at_work(http_poll(shelf.url, **settings), inbox) as (link, _):
        assert "on another server, which is not asked" in await link.hear("down")


# ------------------------------------------------------------------------------------------------ without a cursor


async def test_without_a_cursor_an_answer_is_kept_when_it_changed(shelf: Shelf, inbox: Bookshelf) -> None:
    said = ["door=closed"]
    shelf.before = lambda asked: Answer(200, said[0].encode(), "text/plain")
    connector = http_poll(shelf.url)
    async with at_work(connector, inbox):
        await inbox.hold(1)
        await polls(connector, 3)
        said[0] = "door=open"
        await inbox.hold(2)
        assert inbox.bodies == [b"door=closed", b"door=open"]
        assert inbox.messages[0].position is None


async def test_a_conditional_question_gets_a_short_answer(shelf: Shelf, inbox: Bookshelf) -> None:
    def respond(asked: Asked) -> Answer:
        if asked.headers.get(b"if-none-match") == b'"v1"':
            return Answer(304)
        return Answer(200, b'{"door":"closed"}', headers=(("ETag", '"v1"'),))

    shelf.before = respond
    connector = http_poll(shelf.url, conditional=True)
    async with at_work(connector, inbox):
        await inbox.hold(1)
        await polls(connector, 3)
        assert b"if-none-match" not in shelf.heads[0].headers
        assert shelf.heads[-1].headers[b"if-none-match"] == b'"v1"'
        assert len(inbox.messages) == 1


# ---------------------------------------------------------------------------------------------------- what goes wrong


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


# --------------------------------------------------------------------------------------------------------- credentials


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


# -------------------------------------------------------------------------------------------- the two it was made for

OMNI: dict[str, Any] = {
    "json": {
        "query": (
            "query ($from: DateTime, $offset: Int, $limit: Int) { events(filters: {date: {gte: $from}}, "
            "order: {date: ASC}, pagination: {offset: $offset, limit: $limit}) "
            "{ totalCount collectionItems { id date type agentId cameraId data } } }"
        ),
        "variables": {"from": "{cursor}", "offset": "{offset}", "limit": "{limit}"},
    },
    "headers": {"Authorization": "secret:omni"},
    "items": "data.events.collectionItems",
    "cursor": {"from": "data.events.collectionItems[*].date", "start": "2026-01-05T08:00:00Z"},
    "pages": {"by": "offset", "limit": 4, "order": "oldest"},
}


@pytest.mark.shows("connector:http-poll", "samples", "credentials")
async def test_the_events_of_an_omni_platform_are_read_by_graphql(inbox: Bookshelf) -> None:
    async with SimulatedOmni() as omni:
        for number in range(10):
            at = datetime(2026, 1, 5, 9, 0, number, tzinfo=UTC)
            await omni.happens(Happening(number=number, kind=Kind.ROI, camera="cam-1", at=at))
        async with at_work(http_poll(omni.graphql_url, Vault(omni=omni.token), **OMNI), inbox):
            await inbox.hold(3)
            found = [each for body in inbox.bodies for each in json.loads(body)["data"]["events"]["collectionItems"]]
            assert [each["id"] for each in found] == [each.id for each in omni.happened]
            await until(lambda: inbox.positions == {"poll memory": "2026-01-05T09:00:09.000000+00:00"})
        async with at_work(http_poll(omni.graphql_url, Vault(omni="wrong"), **OMNI), inbox) as (link, _):
            assert "refuses us (401)" in await link.hear("down")


CAMMRA = {
    "query": {"TimestampFrom": "{cursor}", "offset": "{offset}", "limit": "{limit}"},
    "digest": "secret:camera",
    "items": "event",
    "cursor": {"from": "event[*].TS", "write": "us", "start": "2026-01-05T08:00:00Z"},
    "pages": {"by": "offset", "limit": 4, "order": "oldest"},
}


@pytest.mark.shows("connector:http-poll", "samples")
@pytest.mark.parametrize("milliseconds", [False, True])
async def test_the_memory_of_a_cammra_reader_is_read_by_search_cgi(inbox: Bookshelf, milliseconds: bool) -> None:
    async with SimulatedSearch(milliseconds=milliseconds) as memory:
        memory.bare_and = True
        for car in range(6):
            at = datetime(2026, 1, 5, 9, 0, car, 512_000, tzinfo=UTC)
            memory.remember(Passage(at=at, car=car, plate=f"4AB12{car}", description="Fleet & Co"))
        vault = Vault(camera=f"{memory.user}:{memory.password}")
        connector = http_poll(memory.url, vault, **CAMMRA)
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(2)
            assert [body.count(b"<event>") for body in inbox.bodies] == [4, 2]
            assert memory.asked[0] == {"timestampfrom": "1767599940000000", "offset": "0", "limit": "4"}
            await until(lambda: inbox.positions == {"poll memory": "2026-01-05T09:00:05.512000+00:00"})
            await polls(connector, 3)
            assert memory.refused == 1, "the digest's nonce is used again"
            memory.nonce = "another"
            await polls(connector, 3)
            assert memory.refused == 2
            assert not [each for each in link.said if each.startswith("down")]
