"""The HTTP stream connector: what devices say, and in what forms, becomes messages."""

from __future__ import annotations

import asyncio
import zlib

import pytest

from connectors.http_stream.events import LONGEST_PAUSE
from tests.connectors.conftest import LATER, Inbox
from tests.connectors.outgoing import at_rest, at_work, http_stream, until
from tests.connectors.stream_server import Viewer, part, playing, saying
from tests.vms.time_passes import pass_time

MIXED = "multipart/x-mixed-replace; boundary=myboundary"
MOTION = b"Code=VideoMotion;action=Start;index=0"
HEARTBEAT = b"Heartbeat"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40


# ------------------------------------------------------------------------------------------------------------- parts


async def test_each_part_is_a_message_in_its_order(inbox: Inbox) -> None:
    bodies = [MOTION, HEARTBEAT, b'Code=AlarmLocal;action=Start;index=1;data={\n "a" : 1\n}']
    async with playing(saying(MIXED, *map(part, bodies))) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(3)
        assert inbox.bodies == bodies
        first = inbox.messages[0]
        assert (first.origin.peer, first.origin.place, first.content_type) == ("127.0.0.1", "/events", "text/plain")
        assert first.position is None


async def test_a_part_is_taken_before_the_boundary_behind_it_comes(inbox: Inbox) -> None:
    """Cameras write a boundary before each part: the one behind an alarm comes with the next heartbeat."""
    whole_without_length = (
        b"--myboundary\r\nContent-Type: application/xml\r\n\r\n<?xml version='1.0'?>\n<a><b>1</b></a>\r\n"
    )
    for alarm in (part(MOTION), part(MOTION).removesuffix(b"\r\n"), whole_without_length):
        async with playing(saying(MIXED, alarm)) as device, at_work(http_stream(device.url), inbox):
            await inbox.hold(1)
        inbox.messages.clear()


async def test_wherever_the_bytes_are_cut(inbox: Inbox) -> None:
    stream = part(MOTION) + part(HEARTBEAT, end=b"\n") + b"\r\n" + part(JPEG, "image/jpeg")

    async def play(viewer: Viewer) -> None:
        await viewer.begin(MIXED)
        for at in range(len(stream)):
            await viewer.say(stream[at : at + 1])
            if at % 50 == 0:
                await asyncio.sleep(0)
        await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url, pictures="0 s"), inbox):
        await inbox.hold(3)
        assert inbox.bodies == [MOTION, HEARTBEAT, JPEG]


async def test_a_document_and_the_pictures_that_follow_it_are_one_message(inbox: Inbox) -> None:
    xml = b"<EventNotificationAlert><eventType>ANPR</eventType><picNum>2</picNum></EventNotificationAlert>"
    pieces = [part(xml, "application/xml"), part(JPEG, "image/jpeg"), part(JPEG + b"2", "image/pjpeg"), part(HEARTBEAT)]
    async with playing(saying(MIXED, *pieces)) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(2)
        plate, heartbeat = inbox.messages
        assert [(each.content_type, each.data) for each in plate.parts] == [
            ("application/xml", xml), ("image/jpeg", JPEG), ("image/jpeg", JPEG + b"2"),
        ]  # fmt: skip
        assert (plate.body, plate.content_type) == (b"", "multipart/mixed")
        assert (heartbeat.body, heartbeat.parts) == (HEARTBEAT, ())


async def test_a_document_that_says_how_many_pictures_follow_waits_for_those_alone(inbox: Inbox) -> None:
    """The wait for pictures is longer than the test: only the count can end it."""
    none = b"<Event><picNum>0</picNum></Event>"
    one = b'{"picNum": 1}'
    pieces = [part(none, "application/xml"), part(one, "application/json"), part(JPEG, "image/jpeg")]
    async with playing(saying(MIXED, *pieces)) as device:
        connector = http_stream(device.url, pictures="1 h", picture_count="picNum")
        async with at_work(connector, inbox):
            await inbox.hold(2)
            assert inbox.messages[0].body == none
            assert [each.data for each in inbox.messages[1].parts] == [one, JPEG]


