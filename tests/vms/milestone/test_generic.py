"""Generic events over TCP and UDP, and the AI Bridge's topic."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec
import pytest

from bridge.model import Ambiguous, Blocked, Delivered, Media, MediaId, Rejected, Retry
from bridge.simulator.milestone import SimulatedMilestone
from bridge.vms.base import PLAIN
from bridge.vms.datagrams import LOOKED_UP_EVERY
from tests.vms.conftest import BOUND, Played, answer, event, said, sent
from tests.vms.milestone.conftest import RAMP, Made, delivery, target
from tests.vms.time_passes import outwaited, pass_time

LINE = (
    b"vms-bridge access.denied momentary notice door Access denied [0197c3-1.0] Door 17; "
    b"occurred: 2026-02-03T10:15:30.250000Z; vendor: acme; card: 00931; reason: expired; type: access.denied; "
    b"urgency: notice; sensor: door-17; kind: door; site: harbour; arrived: 2026-02-03T10:15:30.500000Z; "
    b'clock_offset: -0.250; detail: {"vendor":"acme","card":"00931","reason":"expired"}\r\n'
)


async def test_a_line_is_sent_as_it_is_shown_and_its_echo_tells(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("generic")
    (request,) = ours.render(delivery())
    assert request.method == PLAIN
    assert request.url == f"tcp://127.0.0.1:{xprotect.source.port}"
    assert ours.shown(request) == LINE
    assert await ours.send(request) == Delivered(note="1 generic events matched")
    assert xprotect.state.lines == [LINE]


async def test_a_text_that_no_generic_event_matches_is_not_delivered(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.state.generic_events = {"another"}
    outcome = await sent(made("generic"), delivery())
    assert isinstance(outcome, Rejected)
    assert "no generic event" in outcome.why


@pytest.mark.parametrize("echo", ["all", "none"])
async def test_the_echo_is_what_the_site_says(xprotect: SimulatedMilestone, made: Made, echo: str) -> None:
    xprotect.source.echo = echo
    assert isinstance(await sent(made("generic", echo=echo), delivery()), Delivered)
    await asyncio.wait_for(xprotect.source.arrived.wait(), BOUND)
    assert xprotect.state.lines == [LINE]


async def test_an_echo_of_something_else_is_no_word_of_success(made: Made) -> None:
    """Who answers is not the data source: a web server at that port, say."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n".ljust(len(line) + 1))
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await sent(made("generic", echo="all", generic=f"tcp://127.0.0.1:{port}"), delivery())
    assert outcome == Ambiguous("the echo is not the one that echo says")


