"""The sender on real sockets: the bytes it writes, and what it says of every way an answer can fail to come."""

from __future__ import annotations

import asyncio
import resource
import socket

import msgspec
import pytest

from bridge.vms.http import Answer, AnswerLost, NotSent, Origin, Sender, Unsendable, split_url
from bridge.vms.http.origin import origin
from tests.vms.conftest import BOUND, CUT, SILENCE, Played, answer, nobody_there, playing
from tests.vms.time_passes import SECONDS


def at(vms: Played) -> Origin:
    return origin(False, "127.0.0.1", vms.port)


async def post(sender: Sender, vms: Played, body: bytes = b"{}", seconds: float = SECONDS, urgent: bool = False):
    return await sender.send("POST", at(vms), "/in", (("X-Here", "yes"),), body, seconds, urgent)


async def test_a_request_is_written_as_http_1_1_wants_it(vms: Played) -> None:
    sender = Sender()
    await sender.send("POST", at(vms), "/in?a=b", (("Content-Type", "application/json"),), '{"ü":1}'.encode())
    await sender.send("GET", at(vms), "/out", (("Accept", "*/*"),))
    await sender.close()
    assert vms.requests == [
        f"POST /in?a=b HTTP/1.1\r\nHost: 127.0.0.1:{vms.port}\r\nContent-Type: application/json\r\n"
        'Content-Length: 8\r\n\r\n{"ü":1}'.encode(),
        f"GET /out HTTP/1.1\r\nHost: 127.0.0.1:{vms.port}\r\nAccept: */*\r\n\r\n".encode(),
    ]


async def test_an_empty_post_says_that_it_is_empty(vms: Played) -> None:
    sender = Sender()
    await post(sender, vms, b"")
    await sender.close()
    assert b"\r\nContent-Length: 0\r\n\r\n" in vms.requests[0]


@pytest.mark.parametrize("headers", [(("X", "a\r\nY: b"),), (("X\r\nY", "a"),), (("X", "a\nb"),)])
async def test_a_header_cannot_break_out_of_its_line(vms: Played, headers: tuple[tuple[str, str], ...]) -> None:
    sender = Sender()
    with pytest.raises(Unsendable):
        await sender.send("POST", at(vms), "/in", headers, b"{}")
    for path in ("/in HTTP/1.1\r\nX: y", "/in HTTP/1.1"):
        with pytest.raises(Unsendable):
            await sender.send("POST", at(vms), path, (), b"{}")
    await sender.close()
    assert vms.connections == 0


async def test_requests_one_after_the_other_share_a_connection(vms: Played) -> None:
    sender = Sender()
    for _ in range(5):
        await post(sender, vms)
    assert vms.connections == 1
    assert sender.idle == 1
    await sender.close()


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_an_answer_is_read_however_its_length_is_told(vms: Played, reply: bytes, body: bytes) -> None:
    vms.otherwise = reply
    sender = Sender()
    for _ in range(2):
        got = await post(sender, vms)
        assert (got.status, got.body) == (200, body)
    assert vms.connections == 1
    await sender.close()


