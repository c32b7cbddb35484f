"""Senders that are not ours: Node.js posts, speaks over TCP and sends datagrams, with its own modules alone."""

from __future__ import annotations

import pytest

from bridge.model import ConnectorId, Part
from connectors.udp import UdpConnector, UdpSettings
from tests.connectors.conftest import Inbox, Vault, http, running, tcp
from tests.connectors.node import node_sends

pytestmark = pytest.mark.needs("node")

GATE: dict[str, object] = {"path": "/gate"}


@pytest.mark.shows("connector:http", "peer", peer="Node.js")
async def test_posts_on_a_connection_that_is_kept_are_taken_in_their_order() -> None:
    async with running(http(GATE)) as way:
        assert await node_sends("keepAlive", way.port) == {"statuses": [200] * 20, "connections": 1}
        assert way.inbox.bodies == [b'{"number":%d}' % number for number in range(20)]


@pytest.mark.shows("connector:http", "peer", peer="Node.js")
async def test_a_body_in_chunks_is_put_together() -> None:
    async with running(http(GATE)) as way:
        assert await node_sends("chunked", way.port) == {"status": 200}
        assert way.inbox.bodies == ['{"plate":"ÄB 123"}'.encode()]


@pytest.mark.shows("connector:http", "peer", peer="Node.js")
async def test_who_waits_for_a_100_gets_it_and_then_sends_its_body() -> None:
    async with running(http(GATE)) as way:
        assert await node_sends("expect", way.port) == {"status": 200, "waited": True}
        assert way.inbox.bodies == [b'{"a":1}']


@pytest.mark.shows("connector:http", "peer", peer="Node.js")
async def test_a_form_with_a_picture_is_split() -> None:
    async with running(http(GATE)) as way:
        assert await node_sends("multipart", way.port) == {"status": 200}
        assert way.inbox.messages[0].parts == (
            Part("application/json", b'{"plate":"AB123"}', "event", "event.json"),
            Part("image/jpeg", bytes.fromhex("ffd8ff00ffd9"), "picture", "car.jpg"),
        )


@pytest.mark.shows("connector:tcp", "peer", peer="Node.js")
async def test_objects_over_tcp_are_found_however_they_were_written() -> None:
    async with running(tcp()) as way:
        await node_sends("tcp", way.port)
        await way.inbox.hold(3)
        assert way.inbox.bodies == [b'{"number":1}', b'{"number":2}', b'{"text":"}{"}']


@pytest.mark.shows("connector:udp", "peer", peer="Node.js")
async def test_each_datagram_is_a_message() -> None:
    connector = UdpConnector(ConnectorId("yard"), UdpSettings(bind="127.0.0.1:0"), [], Vault())
    async with running(connector, Inbox()) as way:
        await node_sends("udp", way.port)
        await way.inbox.hold(3)
        assert way.inbox.bodies == [b"one", b"two", b"x" * 9000]