async def test_an_echo_that_does_not_come_is_in_doubt(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.source.silent = True
    outcome = await outwaited(sent(made("generic"), delivery()), lambda: xprotect.state.lines)
    assert isinstance(outcome, Ambiguous)
    assert outcome.away


async def test_a_connection_that_is_cut_before_its_echo_is_in_doubt(made: Made) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await sent(made("generic", generic=f"tcp://127.0.0.1:{port}"), delivery())
    assert isinstance(outcome, Ambiguous)
    assert not outcome.away


async def test_nobody_there_is_surely_not_taken(xprotect: SimulatedMilestone, made: Made) -> None:
    await xprotect.source.stop()
    outcome = await sent(made("generic"), delivery())
    assert isinstance(outcome, Retry)
    assert outcome.away


async def test_a_datagram_is_sent_and_says_that_nobody_answers(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("generic", generic=f"udp://127.0.0.1:{xprotect.source.port}")
    outcome = await sent(ours, delivery())
    assert isinstance(outcome, Delivered)
    assert "not known" in outcome.note
    await asyncio.wait_for(xprotect.source.arrived.wait(), BOUND)
    assert xprotect.state.lines == [LINE]


async def test_a_datagram_to_a_name_nobody_knows_is_surely_not_taken(made: Made) -> None:
    outcome = await sent(made("generic", generic="udp://no.such.host.invalid:1234"), delivery())
    assert isinstance(outcome, Retry)
    assert outcome.away


async def test_a_datagram_that_nobody_takes_is_told_by_the_next_at_the_latest(made: Made) -> None:
    """The system of the other machine says so, if it does, when the datagram is gone."""
    with socket.socket(type=socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.connect(("127.0.0.1", 9))  # takes datagrams from there alone, and nobody else can have the port
        ours = made("generic", generic=f"udp://127.0.0.1:{deaf.getsockname()[1]}")
        assert isinstance(await sent(ours, delivery()), Delivered)
        async with asyncio.timeout(BOUND):
            while isinstance(outcome := await sent(ours, delivery()), Delivered):
                await asyncio.sleep(0)
    assert isinstance(outcome, Retry)
    assert outcome.away
    assert "nobody took the datagram before" in outcome.why


async def test_what_is_longer_than_a_datagram_is_refused_and_never_called_delivered(made: Made) -> None:
    ours = made("generic", generic="udp://127.0.0.1:9")
    (request,) = ours.render(delivery())
    outcome = await ours.send(msgspec.structs.replace(request, body=b"x" * 70_000))
    assert isinstance(outcome, Rejected)
    assert "text_limit" in outcome.why


async def test_a_name_is_looked_up_again(xprotect: SimulatedMilestone, made: Made) -> None:
    """Else datagrams to a machine that has moved would be lost for ever without a word."""
    ours = made("generic", generic=f"udp://localhost:{xprotect.source.port}")
    looked = 0
    loop = asyncio.get_running_loop()
    look_up = loop.getaddrinfo

    async def counted(*arguments: Any, **more: Any) -> Any:
        nonlocal looked
        looked += 1
        return await look_up(*arguments, **{**more, "family": socket.AF_INET})

    loop.getaddrinfo = counted  # type: ignore[method-assign]
    for number in range(3):
        assert isinstance(await sent(ours, delivery(event(id=f"{number}.0"))), Delivered)
    assert looked == 1
    pass_time(LOOKED_UP_EVERY)
    assert isinstance(await sent(ours, delivery()), Delivered)
    assert looked == 2


def test_a_text_is_one_line_in_the_characters_of_its_source() -> None:
    told = event(title="Příjezd\r\nvms-bridge fire 车", fields={}, detail=b"")
    (request,) = target("generic", separator="none", characters="latin-1").render(delivery(told))
    assert b"\n" not in request.body
    assert "P?íjezd  vms-bridge fire ? [0197c3-1.0] Door 17; " in request.body.decode("latin-1")
    (whole,) = target("generic").render(delivery(told))
    assert whole.body.count(b"\n") == 1
    assert whole.body.endswith(b"\r\n")


def test_a_long_text_is_shortened_between_fields() -> None:
    (request,) = target("generic").render(delivery(event(fields={f"pole_{n}": "hodnota" for n in range(500)})))
    assert len(request.body) < 700
    assert b"more in event 0197c3-1.0]" in request.body


# ------------------------------------------------------------------------------------------------------- the AI Bridge


async def test_the_address_of_a_topic_is_asked_for_once(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("ai-bridge")
    for number in range(3):
        assert isinstance(await sent(ours, delivery(event(id=f"{number}.0"))), Delivered)
    assert [each.path for each in xprotect.asked] == ["/graphql", *["/topics/alerts"] * 3]
    assert [each["tag"] for each in xprotect.state.posted] == ["0.0", "1.0", "2.0"]


async def test_a_topic_that_nobody_registered_parks_the_whole_vms(xprotect: SimulatedMilestone, made: Made) -> None:
    outcome = await sent(made("ai-bridge", topic="nobody's"), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert xprotect.state.posted == []


async def test_a_page_is_not_the_word_of_the_ai_bridge(vms: Played, made: Made) -> None:
    place = f"http://127.0.0.1:{vms.port}"
    told = {"data": {"eventTopics": [{"topicAvailability": {"rest": f"{place}/topic"}}]}}
    vms.script = [said(200, told), answer(200, b"<html><title>Welcome</title>")]
    assert isinstance(await sent(made("ai-bridge", ai_bridge=f"{place}/graphql"), delivery()), Ambiguous)


async def test_a_topic_tells_its_cameras_and_pictures(xprotect: SimulatedMilestone, made: Made) -> None:
    media = Media(MediaId("1"), "image/jpeg", 3, "vehicle")
    told = event(media=(media,), fields={"plate": "1AB 2345"})
    await sent(made("ai-bridge"), delivery(told, camera=RAMP, pictures={media.id: b"\xff\xd8\xff"}))
    (posted,) = xprotect.state.posted
    assert posted["fromSource"] == {"type": "Reference", "uuid": "1c5b3f8f-2222-4333-8444-a55556666777"}
    assert posted["relatedTo"] == [{"type": "Reference", "uuid": "0b4a2f7e-1111-4222-8333-944445555666"}]
    assert posted["includesSnapshot"] == [{"type": "Snapshot", "name": "vehicle", "imageData": "/9j/"}]
    assert posted["involvedObject"] == [{"type": "Object", "name": "plate", "readout": "1AB 2345"}]
