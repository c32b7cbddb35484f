"""The HTTP stream connector where streams break, fall silent or come faster than they can be kept; and its end."""

from __future__ import annotations

import asyncio
import re

import pytest

from bridge.model import Receipt, ReceiptKind
from connectors.base import Mode
from tests.connectors.conftest import LATER, Inbox
from tests.connectors.outgoing import at_rest, at_work, http_stream, until
from tests.connectors.stream_server import Viewer, part, playing, saying
from tests.vms.time_passes import pass_time

MIXED = "multipart/x-mixed-replace; boundary=myboundary"
MOTION = b"Code=VideoMotion;action=Start;index=0"
HEARTBEAT = b"Heartbeat"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40


# --------------------------------------------------------------------------------------------- what breaks, and gaps


@pytest.mark.parametrize("reset", [True, False])
async def test_what_a_cut_took_is_counted_and_nothing_is_made_of_it(
    inbox: Inbox, caplog: pytest.LogCaptureFixture, reset: bool
) -> None:
    connections = 0

    async def play(viewer: Viewer) -> None:
        nonlocal connections
        connections += 1
        await viewer.begin(MIXED)
        if connections == 1:
            await viewer.say(part(HEARTBEAT) + part(b"Code=VideoMotion;action=Start;index=12")[:-8])
            await until(lambda: len(inbox.messages) == 1)
            viewer.cut(reset)
        await viewer.say(part(MOTION))
        await viewer.gone()

    async with playing(play) as device:
        connector = http_stream(device.url)
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(2)
            assert inbox.bodies == [HEARTBEAT, MOTION]
            assert connector.counts["cut"] == 1
            assert "the stream ended inside of a part" in caplog.text
            assert "is not repeated by this stream" in await link.hear("up: back")
        assert (connector.counts["connections"], connector.counts["gaps"]) == (2, 1)
        assert connector.away > 0


@pytest.mark.parametrize(
    ("content_type", "beginning"),
    [
        (MIXED, b""),
        (MIXED, part(MOTION)[:-10]),
        ("text/event-stream", b"data: x"),
        ("application/x-ndjson", b'{"a":'),
    ],
)
async def test_a_device_that_goes_silent_is_left_said_once_and_asked_again(
    inbox: Inbox, content_type: str, beginning: bytes
) -> None:
    async with playing(saying(content_type, beginning)) as device:
        async with at_work(http_stream(device.url, heartbeat="30 s"), inbox) as (link, _):
            for connections in range(1, 5):
                await until(lambda so_many=connections: len(device.heads) >= so_many)
                await at_rest(lambda: len(device.heads))  # what it says is read
                pass_time()
        assert [word.partition(" ")[0] for word in link.said] == ["up:", "down:"]
        assert re.search("nothing (complete )?came for 30 s", link.said[1])
        assert [body for body in inbox.bodies if body != beginning] == []


async def test_a_part_that_never_ends_is_no_sign_of_life(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.begin(MIXED)
        await viewer.say(part(b"x" * 1000)[:200])
        while not viewer.writer.is_closing():
            await viewer.say(b"x")
            await asyncio.sleep(0.005)

    async with playing(play) as device, at_work(http_stream(device.url, heartbeat="100 ms"), inbox) as (link, _):
        await link.hear("down: " + device.url + ": nothing complete came for 0.1 s")


async def test_half_a_line_is_no_line_and_a_whole_document_is_one(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.begin("text/plain", "Transfer-Encoding: chunked")
        line = b'T=1\n{"a":1}\nT=1' if len(device.heads) == 1 else b'{"b":2}'
        await viewer.say(b"%x\r\n%b\r\n" % (len(line), line))
        await until(lambda: len(inbox.messages) == 2)
        viewer.cut()

    async with playing(play) as device:
        connector = http_stream(device.url)
        async with at_work(connector, inbox):
            await inbox.hold(3)
            assert inbox.bodies[:3] == [b"T=1", b'{"a":1}', b'{"b":2}']
            assert connector.counts["cut"] == 1


async def test_a_device_that_takes_connections_and_never_answers_is_said(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.say(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while True:
            await viewer.say(b"x")
            await asyncio.sleep(0.02)

    async with playing(play) as device, at_work(http_stream(device.url, connect_timeout="200 ms"), inbox) as (link, _):
        assert "does not answer within 0.2 s" in await link.hear("down")
        await until(lambda: len(device.heads) >= 2)
        assert len(link.said) == 1


@pytest.mark.parametrize("sign", [(MIXED, part(HEARTBEAT)), ("text/event-stream", b":\n\n"), ("text/plain", b"\n")])
async def test_a_heartbeat_keeps_the_connection(inbox: Inbox, sign: tuple[str, bytes]) -> None:
    """The device says a word only after more than the time in which it has to show that it is there, so that it is
    heard on a connection which signs have kept, and on no other."""

    async def play(viewer: Viewer) -> None:
        await viewer.begin(sign[0])
        for _ in range(40):
            await viewer.say(sign[1])
            await asyncio.sleep(0.02)
        await viewer.say(b'\n\ndata: {"end":1}\n\n' if sign[0] != MIXED else part(b"end"))
        await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url, heartbeat="500 ms"), inbox):
        await until(lambda: any(b"end" in body for body in inbox.bodies))


@pytest.mark.shows("connector:http-stream", "reconnects")
async def test_it_is_said_once_when_it_is_away_and_once_when_it_is_back(inbox: Inbox) -> None:
    answers = 0

    async def play(viewer: Viewer) -> None:
        nonlocal answers
        answers += 1
        if answers <= 5:
            await viewer.answer("503 Service Unavailable")
        else:
            await viewer.begin(MIXED, body=part(MOTION))
            await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url), inbox) as (link, _):
        await inbox.hold(1)
        assert link.said == [f"down: {device.url} answers 503", f"up: connected to {device.url}"]


