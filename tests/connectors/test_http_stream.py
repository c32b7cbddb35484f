"""The HTTP stream connector against devices that behave, and that do not."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import ssl
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.model import Origin, Receipt, ReceiptKind
from connectors.base import Connector, Mode
from connectors.http_stream import HttpStreamAddress, HttpStreamSettings
from tests.connectors.conftest import LATER, Inbox, Vault
from tests.connectors.outgoing import at_work, http_poll, http_stream, until
from tests.connectors.stream_server import Play, Viewer, part, playing

CERTIFICATE = Path(__file__).with_name("certificate") / "certificate.pem"
MIXED = "multipart/x-mixed-replace; boundary=myboundary"
MOTION = b"Code=VideoMotion;action=Start;index=0"
HEARTBEAT = b"Heartbeat"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40


def saying(content_type: str, *pieces: bytes) -> Play:
    async def play(viewer: Viewer) -> None:
        await viewer.begin(content_type)
        for piece in pieces:
            await viewer.say(piece)
        await viewer.gone()

    return play


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
        await asyncio.sleep(0.1)
        inbox.open.set()
        await until(lambda: len(inbox.kept) == 5)
        assert inbox.most_at_once == 1
        assert inbox.bodies == [b"0", b"0", b"0", b"1", b"2", b"3", b"4"]


async def test_a_server_that_wants_a_pause_gets_it(inbox: Inbox) -> None:
    play = saying("text/event-stream", b"retry: 3600000\ndata: 1\n\n")
    async with playing(play) as device, at_work(http_stream(device.url, heartbeat="50 ms"), inbox) as (link, _):
        await link.hear("nothing came for")
        await asyncio.sleep(0.2)
        assert len(device.heads) == 1


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
        async with at_work(http_stream(device.url, heartbeat="30 ms"), inbox) as (link, _):
            await until(lambda: len(device.heads) >= 4)
        assert [word.partition(" ")[0] for word in link.said] == ["up:", "down:"]
        assert re.search("nothing (complete )?came for 0.03 s", link.said[1])
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
    async with playing(play) as device, at_work(http_stream(device.url, heartbeat="500 ms"), inbox) as (link, _):
        await inbox.hold(64)
        await asyncio.sleep(0.7)  # longer than the heartbeat: what waits for us is no silence of the device
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
        connector = http_stream(device.url, max_message="400 kB", pictures="0 s", heartbeat="600 ms")
        async with at_work(connector, inbox) as (link, _):
            await inbox.hold(1)
            await asyncio.sleep(1.0)
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


# ------------------------------------------------------------------------------------------------------- credentials


async def test_credentials_are_sent_and_never_shown(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vault = Vault(login="Aladdin:open sesame", token="t-12345", key="k-12345", header="h-12345")
    async with playing(saying(MIXED, part(MOTION))) as device:
        settings = {"query": {"key": "secret:key", "codes": "[All]"}, "headers": {"X-Auth-Token": "secret:header"}}
        async with at_work(http_stream(device.url, vault, basic="secret:login", **settings), inbox) as (link, _):
            await inbox.hold(1)
        connector = http_stream(device.url, vault, bearer="secret:token")
        async with at_work(connector, inbox):
            await inbox.hold(2)
        assert device.heads[0].startswith("GET /events?key=k-12345&codes=%5BAll%5D HTTP/1.1\r\n")
        assert f"Authorization: Basic {base64.b64encode(b'Aladdin:open sesame').decode()}\r\n" in device.heads[0]
        assert "X-Auth-Token: h-12345\r\n" in device.heads[0]
        assert "Authorization: Bearer t-12345\r\n" in device.heads[1]
        shown = f"{caplog.text} {link.said} {connector._settings!r}"
        assert not [text for text in vault.texts.values() if text in shown]


@pytest.mark.parametrize("secret", ["op\0en-sesame", "open-sesame-é"])
@pytest.mark.parametrize("make", [http_stream, http_poll])
async def test_a_secret_that_cannot_stand_in_a_header_is_not_shown_either(
    inbox: Inbox, secret: str, make: Callable[..., Connector]
) -> None:
    async with playing(saying(MIXED, part(MOTION))) as device:
        connector = make(device.url, Vault(camera=secret), bearer="secret:camera")
        async with at_work(connector, inbox) as (link, _):
            said = await link.hear("down")
            assert "sesame" not in said
        assert device.heads == []


async def test_a_digest_is_answered_as_cameras_want_it(inbox: Inbox) -> None:
    """RFC 7616 with qop=auth; the answer is compared with one worked out by hand from the standard's formula."""
    from hashlib import md5

    async def play(viewer: Viewer) -> None:
        shown = viewer.header("Authorization")
        if shown is None:
            challenge = 'WWW-Authenticate: Digest realm="cam", qop="auth", nonce="abc", opaque="o"'
            await viewer.answer("401 Unauthorized", challenge)
            return
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', shown))
        a1, a2 = md5(b"admin:cam:pass word").hexdigest(), md5(f"GET:{said['uri']}".encode()).hexdigest()
        wanted = md5(f"{a1}:abc:{said['nc']}:{said['cnonce']}:auth:{a2}".encode()).hexdigest()
        if said["response"] != wanted:
            await viewer.answer("401 Unauthorized")
            return
        await viewer.begin(MIXED, body=part(MOTION))
        await viewer.gone()

    vault = Vault(camera="admin:pass word")
    async with playing(play) as device:
        connector = http_stream(device.url, vault, digest="secret:camera", query={"codes": "[All]", "heartbeat": 5})
        async with at_work(connector, inbox):
            await inbox.hold(1)


