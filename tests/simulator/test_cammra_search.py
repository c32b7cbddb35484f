"""The simulated search.cgi: digest log-in, microseconds, the answer's elements (reference "CAMMRA", section 9)."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

import httpx
import pytest

from bridge.simulator.cammra_search import Passage, SimulatedSearch

AT = datetime(2026, 1, 5, 9, 2, 3, 512_000, tzinfo=UTC)


async def search(memory: SimulatedSearch, password: str | None = None, **query: str | int) -> httpx.Response:
    auth = httpx.DigestAuth(memory.user, password or memory.password)
    async with httpx.AsyncClient(auth=auth, trust_env=False) as client:
        return await client.get(memory.url, params=query)


async def test_what_passed_is_found_by_its_time_in_microseconds() -> None:
    async with SimulatedSearch() as memory:
        for car in range(5):
            memory.remember(Passage(at=AT.replace(second=car), car=car, plate=f"4AB128{car}", listed="allow"))
        begin = int(AT.replace(second=2).timestamp()) * 1_000_000
        answer = await search(memory, TimestampFrom=begin, offset=1, limit=2)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
        root = ElementTree.fromstring(answer.text)
        assert root.tag == "events"
        assert root.findtext("currentTimestampUs") == str(begin + 2_512_000)
        found = root.findall("event")
        assert [each.findtext("CAR_ID") for each in found] == ["3", "4"]
        said = {child.tag: child.text for child in found[0]}
        wanted = {"LPR_UTF8": "4AB1283", "DIRECTION": "2", "ROI_ID": "1", "LP_LIST_MODE": "allow", "COUNTRY": "CZE"}
        assert {key: said[key] for key in wanted} == wanted
        assert said["TS"] == str(begin + 1_512_000)


@pytest.mark.parametrize("escaped", [True, False])
async def test_an_and_may_stand_in_it_bare(escaped: bool) -> None:
    async with SimulatedSearch() as memory:
        memory.bare_and = not escaped
        memory.remember(Passage(at=AT, car=1, plate="A", description="Fleet & Co"))
        assert ("Fleet &amp; Co" in (await search(memory)).text) is escaped


async def test_only_the_right_digest_is_let_in() -> None:
    async with SimulatedSearch() as memory:
        assert (await search(memory, "wrong")).status_code == 401
        async with httpx.AsyncClient(trust_env=False) as client:
            refused = await client.get(memory.url)
        assert refused.headers["www-authenticate"].startswith("Digest realm=")
