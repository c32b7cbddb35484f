"""A dry run shows everything that follows from the messages it was asked for, and knows when that is all."""

from __future__ import annotations

import io
import json
import os
import sys

import msgspec
import pytest

from bridge.cli.rehearsal import Rehearsal
from bridge.cli.telling import Teller
from bridge.journal.contract import LaneHead
from bridge.model import (
    Action,
    CameraId,
    ConnectorId,
    Decision,
    Delivered,
    Delivery,
    Fate,
    Instant,
    KeptMessage,
    Lane,
    Message,
    MessageId,
    NewDelivery,
    Origin,
    Piece,
    Retry,
    SensorId,
    StateChange,
    StateKey,
    Urgency,
    Verdict,
    VmsId,
)
from tests.control.conftest import AT, event

SENSOR = SensorId("gate-lpr")
HOLD = StateKey(SENSOR, "collapse", "car 1")


def message(number: int) -> KeptMessage:
    origin = Origin("10.0.0.21", "/gate")
    arrived = Message(connector=ConnectorId("lpr"), origin=origin, body=b"", arrived=Instant(AT, 0.0))
    return KeptMessage(id=MessageId(f"m{number}"), message=arrived)


def raised(number: int, *, timer: bool = False) -> Decision:
    one = event(number)
    new = NewDelivery(one.id, 0, CameraId("gate-in"), VmsId("cloud"), SENSOR, Action.RAISE, Urgency.ALARM)
    changes = (StateChange(HOLD, b"raised", expires=9e9),) if timer else ()
    verdict = () if timer else (Verdict(0, Fate.RAISED, SENSOR, one.id),)
    kept = None if timer else message(number)
    return Decision(
        at=Instant(AT, 0.0), message=kept, verdicts=verdict, events=(one,), deliveries=(new,), changes=changes
    )


def held(number: int) -> Decision:
    verdict = Verdict(0, Fate.COLLAPSED, SENSOR, event(number).id)
    change = StateChange(HOLD, b"held", due_in=3.0)
    return Decision(at=Instant(AT, 0.0), message=message(number), verdicts=(verdict,), changes=(change,))


def head(number: int) -> LaneHead:
    delivery = Delivery(event=event(number), camera=CameraId("gate-in"), vms=VmsId("cloud"))
    lane = Lane(SENSOR, CameraId("gate-in"), Urgency.ALARM)
    return LaneHead(lane=lane, delivery=delivery, ambiguous=False, begun_at=AT, ref=1)


def test_it_is_done_when_the_deliveries_of_the_asked_for_messages_were_shown() -> None:
    rehearsal = Rehearsal(Teller(as_json=True), 2)
    rehearsal.decided(raised(1))
    rehearsal.settled(head(1), Delivered())
    assert not rehearsal.done.is_set()
    rehearsal.decided(raised(2))
    rehearsal.settled(head(2), Retry("busy"))
    assert not rehearsal.done.is_set()
    rehearsal.settled(head(2), Delivered())
    assert rehearsal.done.is_set()


def test_it_waits_for_an_event_that_is_held() -> None:
    rehearsal = Rehearsal(Teller(as_json=True), 1)
    rehearsal.decided(held(1))
    assert (rehearsal.held, rehearsal.done.is_set()) == (1, False)
    rehearsal.decided(raised(1, timer=True))
    rehearsal.settled(head(1), Delivered())
    assert (rehearsal.held, rehearsal.done.is_set()) == (0, True)


def test_without_a_number_it_goes_on() -> None:
    rehearsal = Rehearsal(Teller(as_json=True), None)
    for number in range(10):
        rehearsal.decided(raised(number))
        rehearsal.settled(head(number), Delivered())
    assert not rehearsal.done.is_set()
    assert (rehearsal.messages, rehearsal.events) == (10, 10)


def test_it_ends_when_nobody_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with io.TextIOWrapper(io.FileIO(writer, "w"), write_through=True) as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        teller = Teller(as_json=False)
        rehearsal = Rehearsal(teller, None)
        rehearsal.decided(raised(1))
        assert teller.gone
        assert rehearsal.done.is_set()


def test_people_see_whose_it_is_what_it_means_and_where_it_goes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Teller(as_json=False).decision(raised(1))
    shown = capfdbinary.readouterr().out.decode()
    for words in (
        "lpr from 10.0.0.21 /gate: message m1",
        "item 0: raised (gate-lpr) into e1",
        "raises e1: alarm vehicle.identified momentary: Vehicle 1",
        "plate=ABC123",
        "to gate-in",
    ):
        assert words in shown


@pytest.mark.parametrize("body", [b'{"plate": "\xc3\x84"}', b"\xff\xd8\r\n\r\n--"])
def test_a_request_is_shown_byte_for_byte(body: bytes, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    wire = b"POST /x HTTP/1.1\r\nHost: a\r\n\r\n" + body
    Teller(as_json=False).request(VmsId("cloud"), CameraId("gate-in"), "raise the event", wire)
    assert (
        capfdbinary.readouterr().out
        == f"--- cloud gate-in: raise the event ({len(wire)} bytes)\n".encode() + wire + (b"\n---\n")
    )


def test_programs_get_a_request_as_text_where_it_is_text(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    teller = Teller(as_json=True)
    teller.request(VmsId("cloud"), None, "raise", b"POST /x\r\n\r\n{}")
    teller.request(VmsId("cloud"), None, "raise", b"\xff\xd8")
    text, binary = map(json.loads, capfdbinary.readouterr().out.splitlines())
    assert text["request"] == "POST /x\r\n\r\n{}"
    assert binary["request_base64"] == "/9g="


def test_a_delivery_that_is_settled_before_its_decision_is_told_counts_too() -> None:
    rehearsal = Rehearsal(Teller(as_json=True), 1)
    rehearsal.settled(head(1), Delivered())
    rehearsal.decided(raised(1))
    assert rehearsal.done.is_set()


def piece(number: int, place: int, last: bool) -> Decision:
    """A piece of message 1 that raises this event."""
    first = place == 0
    return msgspec.structs.replace(
        raised(number), message=message(1) if first else None, piece=Piece(MessageId("m1"), place, last)
    )


def test_it_waits_for_the_rest_of_a_message_that_is_decided_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    rehearsal = Rehearsal(Teller(as_json=False), 1)
    for number, made in enumerate((piece(1, 0, False), piece(2, 1, False), piece(3, 2, True)), 1):
        rehearsal.decided(made)
        assert not rehearsal.done.is_set()
        rehearsal.settled(head(number), Delivered())
        assert rehearsal.done.is_set() == (number == 3)
    assert (rehearsal.messages, rehearsal.events) == (1, 3)
    assert capsys.readouterr().out.count("message m1, more of it") == 2