@pytest.mark.shows("connector:http-stream", "credentials")
async def test_refused_credentials_are_said_with_what_to_do_and_read_anew(inbox: Inbox) -> None:
    async def play(viewer: Viewer) -> None:
        if viewer.header("Authorization") != "Bearer new":
            await viewer.answer("401 Unauthorized")
            return
        await viewer.begin(MIXED, body=part(MOTION))
        await viewer.gone()

    vault = Vault(camera="old")
    async with playing(play) as device:
        async with at_work(http_stream(device.url, vault, bearer="secret:camera"), inbox) as (link, _):
            assert await link.hear("down") == f"down: {device.url} refuses us (401): see its secrets"
            vault.texts["camera"] = "new"
            await inbox.hold(1)
        assert vault.fresh > 0
        assert link.said[1:] == [f"up: connected to {device.url}"]


async def test_a_refusal_is_not_tried_again_soon(inbox: Inbox) -> None:
    """Some cameras lock the account."""

    async def play(viewer: Viewer) -> None:
        await viewer.answer("401 Unauthorized")

    async with playing(play) as device:
        connector = http_stream(device.url, Vault(camera="x"), bearer="secret:camera")
        connector.refused_pause = 3600.0
        async with at_work(connector, inbox) as (link, _):
            await link.hear("down")
            await asyncio.sleep(0.2)
            assert len(device.heads) == 1


async def test_over_tls_the_server_has_to_be_who_it_should(inbox: Inbox) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("key.pem"))
    async with playing(saying(MIXED, part(MOTION)), tls) as device:
        url = device.url.replace("http:", "https:")
        async with at_work(http_stream(url), inbox) as (link, _):
            assert "cannot be asked" in await link.hear("down")
        own = http_stream(url.replace("127.0.0.1", "localhost"), tls={"ca_file": str(CERTIFICATE)})
        async with at_work(own, inbox) as (link, _):
            await inbox.hold(1)
        async with at_work(http_stream(url, tls={"fingerprint": "0" * 64}), inbox) as (link, _):
            await link.hear("not the pinned")
        assert len(device.heads) == 1, "nothing is asked of a server that is another"


# ------------------------------------------------------------------------------------------------ probing, settings


async def test_a_probe_opens_the_stream_only_where_it_may(inbox: Inbox) -> None:
    async def refuse(viewer: Viewer) -> None:
        await viewer.answer("401 Unauthorized")

    async with playing(saying(MIXED, part(MOTION))) as device:
        (found,) = await http_stream(device.url).probe()
        assert found.ok
        assert "can be reached" in found.what
        (found,) = await http_stream(device.url, observe="connect").probe()
        assert found.ok
        assert "its answer is a stream" in found.what
        assert len(device.heads) == 1
        device.play = refuse
        (found,) = await http_stream(device.url, observe="connect").probe()
        assert not found.ok
        assert "refuses us (401)" in found.what
    (found,) = await http_stream(device.url).probe()
    assert not found.ok
    assert "cannot be reached" in found.what
    (found,) = await http_stream(device.url, bearer="secret:nobody").probe()
    assert not found.ok


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "http://admin:x@10.0.0.41/"}, "credentials do not stand in the URL"),
        ({"url": "http://10.0.0.41/?a=1"}, "parameters do not stand in the URL"),
        ({"digest": "secret:a", "bearer": "secret:b"}, "give one authorization"),
        ({"heartbeat": "0 s"}, "write how long"),
        ({"pictures": "0 s", "picture_count": "picNum"}, "joins none"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HttpStreamSettings.model_validate({"url": "http://10.0.0.41/x", **settings})


@pytest.mark.parametrize("off", ["off", False])
def test_the_heartbeat_may_be_off(off: object) -> None:
    assert HttpStreamSettings.model_validate({"url": "http://10.0.0.41/x", "heartbeat": off}).silence is None


def test_an_address_may_ask_for_the_events_of_one_name() -> None:
    door, any_event = HttpStreamAddress(event="door"), HttpStreamAddress()
    told = Origin("127.0.0.1", "/events", attributes={"event": "door"})
    assert door.matches(told)
    assert any_event.matches(told)
    assert not door.matches(Origin("127.0.0.1", "/events"))
    assert HttpStreamAddress(event="message").matches(Origin("127.0.0.1", "/events")), "the standard's own name"


def test_a_firewall_needs_the_server_and_where_tokens_are() -> None:
    oauth2 = {"token_url": "https://login.example/token", "client_id": "we", "client_secret": "secret:we"}
    settings = HttpStreamSettings.model_validate({"url": "https://10.0.0.41:8443/x", "oauth2": oauth2})
    found = http_stream("http://127.0.0.1/").reaches(settings, [])
    assert [(each.peer, each.port, each.inbound) for each in found] == [
        ("10.0.0.41", 8443, False), ("login.example", 443, False),
    ]  # fmt: skip
