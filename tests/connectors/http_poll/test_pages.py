"""An answer in several pages: all of them read, and the cursor never beyond what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from bridge.simulator.http_server import Answer, Asked
from tests.connectors.conftest import Bookshelf
from tests.connectors.http_poll.conftest import LONG_AGO, OLDEST, PAGED, Shelf, flat, numbers, polls
from tests.connectors.outgoing import at_work, http_poll, until


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