@pytest.mark.parametrize("reply", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n"])
async def test_an_answer_without_body_needs_no_length(vms: Played, reply: bytes) -> None:
    vms.otherwise = reply
    sender = Sender()
    assert (await post(sender, vms)).body == b""
    await sender.close()


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_an_answer_that_ends_with_the_connection_is_whole(vms: Played, version: bytes) -> None:
    vms.otherwise = b"HTTP/" + version + b" 201 Created\r\nContent-Type: x/y\r\n\r\nall of it"
    vms.close_after = True
    sender = Sender()
    for _ in range(2):
        got = await post(sender, vms)
        assert (got.status, got.body) == (201, b"all of it")
    assert vms.connections == 2
    await sender.close()


async def test_a_server_that_says_close_is_not_asked_on_that_connection_again(vms: Played) -> None:
    vms.otherwise = answer(200, b"x", "Connection: close")
    sender = Sender()
    await post(sender, vms)
    await post(sender, vms)
    assert vms.connections == 2
    await sender.close()


async def test_a_connection_the_server_closed_meanwhile_is_found_closed_before_writing(vms: Played) -> None:
    """No await between the server's close and the next request may be needed to notice it."""
    sender = Sender()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    loop = asyncio.get_running_loop()
    target = origin(False, "127.0.0.1", listening.getsockname()[1])
    first = asyncio.create_task(sender.send("POST", target, "/", (), b"{}"))
    served, _ = await loop.sock_accept(listening)
    await loop.sock_recv(served, 4096)
    await loop.sock_sendall(served, answer(200))
    await first
    served.close()  # the loop has had no turn since
    second = asyncio.create_task(sender.send("POST", target, "/", (), b"{}"))
    async with asyncio.timeout(BOUND):
        served, _ = await loop.sock_accept(listening)
        await loop.sock_recv(served, 4096)
        await loop.sock_sendall(served, answer(202))
        assert (await second).status == 202
    await sender.close()
    served.close()
    listening.close()


async def test_idle_connections_are_dropped_before_the_server_does(vms: Played) -> None:
    sender = Sender(keep_alive=0.05)
    await post(sender, vms)
    async with asyncio.timeout(BOUND):
        while sender.idle:
            await asyncio.sleep(0.01)
    await post(sender, vms)
    assert vms.connections == 2
    await sender.close()


async def test_a_connection_is_kept_no_longer_than_the_server_says(vms: Played) -> None:
    vms.otherwise = answer(200, b"", "Keep-Alive: timeout=1, max=100")
    sender = Sender()
    await post(sender, vms)
    await post(sender, vms)
    assert vms.connections == 2
    await sender.close()


async def test_nobody_listening_is_surely_not_sent() -> None:
    sender = Sender()
    with nobody_there() as port, pytest.raises(NotSent, match=r"no connection to 127\.0\.0\.1"):
        await sender.send("POST", origin(False, "127.0.0.1", port), "/", (), b"{}")
    await sender.close()


async def test_a_name_nobody_knows_is_surely_not_sent() -> None:
    sender = Sender()
    with pytest.raises(NotSent, match="cannot be resolved"):
        await sender.send("POST", origin(False, "nowhere.invalid", 80), "/", (), b"{}")
    await sender.close()


@pytest.mark.parametrize("name", ["vms..harbour.example", f"{'x' * 64}.example"])
async def test_a_name_that_no_network_has_is_surely_not_sent(name: str) -> None:
    """Resolvers do not say that they do not know it, they fail over it: no error of the target's own, of which events
    die."""
    sender = Sender()
    with pytest.raises(NotSent, match="network name"):
        await sender.send("POST", origin(False, name, 80), "/", (), b"{}")
    with pytest.raises(ValueError, match="network name"):
        split_url(f"https://{name}/in")
    await sender.close()


async def test_without_a_file_left_to_open_nothing_is_sent_and_nothing_breaks(vms: Played) -> None:
    """A connection is one more open file; when there are too many it is tried again later."""
    sender = Sender()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(NotSent, match="Too many open files"):
            await post(sender, vms)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (await post(sender, vms)).status == 200
    await sender.close()


async def test_a_connection_cut_before_the_answer_is_an_answer_lost(vms: Played) -> None:
    vms.otherwise = CUT
    sender = Sender()
    with pytest.raises(AnswerLost, match="before an answer") as lost:
        await post(sender, vms)
    assert not lost.value.silent
    await sender.close()


async def test_the_same_on_a_connection_used_before(vms: Played) -> None:
    vms.script = [answer(200), CUT]
    sender = Sender()
    await post(sender, vms)
    with pytest.raises(AnswerLost):
        await post(sender, vms)
    assert vms.connections == 1
    await sender.close()


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
async def test_an_answer_cut_in_the_middle_is_an_answer_lost(vms: Played, part: bytes) -> None:
    vms.otherwise = part
    vms.close_after = True
    sender = Sender()
    with pytest.raises(AnswerLost, match="middle"):
        await post(sender, vms)
    await sender.close()


async def test_no_answer_in_time_is_an_answer_lost_and_the_connection_is_given_up(vms: Played) -> None:
    vms.script = [answer(200), SILENCE]
    sender = Sender(keep_alive=SECONDS)
    await post(sender, vms)  # however busy this machine is, the next one need not connect in time
    with pytest.raises(AnswerLost, match=r"no answer within 0.1 s") as lost:
        await post(sender, vms, seconds=0.1)
    assert lost.value.silent
    assert (await post(sender, vms)).status == 200
    assert vms.connections == 2
    await sender.close()


@pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01\x00\x00"])
async def test_an_answer_that_is_no_http_is_an_answer_lost(vms: Played, reply: bytes) -> None:
    vms.otherwise = reply
    sender = Sender()
    with pytest.raises(AnswerLost, match="not HTTP"):
        await post(sender, vms)
    await sender.close()


@pytest.mark.parametrize(
    "reply",
    [
        answer(201, b"x" * 70_000),
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n" + b"2710\r\n" + b"x" * 10_000 + b"\r\n",
    ],
)
async def test_of_an_answer_too_large_the_status_counts(vms: Played, reply: bytes) -> None:
    vms.otherwise = reply
    sender = Sender(largest_answer=5000)
    got = await post(sender, vms)
    assert (got.status, got.body, got.cut) == (201, b"", True)
    assert sender.idle == 0
    await sender.close()


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"id": []}', b"\xff", b"[" * 100_000, b'{"more":' * 100_000])
def test_what_an_answer_does_not_tell_it_does_not_tell_and_nothing_fails_over_it(body: bytes) -> None:
    assert Answer(200, [], body).told(msgspec.json.Decoder(dict[str, str]).decode) is None


async def test_a_head_without_end_is_an_answer_lost(vms: Played) -> None:
    vms.otherwise = b"HTTP/1.1 200 OK\r\n" + b"X-Long: y\r\n" * 1000
    sender = Sender(largest_answer=5000)
    with pytest.raises(AnswerLost, match="no end"):
        await post(sender, vms)
    await sender.close()


async def test_an_answer_nobody_asked_for_spoils_the_connection_not_the_next_request(vms: Played) -> None:
    vms.script = [answer(200, b"mine") + answer(200, b"stray")]
    vms.otherwise = answer(200, b"second")
    sender = Sender()
    assert (await post(sender, vms)).body == b"mine"
    assert (await post(sender, vms)).body == b"second"
    assert vms.connections == 2
    await sender.close()


async def test_a_server_that_says_something_while_nothing_was_asked_loses_the_connection(vms: Played) -> None:
    sender = Sender(keep_alive=60)
    await post(sender, vms)
    vms.writers[0].write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    await vms.until_ended(1)
    assert (await post(sender, vms)).status == 200
    assert vms.connections == 2
    await sender.close()


async def test_a_server_that_answers_before_it_has_read_all_is_not_asked_there_again() -> None:
    connections: list[asyncio.StreamWriter] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(413))

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    target = origin(False, "127.0.0.1", server.sockets[0].getsockname()[1])
    sender = Sender()
    for number in (1, 2):
        assert (await sender.send("POST", target, "/", (), b"x" * 2**24)).status == 413
        assert len(connections) == number
        assert sender.idle == 0
    await sender.close()
    server.close()
    for writer in connections:
        writer.close()