async def test_what_is_too_long_is_left_out_and_said_and_the_next_is_taken(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    without_length = b"--myboundary\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 5000 + b"\r\n"
    pieces = [part(b"x" * 5000, "image/jpeg"), part(b"y" * 5000), without_length, part(MOTION)]
    async with playing(saying(MIXED, *pieces)) as device:
        connector = http_stream(device.url, max_message="4 KiB")
        async with at_work(connector, inbox):
            await inbox.hold(1)
            assert inbox.bodies == [MOTION]
        assert connector.counts["oversize"] == 3
        assert "longer than 4096 bytes and left out" in caplog.text


# ------------------------------------------------------------------------------------------------- lines and events


async def test_a_line_is_a_message_and_an_empty_one_is_a_sign_of_life(inbox: Inbox) -> None:
    play = saying("application/x-ndjson", b'{"a":1}\n\n{"b"', b":2}\r\n")
    async with playing(play) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(2)
        assert inbox.bodies == [b'{"a":1}', b'{"b":2}']
        assert inbox.messages[0].content_type == "application/json"


async def test_objects_are_found_by_their_braces(inbox: Inbox) -> None:
    play = saying("application/json", b'{"a":\n1}{"b":', b"2}")
    async with playing(play) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(2)
        assert inbox.bodies == [b'{"a":\n1}', b'{"b":2}']


async def test_a_chunked_answer_is_read_as_one(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.begin("application/x-ndjson", "Transfer-Encoding: chunked")
        await viewer.say(b'4\r\n{"a"\r\n')
        await viewer.say(b"4\r\n:1}\n\r\n")
        await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(1)
        assert inbox.bodies == [b'{"a":1}']


@pytest.mark.parametrize("coding", ["deflate", "gzip", "br"])
async def test_a_device_that_says_it_compresses_and_does_not_is_believed_its_text(inbox: Inbox, coding: str) -> None:
    async def play(viewer: Viewer) -> None:
        await viewer.begin(MIXED, f"Content-Encoding: {coding}", body=part(MOTION) + part(HEARTBEAT))
        await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(2)
        assert inbox.bodies == [MOTION, HEARTBEAT]


async def test_what_is_compressed_is_unpacked_as_it_comes(inbox: Inbox) -> None:
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)

    async def play(viewer: Viewer) -> None:
        await viewer.begin("text/event-stream", "Content-Encoding: gzip")
        for number in range(3):
            packed = packer.compress(b"data: %d\n\n" % number) + packer.flush(zlib.Z_SYNC_FLUSH)
            await viewer.say(packed[:4])
            await viewer.say(packed[4:])
            await inbox.hold(number + 1)
        await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(3)
        assert inbox.bodies == [b"0", b"1", b"2"]


@pytest.mark.shows("connector:http-stream", "samples")
async def test_server_sent_events_as_the_standard_has_them(inbox: Inbox) -> None:
    """The examples of WHATWG HTML 9.2.6, and every kind of line end."""
    stream = (
        b"\xef\xbb\xbf: this is a test stream\n\ndata: some text\n\ndata: another message\ndata: with two lines\n\n"
        b"event: add\r\ndata: 73857293\r\n\r\nevent: remove\rdata: 2153\r\rdata:  third\n\ndata\n\nid: 7\ndata: x\n\n"
    )

    async def play(viewer: Viewer) -> None:
        await viewer.begin("text/event-stream")
        for at in range(len(stream)):
            await viewer.say(stream[at : at + 1])
            await asyncio.sleep(0)
        await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(6)
        assert inbox.bodies == [
            b"some text", b"another message\nwith two lines", b"73857293", b"2153", b" third", b"x",
        ]  # fmt: skip
        assert [message.origin.attributes.get("event") for message in inbox.messages[:4]] == [
            None,
            None,
            "add",
            "remove",
        ]
        position = inbox.messages[5].position
        assert position is not None
        assert (position.name, position.value) == ("stream gate", "7")


async def test_after_a_cut_the_server_is_asked_to_go_on_behind_the_last_event(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        begin = int(viewer.header("Last-Event-ID") or 0)
        await viewer.begin("text/event-stream")
        for number in range(begin + 1, begin + 4):
            await viewer.say(f"id: {number}\ndata: {number}\n\n".encode())
        if begin < 9:
            await viewer.say(b"id: 99\ndata: cut o")
            viewer.cut()
        await viewer.gone()

    async with playing(play) as device, at_work(http_stream(device.url), inbox) as (link, _):
        await inbox.hold(9)
        assert [int(body) for body in inbox.bodies[:9]] == list(range(1, 10))
        assert "go on behind the last event" in await link.hear("up: back")


async def test_it_begins_behind_the_event_the_journal_knows(inbox: Inbox) -> None:
    inbox = Inbox()
    async with playing(saying("text/event-stream", b"id: a b-\xc3\xa9\ndata: 1\n\n")) as device:
        async with at_work(http_stream(device.url), inbox):
            await inbox.hold(1)
        position = inbox.messages[0].position
        assert position is not None
        inbox.positions[position.name] = position
        async with at_work(http_stream(device.url), inbox):
            await until(lambda: len(device.heads) == 2)
        assert "last-event-id: a b-é" in device.heads[1].encode("latin-1").decode("utf-8").lower()


async def test_events_with_ids_are_kept_one_after_the_other(inbox: Inbox) -> None:
    """The id on disk stands for everything before it: a second must not be kept while the first may still be lost."""
    inbox.receipts = [LATER, LATER]
    inbox.open.clear()
    stream = b"".join(f"id: {number}\ndata: {number}\n\n".encode() for number in range(5))
    async with playing(saying("text/event-stream", stream)) as device, at_work(http_stream(device.url), inbox):
        await inbox.hold(1)
        await at_rest(lambda: len(inbox.messages))
        inbox.open.set()
        await until(lambda: len(inbox.kept) == 5)
        assert inbox.most_at_once == 1
        assert inbox.bodies == [b"0", b"0", b"0", b"1", b"2", b"3", b"4"]


async def test_a_server_that_wants_a_pause_gets_it(inbox: Inbox) -> None:
    play = saying("text/event-stream", b"retry: 3600000\ndata: 1\n\n")
    async with playing(play) as device, at_work(http_stream(device.url, heartbeat="50 ms"), inbox) as (link, _):
        await link.hear("nothing came for")
        pass_time(LONGEST_PAUSE - 10)
        await at_rest(lambda: len(device.heads))
        assert len(device.heads) == 1
