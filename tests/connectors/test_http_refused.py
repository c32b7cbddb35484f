"""Senders with a wrong password: a fault where the site knows them, one line in the log where it does not."""

from __future__ import annotations

import base64
import logging

import pytest

from bridge.model import ConnectorId
from connectors.http.refusals import MOST_SENDERS, Refusals
from tests.connectors.conftest import Vault, Words, http, http_addresses, running
from tests.connectors.http_client import post
from tests.connectors.test_http_odd_clients import run_curl

GATE: dict[str, object] = {"path": "/gate", "from": "127.0.0.1", "basic": "secret:gate"}
PART = "127.0.0.1 /gate"


def vault() -> Vault:
    return Vault(gate="cam:one", yard="cam:two")


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.shows("connector:http", "credentials", "peer", peer="curl")
@pytest.mark.needs("curl")
async def test_a_known_sender_with_a_wrong_password_is_a_fault_until_it_shows_the_right_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(http(GATE, vault=vault())) as way:
        url = f"http://127.0.0.1:{way.port}/gate"
        for _ in range(5):
            said, _ = await run_curl("-u", "cam:not-this-one", "-d", "x", url)
            assert said.endswith(" 401")
        assert way.connector.counts["refused"] == 5
        assert way.inbox.messages == []
        part = way.link.parts[PART]
        assert part.said == ["down: what 127.0.0.1 sends to /gate is refused: wrong or missing credentials"]
        said, _ = await run_curl("-u", "cam:one", "-d", "x", url)
        assert said.endswith(" 200")
        assert part.said[1:] == ["up: "]
        await run_curl("-u", "cam:one", "-d", "x", url)
        assert len(part.said) == 2
    assert "not-this-one" not in f"{caplog.text} {part.said}"


async def test_a_sender_that_first_asks_without_credentials_each_time_is_no_fault() -> None:
    async with running(http(GATE, vault=vault())) as way:
        for _ in range(5):
            await post(way.port)
            await post(way.port)
            await post(way.port, Authorization=basic("cam:one"))
        assert way.connector.counts["refused"] == 10
        assert len(way.inbox.messages) == 5
        assert way.link.parts == {}


async def test_two_paths_of_one_sender_are_told_apart() -> None:
    yard: dict[str, object] = {"path": "/yard", "from": "127.0.0.1", "basic": "secret:yard"}
    async with running(http(GATE, yard, vault=vault())) as way:
        for _ in range(3):
            await post(way.port, "/yard", Authorization=basic("cam:one"))
            await post(way.port, "/gate", Authorization=basic("cam:one"))
        assert {name: [each[:5] for each in part.said] for name, part in way.link.parts.items()} == {
            "127.0.0.1 /yard": ["down:"]
        }


async def test_one_that_no_address_names_is_said_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "connectors")
    async with running(http({"path": "/gate", "basic": "secret:gate"}, vault=vault())) as way:
        for _ in range(10):
            await post(way.port)
        await post(way.port, Authorization=basic("cam:one"))
        for _ in range(10):
            await post(way.port)
        assert way.link.parts == {}
    assert caplog.messages == [
        "connector lpr: what 127.0.0.1 sends to /gate is refused: wrong or missing credentials; said once"
    ]


async def test_of_one_that_the_site_names_no_longer_no_fault_is_left() -> None:
    async with running(http(GATE, vault=vault())) as way:
        for _ in range(3):
            await post(way.port)
        way.connector.readdress(http_addresses({**GATE, "from": "10.0.0.1"}))
        assert [each[:3] for each in way.link.parts[PART].said] == ["dow", "up:"]


async def test_one_that_was_refused_before_an_address_named_it_is_a_fault_from_then_on() -> None:
    async with running(
        http({**GATE, "from": "10.0.0.1"}, {"path": "/gate", "basic": "secret:yard"}, vault=vault())
    ) as way:
        for _ in range(3):
            await post(way.port)
        assert way.link.parts == {}
        way.connector.readdress(http_addresses(GATE))
        for _ in range(3):
            await post(way.port)
        assert [each[:3] for each in way.link.parts[PART].said] == ["dow"]


def test_however_many_others_are_refused_one_that_is_named_is_a_fault() -> None:
    link = Words()
    refusals = Refusals(ConnectorId("lpr"), http_addresses(GATE))
    refusals.begin(link)
    for number in range(3):
        refusals.refused("127.0.0.1", "/gate")
        for other in range(2 * MOST_SENDERS):
            refusals.refused(f"10.{number}.{other // 256}.{other % 256}", "")
    assert list(link.parts) == [PART]
    assert len(refusals._senders) <= MOST_SENDERS + 1
