"""How far an HTTP poller says it has read, and what it keeps where nothing says how far."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bridge.model import Position
from bridge.simulator.http_server import Answer, Asked
from connectors.base import Mode
from tests.connectors.conftest import BOUND, LATER, Bookshelf
from tests.connectors.http_poll.conftest import SINCE, Shelf, numbers, polls
from tests.connectors.outgoing import Told, at_work, http_poll, until


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
