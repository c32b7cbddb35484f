"""A server with things to be asked for, and an inbox that keeps how far it was read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from bridge.model import Message
from bridge.simulator.http_server import Answer, Asked, Connection, HttpServer
from tests.connectors.conftest import Bookshelf
from tests.connectors.outgoing import until


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
