"""Reading PUBLISH packets from whatever a broker sends: what is whole is taken, all else is left, nothing fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from connectors.mqtt.client import AheadClient
from tests.connectors.conftest import Inbox
from tests.connectors.mosquitto import mosquitto, mqtt
from tests.connectors.outgoing import at_work, until

VERSIONS = st.sampled_from([MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])


def holding(data: bytes, version: MQTTProtocolVersion) -> AheadClient:
    client = AheadClient(CallbackAPIVersion.VERSION2, protocol=version)
    client._read = data
    return client


@pytest.mark.shows("connector:mqtt", "fuzzed")
@given(st.binary(max_size=60), VERSIONS)
@example(b"\x32\x02\x00\x00", MQTTProtocolVersion.MQTTv5)
@example(b"\x30\x02\xff\xff", MQTTProtocolVersion.MQTTv311)
@example(b"\x30\xff\xff\xff\xff\x7f", MQTTProtocolVersion.MQTTv311)
def test_whatever_is_there_is_taken_or_left(data: bytes, version: MQTTProtocolVersion) -> None:
    client = holding(data, version)
    taken = list(client.published())
    assert client.ahead or not data or taken
    assert sum(4 + len(each.topic) + len(each.payload) for each in taken) <= len(data)


@pytest.mark.shows("connector:mqtt", "fuzzed")
@given(st.binary(max_size=60), st.binary(max_size=60), VERSIONS)
def test_what_stands_behind_a_packet_changes_nothing_in_it(
    topic: bytes, rest: bytes, version: MQTTProtocolVersion
) -> None:
    five = version == MQTTProtocolVersion.MQTTv5
    body = len(topic).to_bytes(2, "big") + topic + b"\x00\x07" + (b"\x00" if five else b"") + b"payload"
    packet = b"\x3b" + bytes([len(body)]) + body
    (first, *_) = holding(packet + rest, version).published()
    assert first == (topic, b"payload", 7, 1, True, True)
    for cut in range(len(packet)):
        client = holding(packet[:cut], version)
        assert list(client.published()) == []
        assert client.ahead is (cut > 0)


@pytest.mark.shows("connector:mqtt", "isolation")
@pytest.mark.needs("mosquitto", "mosquitto_pub")
async def test_a_broker_that_is_a_black_hole_delays_no_other(tmp_path: Path, inbox: Inbox) -> None:
    async def hole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hole, "127.0.0.1", 0)
    async with server, mosquitto(tmp_path) as broker:
        dead = [
            mqtt(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", "a", connect_timeout="1 h") for _ in range(5)
        ]
        async with at_work(mqtt(broker.url, "plant/leak"), inbox) as (link, _), asyncio.TaskGroup() as group:
            tasks = [group.create_task(_trying(each)) for each in dead]
            await link.hear("up: ")
            await broker.publish("plant/leak", *map(str, range(100)))
            await until(lambda: len(inbox.kept) == 100)
            for each in tasks:
                each.cancel()


async def _trying(connector: object) -> None:
    async with at_work(connector, Inbox()):  # type: ignore[arg-type]
        await asyncio.get_running_loop().create_future()