async def test_alarms_do_not_wait_for_notices(vms: Played) -> None:
    vms.hold.clear()
    sender = Sender(connections=3, reserved=1)
    notices = [asyncio.create_task(post(sender, vms)) for _ in range(5)]
    await vms.until(2)
    alarm = asyncio.create_task(post(sender, vms, b'"alarm"', urgent=True))
    await vms.until(3)
    assert vms.bodies == [b"{}", b"{}", b'"alarm"']
    assert vms.connections == 3
    vms.hold.set()
    async with asyncio.timeout(BOUND):
        await asyncio.gather(alarm, *notices)
    assert vms.connections == 3
    assert len(vms.requests) == 6
    await sender.close()


async def test_a_waiting_alarm_goes_before_waiting_notices(vms: Played) -> None:
    vms.hold.clear()
    sender = Sender(connections=2, reserved=1)
    first = [asyncio.create_task(post(sender, vms, urgent=True)) for _ in range(2)]
    await vms.until(2)
    notice = asyncio.create_task(post(sender, vms, b'"notice"'))
    await asyncio.sleep(0)
    alarm = asyncio.create_task(post(sender, vms, b'"alarm"', urgent=True))
    await asyncio.sleep(0)
    vms.script = [answer(200), answer(200), SILENCE]
    vms.hold.set()
    await vms.until(4)
    assert b'"alarm"' in vms.bodies[2:]
    for task in (*first, notice, alarm):
        task.cancel()
    await asyncio.gather(*first, notice, alarm, return_exceptions=True)
    await sender.close()


