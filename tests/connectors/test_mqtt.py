"""The MQTT connector against mosquitto, spoken to by mosquitto_pub."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from bridge.model import Receipt, ReceiptKind
from connectors.mqtt import MqttConnector, session
from tests.connectors.conftest import LATER, Inbox
from tests.connectors.mosquitto import KEEPING, OPEN, mosquitto, mqtt
from tests.connectors.outgoing import at_work, until

pytestmark = pytest.mark.needs("mosquitto", "mosquitto_pub")

VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])


@pytest.mark.shows("connector:mqtt", "peer", peer="mosquitto")
@VERSIONS
async def test_what_is_published_is_a_message_with_its_topic(tmp_path: Path, inbox: Inbox, version: str) -> None:
    async with (
        mosquitto(tmp_path) as broker,
        at_work(mqtt(broker.url, "plant/+/leak", version=version), inbox) as (link, _),
    ):
        await link.hear("up: connected")
        await broker.publish("plant/Kühlraum/leak", '{"wet": true}')
        await inbox.hold(1)
        message = inbox.messages[0]
        assert (message.body, message.origin.place, message.redelivered) == (
            b'{"wet": true}',
            "plant/Kühlraum/leak",
            False,
        )


@pytest.mark.shows("connector:mqtt", "peer", peer="mosquitto")
@VERSIONS
async def test_a_message_is_acknowledged_only_when_it_is_kept(tmp_path: Path, inbox: Inbox, version: str) -> None:
    inbox.open.clear()
    async with mosquitto(tmp_path) as broker:
        async with at_work(mqtt(broker.url, "plant/leak", version=version), inbox) as (link, stop):
            await link.hear("up: connected")
            await broker.publish("plant/leak", "1", "2", "3")
            await inbox.hold(3)
            stop()
        again = Inbox()
        async with at_work(mqtt(broker.url, "plant/leak", version=version), again):
            await again.hold(3)
            assert again.bodies == [b"1", b"2", b"3"]
            assert all(message.redelivered for message in again.messages)
        last = Inbox()
        async with at_work(mqtt(broker.url, "plant/leak", version=version), last) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/leak", "4")
            await last.hold(1)
            assert last.bodies == [b"4"]


async def test_what_the_intake_puts_off_is_submitted_again_and_nothing_overtakes_it(tmp_path: Path) -> None:
    inbox = Inbox(receipts=[LATER, LATER, LATER])
    async with mosquitto(tmp_path) as broker, at_work(mqtt(broker.url, "plant/leak"), inbox) as (link, _):
        await link.hear("up: connected")
        await broker.publish("plant/leak", *map(str, range(20)))
        await until(lambda: len(inbox.kept) == 20)
        assert [message.body for message in inbox.kept] == [str(number).encode() for number in range(20)]


async def test_a_message_nobody_can_read_is_acknowledged_and_comes_no_second_time(tmp_path: Path) -> None:
    malformed = Receipt(ReceiptKind.MALFORMED, "it is no JSON")
    inbox = Inbox(receipts=[malformed, malformed])
    async with mosquitto(tmp_path) as broker:
        async with at_work(mqtt(broker.url, "plant/#"), inbox) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/x", b"\xff\x00\xfe")
            await broker.publish("plant/x", b"\x80" * 1000)
            await inbox.hold(2)
        again = Inbox()
        async with at_work(mqtt(broker.url, "plant/#"), again) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/x", "fine")
            await again.hold(1)
            assert again.bodies == [b"fine"]


async def test_what_is_published_with_qos_2_comes_with_1_and_waits_for_its_commit(tmp_path: Path, inbox: Inbox) -> None:
    inbox.open.clear()
    async with mosquitto(tmp_path) as broker:
        async with at_work(mqtt(broker.url, "plant/leak"), inbox) as (link, stop):
            await link.hear("up: connected")
            await broker.publish("plant/leak", "twice", qos=2)
            await inbox.hold(1)
            stop()
        again = Inbox()
        async with at_work(mqtt(broker.url, "plant/leak"), again):
            await again.hold(1)
            assert again.bodies == [b"twice"]


async def test_what_came_while_the_bridge_was_away_comes_in_order_when_it_is_back(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        async with at_work(mqtt(broker.url, "plant/leak"), Inbox()) as (link, _):
            await link.hear("up: connected")
        await broker.publish("plant/leak", *map(str, range(50)))
        inbox = Inbox()
        async with at_work(mqtt(broker.url, "plant/leak"), inbox):
            await inbox.hold(50)
            assert inbox.bodies == [str(number).encode() for number in range(50)]


async def test_what_is_held_when_the_connection_breaks_is_taken_once(tmp_path: Path) -> None:
    inbox = Inbox()
    inbox.open.clear()
    async with mosquitto(tmp_path, *OPEN, *KEEPING) as broker:
        connector = mqtt(broker.url, "plant/leak")
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            await broker.publish("plant/leak", "1", "2", "3")
            await inbox.hold(3)
            await broker.stop()
            await link.hear("down: ")
            inbox.open.set()
            await until(lambda: len(inbox.kept) == 3)
            await broker.start()
            await link.hear("up: back after")
            await until(lambda: connector.counts["known"] == 3)
            await broker.publish("plant/leak", "4")
            await inbox.hold(4)
            assert inbox.bodies == [b"1", b"2", b"3", b"4"]


@pytest.mark.shows("connector:mqtt", "reconnects", "peer", peer="mosquitto")
async def test_a_broker_that_goes_is_said_once_and_once_when_it_is_back(tmp_path: Path, inbox: Inbox) -> None:
    async with mosquitto(tmp_path) as broker:
        connector = mqtt(broker.url, "plant/leak")
        connector.steady = 0.0
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            await broker.kill()
            await until(lambda: connector.counts["failed"] >= 5)
            await broker.start()
            await link.hear("up: back after")
            kinds = [said.partition(":")[0] for said in link.said]
            assert (kinds[0], set(kinds[1:-1]), kinds[-1]) == ("up", {"down"}, "up")
            assert all(one != next for one, next in pairwise(link.said)), "a reason is not said again"
            assert "; then " in link.said[1], "how the connection ended is said too"
            await broker.publish("plant/leak", "again")
            await inbox.hold(1)


@pytest.mark.shows("connector:mqtt", "peer", peer="mosquitto")
async def test_no_message_is_lost_when_the_broker_is_restarted_under_load(tmp_path: Path, inbox: Inbox) -> None:
    async with mosquitto(tmp_path, *OPEN, *KEEPING) as broker:
        connector = mqtt(broker.url, "plant/#")
        connector.steady = 0.0
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            for each in range(3):
                loads = [
                    asyncio.create_task(broker.publish(f"plant/{each}", *map(str, range(300)))),
                    asyncio.create_task(inbox.hold(300 * each + 100)),
                ]
                await asyncio.gather(*loads)
                await missed(broker.stop, connector)
                await broker.start()
                await link.hear("up: back after", each + 1)
            await until(lambda: len({(m.origin.place, m.body) for m in inbox.kept}) == 900)
            for each in range(3):
                bodies = [m.body for m in inbox.kept if m.origin.place == f"plant/{each}"]
                firsts = list(dict.fromkeys(bodies))
                assert firsts == [str(number).encode() for number in range(300)]


@pytest.mark.shows("connector:mqtt", "peer", peer="mosquitto")
async def test_a_broker_that_is_killed_under_load_and_comes_back_empty_is_subscribed_to_again(
    tmp_path: Path, inbox: Inbox
) -> None:
    async with mosquitto(tmp_path) as broker:
        connector = mqtt(broker.url, "plant/#")
        connector.steady = 0.0
        async with at_work(connector, inbox) as (link, _):
            await link.hear("up: connected")
            for each in range(3):
                load = asyncio.create_task(broker.publish(f"plant/{each}", *map(str, range(2_000))))
                await inbox.hold(len(inbox.messages) + 100)
                await missed(broker.kill, connector)
                await broker.start()
                await link.hear("the broker had forgotten our session", each + 1)
                await load  # it too comes back, and sends again what it does not know to have arrived
            await broker.publish("plant/last", *map(str, range(300)))
            await until(lambda: len(_of(inbox, "plant/last")) == 300)
            assert _of(inbox, "plant/last") == [str(number).encode() for number in range(300)]


async def missed(ends: Callable[[], Awaitable[None]], connector: MqttConnector) -> None:
    """The broker is gone, and the connector has tried in vain: a gap too short for that is not told by the link."""
    failed = connector.counts["failed"]
    await ends()
    await until(lambda: connector.counts["failed"] > failed)


def _of(inbox: Inbox, topic: str) -> list[bytes]:
    return [message.body for message in inbox.kept if message.origin.place == topic]


# ------------------------------------------------------------------------------------------------------ the connection


async def test_a_silent_broker_is_left_after_a_while(inbox: Inbox) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connector = mqtt(f"mqtt://127.0.0.1:{port}", "a", connect_timeout="200 ms")
        async with at_work(connector, inbox) as (link, _):
            await link.hear("down: 127.0.0.1 does not answer within 0.2 s")


async def test_what_speaks_no_mqtt_is_said(inbox: Inbox) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with at_work(mqtt(f"mqtt://127.0.0.1:{port}", "a", connect_timeout="1 s"), inbox) as (link, _):
            await link.hear("down: ")


async def test_a_broker_that_says_who_took_the_session_is_believed_at_once(inbox: Inbox) -> None:
    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"\x20\x03\x00\x00\x00")  # CONNACK
        await reader.read(1024)
        writer.write(b"\x90\x04\x00\x01\x00\x01")  # SUBACK, QoS 1
        writer.write(b"\xe0\x01\x8e")  # DISCONNECT, session taken over
        await reader.read()
        writer.close()

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connector = mqtt(f"mqtt://127.0.0.1:{port}", "a")
        async with at_work(connector, inbox) as (link, _):
            await link.hear("another client connected with the client id vms-bridge-broker: give this bridge")
            await until(lambda: connector.counts["taken over"] > 3)
            assert len(link.said) == 2


def publication(version: str, number: int, length: int) -> bytes:
    """A PUBLISH of QoS 0 or 1, in MQTT 5 with properties."""
    topic, payload = f"plant/{number % 3}".encode(), f"{number}:".encode().ljust(length, b"x")
    body = len(topic).to_bytes(2, "big") + topic
    if number % 2:
        body += (number + 1).to_bytes(2, "big")
    if version == "5":
        properties = b"" if number % 3 else b"\x26\x00\x01a\x00\x01b\x03\x00\x04text"  # user property, content type
        body += bytes([len(properties)]) + properties
    body += payload
    left, size = len(body), b""
    while True:
        left, low = left >> 7, left & 127
        size += bytes([low | (128 if left else 0)])
        if not left:
            return bytes([0x30 | (number % 2) << 1]) + size + body


@VERSIONS
@pytest.mark.parametrize("cut", [1, 2, 7, 1000, 70_000, 10_000_000])
async def test_the_same_messages_arrive_however_the_stream_is_cut(inbox: Inbox, version: str, cut: int) -> None:
    lengths = [1, 5, 120, 121, 122, 123, 16_370, 16_380, 70_000] if cut > 10 else [1, 5, 120, 121, 122, 300]
    wanted = [
        (f"plant/{number % 3}", f"{number}:".ljust(length, "x").encode()) for number, length in enumerate(lengths)
    ]
    stream = b"".join(publication(version, number, length) for number, length in enumerate(lengths))
    acknowledged = asyncio.get_running_loop().create_future()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"\x20\x03\x00\x00\x00" if version == "5" else b"\x20\x02\x00\x00")  # CONNACK
        await reader.read(1024)
        writer.write(b"\x90\x04\x00\x01\x00\x01" if version == "5" else b"\x90\x03\x00\x01\x01")  # SUBACK
        for start in range(0, len(stream), cut):
            writer.write(stream[start : start + cut])
            await writer.drain()
            if cut < 10:
                await asyncio.sleep(0)
        acknowledged.set_result(await reader.readexactly(4 * (len(lengths) // 2)))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with at_work(mqtt(f"mqtt://127.0.0.1:{port}", "plant/#", version=version), inbox):
            await inbox.hold(len(lengths))
            assert [(message.origin.place, message.body) for message in inbox.messages] == wanted
            odd = range(1, len(lengths), 2)
            expected = b"".join(b"\x40\x02" + (number + 1).to_bytes(2, "big") for number in odd)
            assert await asyncio.wait_for(acknowledged, 30) == expected


async def test_a_broker_that_breaks_the_protocol_is_left_and_tried_again(inbox: Inbox) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"\x20\x03\x00\x00\x00")
        await reader.read(1024)
        writer.write(b"\x90\x04\x00\x01\x00\x01\x32\x03\x00\x09a\xff\xff\xff\xff\xff\xff")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(broken, "127.0.0.1", 0)
    async with server:
        connector = mqtt(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", "plant/#")
        async with at_work(connector, inbox) as (link, _):
            await link.hear("down: ")
            await until(lambda: connector.counts["connections"] > 1)
            assert inbox.messages == []


@asynccontextmanager
async def flooding(stream: bytes, after: bytes = b"", granted: bytes = b"\x01") -> AsyncIterator[str]:
    """The URL of a broker that sends this before it answers the subscription, and ``after`` behind that."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"\x20\x03\x01\x00\x00")
        await reader.read(1024)
        with contextlib.suppress(ConnectionError):
            writer.write(stream + b"\x90\x04\x00\x01\x00" + granted + after)
            while await reader.read(65_536):
                pass
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_more_than_may_wait_is_taken_before_the_answer_to_the_subscription(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MOST_WAITING", 100)
    monkeypatch.setattr(session, "_PACKETS_AT_ONCE", 2)
    again = b"".join(publication("5", 2 * number + 1, 200) for number in range(5_000))  # more than one read
    async with flooding(again) as url, at_work(mqtt(url, "plant/#"), inbox) as (link, _):
        await link.hear("up: ")
        await until(lambda: len(inbox.kept) == 5_000)


async def test_of_too_much_without_acknowledgement_some_is_lost_and_counted(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MOST_WAITING", 100)
    monkeypatch.setattr(session, "LONGEST_PAUSE", 0.05)
    inbox.open.clear()
    flood = b"".join(publication("5", 2 * number, 20) for number in range(5_000))
    async with flooding(b"", flood, granted=b"\x00") as url:
        connector = mqtt(url, "plant/#", in_flight=10)
        async with at_work(connector, inbox) as (link, _):
            assert "without acknowledgement (QoS 0): plant/#" in await link.hear("up: ")
            await until(lambda: connector.lost > 0)
            inbox.open.set()
            await until(lambda: len(inbox.kept) + connector.lost == 5_000)
            assert len(inbox.kept) > 100
