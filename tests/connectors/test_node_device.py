"""Devices that are not ours: what Node.js serves, with its own modules alone, is asked, heard and connected to."""

from __future__ import annotations

import pytest

from tests.connectors.conftest import Inbox, Vault
from tests.connectors.node import node_device
from tests.connectors.outgoing import at_work, http_poll, tcp_client, websocket

pytestmark = pytest.mark.needs("node")


@pytest.mark.shows("connector:http-poll", "peer", "credentials", peer="Node.js")
async def test_an_api_is_asked_with_tokens_of_the_client_credentials_grant(inbox: Inbox) -> None:
    """Each token is good for two questions: then another is fetched, and nobody is told."""
    async with node_device() as device:
        oauth2 = {"token_url": f"http://127.0.0.1:{device.http}/token", "client_id": "bridge"}
        settings = {"oauth2": {**oauth2, "client_secret": "secret:api"}, "every": "20 ms"}
        connector = http_poll(f"http://127.0.0.1:{device.http}/api", Vault(api="open sesame"), **settings)
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(6)
        assert inbox.bodies[:6] == [b'{"asked":%d}' % number for number in range(1, 7)]
        assert [said[:3] for said in link.said] == ["up:"]
        vault = Vault(api="not this one")
        async with at_work(http_poll(connector._settings.url, vault, **settings), Inbox()) as (link, _):
            assert "refuses us (401 invalid_client): see oauth2 and its secrets" in await link.hear("down: no token")
            vault.texts["api"] = "open sesame"
            await link.hear("up: ")
        assert "not this one" not in str(link.said)


@pytest.mark.shows("connector:websocket", "peer", peer="Node.js")
async def test_a_websocket_written_by_hand_is_heard_and_its_silence_is_no_fault(inbox: Inbox) -> None:
    """It answers pings, and says goodbye when we do."""
    async with node_device() as device:
        connector = websocket(f"ws://127.0.0.1:{device.http}/events", ping="20 s")  # the first one at once
        connector.steady = 3600.0  # so that the second connection has to show that it is alive
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(1)
            await device.kill()
            await link.hear("down: ")
            await device.start()
            await link.hear("up: back after")
            await inbox.hold(2)
        assert [said.partition(":")[0] for said in link.said if "cannot be reached" not in said] == ["up", "down", "up"]
        assert inbox.bodies == [b'{"told": 1}', b'{"told": 1}']


@pytest.mark.shows("connector:tcp-client", "peer", peer="Node.js")
async def test_lines_over_tcp_are_heard_after_a_greeting(inbox: Inbox) -> None:
    async with node_device("sesame") as device:
        greeting = ["LOGIN ", "secret:scale", "\\n"]
        connector = tcp_client(device.tcp, Vault(scale="sesame"), framing="lines", greeting=greeting)
        async with at_work(connector, inbox):
            await inbox.hold(1)
    assert inbox.bodies == [b'{"told": 1}']