async def test_a_place_that_does_not_come_free_in_time_is_not_sent_and_says_that_it_is_us(vms: Played) -> None:
    vms.hold.clear()
    sender = Sender(connections=2, reserved=1)
    first = asyncio.create_task(post(sender, vms))
    await vms.until(1)
    with pytest.raises(NotSent, match="in use") as not_sent:
        await post(sender, vms, seconds=0.05)
    assert not_sent.value.busy
    vms.hold.set()
    await first
    assert (await post(sender, vms)).status == 200
    await sender.close()


async def test_a_cancelled_request_gives_its_place_back_and_its_connection_up(vms: Played) -> None:
    vms.script = [SILENCE]
    sender = Sender(connections=2, reserved=1)
    first = asyncio.create_task(post(sender, vms))
    await vms.until(1)
    waiting = asyncio.create_task(post(sender, vms))
    await asyncio.sleep(0)
    waiting.cancel()
    first.cancel()
    await asyncio.gather(first, waiting, return_exceptions=True)
    assert first.cancelled()
    assert waiting.cancelled()
    await vms.until_ended(1)
    assert (await post(sender, vms)).status == 200
    assert vms.connections == 2
    await sender.close()


async def test_closing_ends_what_is_under_way_and_refuses_more(vms: Played) -> None:
    vms.otherwise = SILENCE
    sender = Sender()
    under_way = asyncio.create_task(post(sender, vms))
    await vms.until(1)
    await sender.close()
    with pytest.raises(AnswerLost):
        await under_way
    with pytest.raises(NotSent, match="closed"):
        await post(sender, vms)


async def test_a_connection_that_comes_after_closing_is_not_used(vms: Played) -> None:
    sender = Sender()
    under_way = asyncio.create_task(post(sender, vms))
    await asyncio.sleep(0)
    await sender.close()
    with pytest.raises(NotSent):
        await under_way
    assert vms.requests == []


async def test_it_speaks_to_an_ipv6_address() -> None:
    try:
        opened = playing(host="::1")
        async with opened as vms:
            sender = Sender()
            await sender.send("GET", origin(False, "[::1]", vms.port), "/")
            await sender.close()
            assert vms.requests == [f"GET / HTTP/1.1\r\nHost: [::1]:{vms.port}\r\n\r\n".encode()]
    except OSError:
        pytest.skip("no IPv6 on this machine")


async def test_another_address_of_the_name_is_tried_when_the_first_refuses() -> None:
    """localhost may be ::1 and 127.0.0.1; the server listens on the second alone."""
    async with playing() as vms:
        sender = Sender()
        assert (await sender.send("GET", origin(False, "localhost", vms.port), "/")).status == 200
        await sender.close()
