"""The two systems that the HTTP poller was made for, simulated."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bridge.simulator.cammra_search import Passage, SimulatedSearch
from bridge.simulator.omni import Happening, Kind, SimulatedOmni
from tests.connectors.conftest import Bookshelf, Vault
from tests.connectors.http_poll.conftest import OMNI, polls
from tests.connectors.outgoing import at_work, http_poll, until


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