async def test_a_device_that_ends_every_answer_at_once_is_not_said_to_be_back_each_time(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.begin(MIXED)

    async with playing(play) as device, at_work(http_stream(device.url), inbox) as (link, _):
        await until(lambda: len(device.heads) >= 5)
        assert [word.partition(" ")[0] for word in link.said] == ["up:", "down:"]


async def test_garbage_costs_a_line_in_the_log(inbox: Inbox) -> None:
    connections = 0

    async def play(viewer: Viewer) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await viewer.say(b"\x00\x01garbage\r\n\r\n" * 50)
        elif connections == 2:
            await viewer.begin(MIXED, body=b"\xde\xad\xbe\xef" * 20_000)
            await viewer.gone()
        else:
            await viewer.begin(MIXED, body=b"noise\r\n" + part(MOTION))
            await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url), inbox) as (link, _):
        await inbox.hold(1)
        assert inbox.bodies == [MOTION]
        assert "cannot be asked" in link.said[0]
        await link.hear("cannot be read; see format")


async def test_an_answer_that_is_no_stream_is_said_with_what_to_do(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.answer("200 OK", "Content-Type: text/html", body=b"<html>")

    async with playing(play) as device, at_work(http_stream(device.url), inbox) as (link, _):
        assert "the answer is text/html: say how messages stand in it with format" in await link.hear("down")


# --------------------------------------------------------------------------------------------- keeping, and stopping


async def test_while_nothing_can_be_kept_nothing_more_is_read_and_nothing_is_lost(inbox: Inbox) -> None:
    bodies = [b"%06d" % number * 2000 for number in range(2000)]
    said = 0

    async def play(viewer: Viewer) -> None:
        nonlocal said
        viewer.writer.transport.set_write_buffer_limits(4096)
        await viewer.begin("text/plain")
        for body in bodies:
            await viewer.say(body + b"\n")
            said += 1
        await viewer.gone()

    inbox.open.clear()
    async with playing(play) as device, at_work(http_stream(device.url, heartbeat="30 s"), inbox) as (link, _):
        await inbox.hold(64)
        await at_rest(lambda: said)
        pass_time()  # longer than the heartbeat: what waits for us is no silence of the device
        assert len(inbox.messages) == 64
        assert said < len(bodies)
        assert len(link.said) == 1
        inbox.open.set()
        await inbox.hold(2000)
        assert inbox.bodies == bodies


async def test_to_wait_for_the_disk_is_no_silence_of_the_device(inbox: Inbox) -> None:
    """A part that comes in many pieces, all of which the heartbeat's time has passed for."""
    one = part(JPEG + b"x" * 300_000, "image/jpeg")
    inbox.open.clear()
    async with playing(saying(MIXED, *[one] * 10)) as device:
        connector = http_stream(device.url, max_message="400 kB", pictures="0 s", heartbeat="30 s")
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(1)
            await at_rest(lambda: len(inbox.messages))
            pass_time()
            inbox.open.set()
            await inbox.hold(10)
            assert len(device.heads) == 1
            assert len(link.said) == 1


async def test_pictures_that_wait_for_their_commit_are_bounded(inbox: Inbox) -> None:
    picture = JPEG + b"x" * 1_000_000
    one = part(b"<a>1</a>", "application/xml") + part(picture, "image/jpeg")
    inbox.open.clear()
    async with (
        playing(saying(MIXED, *[one] * 8)) as device,
        at_work(http_stream(device.url, max_message="2 MiB"), inbox),
    ):
        await inbox.hold(2)
        inbox.open.set()
        await inbox.hold(8)
        assert inbox.most_at_once == 2


async def test_an_id_without_data_is_gone_on_from_too(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.begin("text/event-stream", body=b"id: 1\ndata: 1\n\nid: 2\n\n")

    async with playing(play) as device, at_work(http_stream(device.url), inbox):
        await until(lambda: len(device.heads) >= 2)
        assert "Last-Event-ID: 2\r\n" in device.heads[1]


async def test_a_later_is_waited_for_in_order(inbox: Inbox) -> None:
    inbox.receipts = [LATER, Receipt(ReceiptKind.ACCEPTED), LATER]
    async with playing(saying("text/plain", b"1\n2\n3\n4\n")) as device, at_work(http_stream(device.url), inbox):
        await until(lambda: len(inbox.kept) == 4)
    assert set(inbox.bodies) == {b"1", b"2", b"3", b"4"}


async def test_what_was_received_is_kept_when_it_is_stopped(inbox: Inbox) -> None:
    """A document that still waits for its pictures too."""
    async with playing(saying(MIXED, part(MOTION))) as device:
        connector = http_stream(device.url, pictures="1 h")
        async with at_work(connector, inbox) as (link, stop):
            await link.hear("up")
            await until(lambda: connector._staying is not None and connector._staying._heard)  # it was read, and waits
            stop()
        assert inbox.bodies == [MOTION]


async def test_a_dry_run_does_not_connect_unless_it_is_said_that_it_may(inbox: Inbox) -> None:
    async with playing(saying(MIXED, part(MOTION))) as device:
        async with at_work(http_stream(device.url), inbox, Mode.OBSERVE) as (link, _):
            await link.hear("a dry run does not connect")
        assert device.heads == []
        connector = http_stream(device.url, observe="connect")
        async with at_work(connector, inbox, Mode.OBSERVE):
            await inbox.hold(1)
            await until(lambda: connector.taken == 1)
