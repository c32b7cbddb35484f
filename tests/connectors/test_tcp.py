"""What a device pushes over TCP is submitted in order, kept, and never answered."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from pydantic import ValidationError

from bridge.model import Message, Origin, Receipt, ReceiptKind
from connectors.base import Mode
from connectors.framing.connection import MOST_IN_SUBMISSION
from connectors.tcp import TcpAddress
from tests.connectors.conftest import ACCEPTED, BOUND, LATER, Inbox, running, tcp
from tests.connectors.http_client import connected
from tests.connectors.outgoing import until
from tests.vms.time_passes import pass_time


def objects(count: int, first: int = 0) -> list[bytes]:
    return [b'{"n":"%d"}' % number for number in range(first, first + count)]


@pytest.mark.parametrize("kind", [kind for kind in ReceiptKind if kind is not ReceiptKind.LATER])
async def test_whatever_becomes_of_a_message_its_sender_is_told_nothing(kind: ReceiptKind) -> None:
    async with running(tcp(), Inbox([Receipt(kind)])) as way, connected(way.port) as sender:
        await sender.write(b'{"n":"0"}{"n":"1"}')
        await way.inbox.hold(2)
        assert way.inbox.bodies == objects(2)
        assert way.inbox.messages[0].origin == Origin("127.0.0.1")
        sender.writer.write_eof()
        async with asyncio.timeout(BOUND):
            assert await sender.reader.read() == b""


async def test_what_the_intake_cannot_keep_is_submitted_again_and_nothing_behind_it_comes_first(inbox: Inbox) -> None:
    inbox.receipts = [ACCEPTED, LATER, LATER, LATER, ACCEPTED, LATER, LATER]
    async with running(tcp(), inbox) as way, connected(way.port) as sender:
        await sender.write(b"".join(objects(10)))
        await inbox.hold(10 + 5)
        await way.stop()
        assert [message.body for message in inbox.kept] == objects(10)
        assert way.connector.counts["again"] == 5
        assert way.connector.counts["messages"] == 10


async def test_when_commits_in_flight_are_undone_their_order_stays(inbox: Inbox) -> None:
    inbox.receipts = [ACCEPTED, ACCEPTED, LATER, LATER, LATER]
    inbox.open.clear()
    async with running(tcp(), inbox) as way, connected(way.port) as sender:
        await sender.write(b"".join(objects(5)))
        await inbox.hold(5)
        await sender.write(b"".join(objects(5, first=5)))
        inbox.open.set()
        await inbox.hold(13)
        await way.stop()
        assert sorted(message.body for message in inbox.kept) == objects(10)
        assert [message.body for message in inbox.kept if message.body in objects(5)] == objects(5)


async def test_several_wait_for_their_commit_at_once_in_the_order_they_came(inbox: Inbox) -> None:
    inbox.open.clear()
    async with running(tcp(), inbox) as way, connected(way.port) as sender:
        await sender.write(b"".join(objects(1000)))
        await inbox.hold(MOST_IN_SUBMISSION)
        inbox.open.set()
        await inbox.hold(1000)
        assert inbox.bodies == objects(1000)
        assert inbox.most_at_once == MOST_IN_SUBMISSION


async def test_while_the_intake_does_not_keep_up_the_sender_is_held_back(inbox: Inbox) -> None:
    inbox.open.clear()
    big = b'{"a":"' + b"A" * 100_000 + b'"}'
    async with running(tcp(max_object="1 MiB"), inbox) as way, connected(way.port) as sender:
        for _ in range(300):
            sender.writer.write(big)
        drained = asyncio.create_task(sender.writer.drain())
        await inbox.hold(10)  # a MiB of them
        await asyncio.wait({drained}, timeout=0.3)
        assert not drained.done()
        assert len(inbox.messages) == 10
        inbox.open.set()
        await inbox.hold(300)
        await drained


@pytest.mark.shows("connector:tcp", "isolation")
async def test_a_sender_that_is_held_back_does_not_hold_back_another() -> None:
    class Picky(Inbox):
        patient = True

        async def submit(self, message: Message) -> Receipt:
            receipt = await super().submit(message)
            return LATER if self.patient and b"never" in message.body else receipt

    way_inbox = Picky()
    async with running(tcp(), way_inbox) as way, connected(way.port) as stuck, connected(way.port) as other:
        await stuck.write(b'{"never":1}{"behind":1}')
        await way_inbox.hold(1)
        await other.write(b"".join(objects(200)))
        async with asyncio.timeout(BOUND):
            while not set(objects(200)) <= set(way_inbox.bodies):
                await way_inbox.hold(len(way_inbox.messages) + 1)
        assert b'{"behind":1}' not in way_inbox.bodies
        stuck.writer.transport.abort()
        way_inbox.patient = False
        await way.stop()
        assert way_inbox.bodies[-1] == b'{"behind":1}'


async def test_an_object_ended_by_a_reset_is_kept(inbox: Inbox) -> None:
    async with running(tcp(), inbox) as way:
        loop = asyncio.get_running_loop()
        peer = socket.socket()
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await loop.sock_connect(peer, ("127.0.0.1", way.port))
        await loop.sock_sendall(peer, b'{"n":"0"}{"n":"1"}{"cut":')
        await inbox.hold(2)
        peer.close()  # a reset, because of SO_LINGER 0
        await inbox.hold(3)
        assert inbox.bodies == [*objects(2), b'{"cut":']


async def test_what_was_read_before_a_reset_is_kept_even_when_it_had_to_wait(inbox: Inbox) -> None:
    inbox.open.clear()
    async with running(tcp(), inbox) as way, connected(way.port) as sender:
        await sender.write(b"".join(objects(100)))
        await inbox.hold(MOST_IN_SUBMISSION)
        (connection,) = way.connector._port.connections  # type: ignore[union-attr]
        await sender.write(b"".join(objects(100, first=100)))
        async with asyncio.timeout(BOUND):
            while not connection._unread:
                await asyncio.sleep(0.001)
            sender.writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            sender.writer.transport.abort()
            while not connection._ended:
                await asyncio.sleep(0.001)
        inbox.open.set()
        await inbox.hold(200)
        assert inbox.bodies == objects(200)


async def test_one_object_per_connection_ended_by_closing_is_kept(inbox: Inbox) -> None:
    async with running(tcp(), inbox) as way:
        for each in objects(5):
            async with connected(way.port) as sender:
                await sender.write(each)
        await inbox.hold(5)
        assert sorted(inbox.bodies) == objects(5)


async def test_garbage_is_submitted_to_be_quarantined_and_the_next_object_is_found(inbox: Inbox) -> None:
    async with running(tcp(max_object="1 kB"), inbox) as way, connected(way.port) as sender:
        await sender.write(b"HELLO\r\n" + objects(1)[0] + b'{"a":"' + b"A" * 2000 + b'"}' + objects(1)[0])
        await inbox.hold(4)
        assert inbox.bodies == [b"HELLO\r\n", *objects(1), b'{"a":"' + b"A" * 2000 + b'"}', *objects(1)]


async def test_when_it_stops_what_was_read_is_kept_first(inbox: Inbox) -> None:
    inbox.open.clear()
    async with running(tcp(), inbox) as way, connected(way.port) as sender:
        await sender.write(b"".join(objects(100)))
        await inbox.hold(MOST_IN_SUBMISSION)
        way.task.cancel()
        inbox.open.set()
        async with asyncio.timeout(BOUND):
            await way.task
        assert [message.body for message in inbox.kept] == objects(100)
        assert way.connector.counts["abandoned"] == 0


async def test_stopping_does_not_wait_for_ever_and_counts_what_was_given_up(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.tcp.connector.FINISH_WITHIN", 0.05)
    inbox.open.clear()
    async with running(tcp(), inbox) as way, connected(way.port) as sender:
        await sender.write(b"".join(objects(3)))
        await inbox.hold(3)
        await way.stop()
        assert way.connector.counts["abandoned"] == 3


async def test_a_dry_run_takes_what_comes_because_it_cannot_be_given_back_and_counts_it(inbox: Inbox) -> None:
    async with running(tcp(), inbox, Mode.OBSERVE) as way, connected(way.port) as sender:
        await sender.write(b"".join(objects(3)))
        await inbox.hold(3)
        await way.stop()
        assert way.connector.taken == 3


async def test_a_connection_that_says_nothing_for_too_long_is_closed() -> None:
    async with running(tcp(idle_timeout="100 ms")) as way, connected(way.port) as sender:
        assert await sender.closed()
        assert way.connector.counts["idle"] == 1


async def test_a_device_is_silent_from_its_last_byte_on(inbox: Inbox) -> None:
    async with running(tcp(idle_timeout="1 h"), inbox) as way, connected(way.port) as sender:
        port = way.connector._port
        await sender.write(b'{"a":')
        await until(lambda: port.held == 5)
        await sender.write(b'"b')
        await until(lambda: port.held == 7)
        pass_time(3600.0)  # of the loop's clock, so that the time-out ends that began with the connection
        await asyncio.sleep(0)
        await sender.write(b'"}')
        await inbox.hold(1)
        assert inbox.bodies == [b'{"a":"b"}']
        assert way.connector.counts["idle"] == 0


async def test_one_connection_too_many_is_closed_and_the_others_go_on(inbox: Inbox) -> None:
    async with running(tcp(max_connections=1), inbox) as way, connected(way.port) as first:
        await first.write(objects(1)[0])
        await inbox.hold(1)
        async with connected(way.port) as second:
            assert await second.closed()
        await first.write(objects(1)[0])
        await inbox.hold(2)
        assert way.connector.counts["crowded"] == 1


async def test_unfinished_objects_of_all_connections_are_bounded(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.framing.connection.MOST_HELD", 300_000)
    async with running(tcp(), inbox) as way, connected(way.port) as first:
        await first.write(b'{"a":"' + b"A" * 200_000)
        async with connected(way.port) as second:
            await second.write(b'{"a":"' + b"A" * 200_000)
            done = {asyncio.create_task(sender.closed()) for sender in (first, second)}
            ended, alive = await asyncio.wait(done, timeout=BOUND, return_when=asyncio.FIRST_COMPLETED)
            assert len(ended) == len(alive) == 1
            for task in alive:
                task.cancel()
        assert way.connector.counts["overloaded"] == 1


async def test_the_kernel_watches_for_peers_that_lost_their_power(inbox: Inbox) -> None:
    async with running(tcp(), inbox) as way, connected(way.port) as sender:
        await sender.write(objects(1)[0])
        await inbox.hold(1)
        (connection,) = way.connector._port.connections  # type: ignore[union-attr]
        ours = connection._transport.get_extra_info("socket")
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert [ours.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [60, 20, 3]
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_is_for_those_it_names() -> None:
    address = TcpAddress.model_validate({"from": ["10.0.0.0/24", "fd00::7"]})
    assert [address.matches(Origin(peer)) for peer in ("10.0.0.9", "fd00::7", "10.0.1.9")] == [True, True, False]
    assert TcpAddress().matches(Origin("10.0.1.9"))
    assert address.place() is None


def test_a_port_must_be_given() -> None:
    with pytest.raises(ValidationError, match="bind"):
        tcp(bind=None)


# ------------------------------------------------------------------------------------------------------- other framings


@pytest.mark.shows("connector:tcp", "samples")
@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        ("lines", b"one\r\ntwo\r\nthree"),
        ({"start": "\\x02", "end": "\\x03"}, b"\x02one\x03\r\n\x02two\x03\x02three\x03"),
        ({"length": 2}, b"\0\x03one\0\x03two\0\x05three"),
        ({"regex": r"\r?\n\r?\n", "keep": False}, b"one\n\ntwo\r\n\r\nthree"),
    ],
    ids=str,
)
async def test_messages_are_found_as_the_port_is_told(framing: object, sent: bytes, inbox: Inbox) -> None:
    async with running(tcp(framing=framing), inbox) as way, connected(way.port) as sender:
        await sender.write(sent[:7])
        await inbox.hold(1)
        await sender.write(sent[7:])
        sender.writer.write_eof()
        await inbox.hold(3)
        assert inbox.bodies == [b"one", b"two", b"three"]


async def test_a_line_that_is_too_long_is_counted_and_said_and_costs_neither_the_next_nor_the_connection(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tcp(framing="lines", max_object="1 kB"), inbox) as way, connected(way.port) as sender:
        await sender.write(b"one\n" + b"hunter2" * 1000 + b"\ntwo\n" + b"x" * 5000 + b"\nthree\n")
        await inbox.hold(3)
        await way.stop()
        assert inbox.bodies == [b"one", b"two", b"three"]
        assert way.connector.counts["oversize"] == 2
        assert way.connector.counts["garbage bytes dropped"] == 7000 + 5000
        (said,) = [record.getMessage() for record in caplog.records]
        assert "yard, from 127.0.0.1: a message is longer than 1000 bytes" in said
        assert "hunter2" not in caplog.text


async def test_where_the_place_in_the_stream_is_lost_the_connection_is_closed_and_that_is_said_once(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tcp(framing={"length": 4}), inbox) as way:
        for _ in range(3):
            async with connected(way.port) as sender:
                await sender.write(b"\0\0\0\x03oneGET / HTTP/1.1\r\n\r\n" + b"x" * 100_000)
                assert await sender.closed()
        await inbox.hold(3)
        await way.stop()
        assert inbox.bodies == [b"one"] * 3
        assert way.connector.counts["unreadable"] == 3
        (said,) = [record.getMessage() for record in caplog.records]
        assert "out of all proportion" in said
        assert "said once" in said


async def test_what_many_peers_do_wrong_is_not_remembered_without_end(caplog: pytest.LogCaptureFixture) -> None:
    async with running(tcp(framing="lines")) as way:
        port = way.connector._port  # type: ignore[union-attr]
        caplog.set_level("CRITICAL", logger="connectors.tcp")
        for number in range(5000):
            port.say(f"10.0.{number // 250}.{number % 250}", "trouble")
        assert len(port._said) <= 1024
