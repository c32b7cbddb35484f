"""Late events in a VMS that puts everything at the moment it hears of it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bridge.delivery.expiry import in_words
from bridge.model import DeliveryState, Urgency
from tests.delivery.conftest import START, Room, event


def cannot_backdate(room: Room) -> None:
    room.vms.can = msgspec.structs.replace(room.vms.can, backdate=False)


async def test_a_notice_that_is_too_late_expires_and_says_by_how_much(room: Room) -> None:
    cannot_backdate(room)
    room.journal.add(event("old", at=START - timedelta(hours=3)), "gate")
    room.journal.add(event("new"), "gate")
    await room.start()
    assert room.vms.events() == ["new"]
    assert room.journal.rows[0].state is DeliveryState.EXPIRED
    assert room.journal.rows[0].why == "late by 3 h"


@pytest.mark.parametrize("urgency", [Urgency.ALARM, Urgency.FAULT])
async def test_a_late_alarm_says_so_in_its_title(room: Room, urgency: Urgency) -> None:
    cannot_backdate(room)
    room.journal.add(event("fire", urgency=urgency, at=START - timedelta(minutes=12, seconds=30)), "gate")
    await room.start()
    assert room.vms.record[0].title == "LATE 12 min: Door opened"


async def test_a_vms_that_can_back_date_gets_everything_as_it_was(room: Room) -> None:
    room.journal.add(event("old", at=START - timedelta(days=3)), "gate")
    room.journal.add(event("fire", urgency=Urgency.ALARM, at=START - timedelta(days=3)), "gate")
    await room.start()
    assert {(taken.event, taken.title) for taken in room.vms.record} == {
        ("old", "Door opened"),
        ("fire", "Door opened"),
    }


async def test_a_notice_that_may_have_been_taken_is_looked_for_before_it_expires(room: Room) -> None:
    from tests.delivery.scripted_vms import timed_out_after

    cannot_backdate(room)
    room.vms.lag = 4.0
    room.vms.script.append(timed_out_after)
    room.journal.add(event("1", at=START - timedelta(seconds=3599)), "gate")
    await room.start()
    await room.clock.advance(30.0)
    assert room.journal.rows[0].state is DeliveryState.DELIVERED


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.9, "59 s"), (755.0, "12 min"), (7300.0, "2 h"), (200000.0, "2 d")]
)
def test_how_late_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
