"""The steps against a ZoneMinder that behaves as the real one was seen to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from bridge.model import Absent, Action, Ambiguous, Blocked, Delivered, Found, Outcome, Rejected, Retry, Unanswered
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.zoneminder import SimulatedZoneMinder
from tests.vms.conftest import BOUND, Vault, event, sent
from tests.vms.time_passes import NEVER, SECONDS, outwaited, pass_time
from tests.vms.zoneminder.conftest import DOCK, GATE, GONE, Made, delivery

LOGIN = "/host/login.json"
LOOKED = "/events/index/"


def asked(zm: SimulatedZoneMinder, word: str) -> int:
    return sum(word in each.path for each in zm.asked)


async def in_vain(zm: SimulatedZoneMinder, sending: Coroutine[Any, Any, Outcome]) -> Outcome:
    """What becomes of it when it has looked for its event, and its time is over."""
    looked = asked(zm, LOOKED)
    return await outwaited(sending, lambda: asked(zm, LOOKED) > looked)


async def test_the_simulator_loses_an_event_with_an_apostrophe_as_the_real_one_does(zm: SimulatedZoneMinder) -> None:
    """What the whole cleaning is for: seen by running."""
    _, writer = await asyncio.open_connection("127.0.0.1", zm.trigger.port)
    writer.write(b"1|on+1|80|leak|it's wet\n")
    async with asyncio.timeout(BOUND):
        while not zm.database.refused:
            await asyncio.sleep(0.01)
    writer.close()
    assert zm.events == []


async def test_an_event_has_its_text_its_notes_and_its_score(zm: SimulatedZoneMinder, made: Made) -> None:
    assert await sent(made(), delivery()) == Delivered("1")
    (there,) = zm.events
    assert (there.cause, there.max_score) == ("Access denied", 20)
    assert there.notes.startswith("Access denied: [0197c3-1.0] Door 17: Access denied; vendor: acme;")
    assert 'detail: {"vendor":"acme","card":"00931","reason":"expired"}' in there.notes


async def test_over_the_api_the_cause_is_written_and_the_alarm_is_ended_before_the_notes(
    zm: SimulatedZoneMinder, made: Made
) -> None:
    assert await sent(made(way="rest"), delivery()) == Delivered("1")
    (there,) = zm.events
    assert there.cause == "Access denied"
    assert there.notes.startswith("Access denied\nbridge_event: 0197c3-1.0\n")
    assert zm.monitors[1].forced is None
    assert zm.trigger.lines == []


async def test_two_at_once_on_one_monitor_are_both_there(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    """A text that comes before the one before was looked at overwrites it."""
    ours = made(way=way)
    told = [delivery(event(id=f"{number}.0", title=f"Event {number}")) for number in range(5)]
    async with asyncio.TaskGroup() as group:
        for each in told:
            group.create_task(sent(ours, each))
    for each in told:
        assert isinstance(await ours.find(each), Found)


async def test_another_monitor_does_not_wait(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    ours = made(way=way)
    zm.trigger.lose = 1
    zm.faults.add(Fault(kind=Kind.SLOW, path="id:1/command:on", seconds=NEVER))
    waiting = asyncio.create_task(sent(ours, delivery()))
    await asyncio.sleep(0)
    while not (zm.trigger.lines or asked(zm, "id:1/command:on")):
        await asyncio.sleep(0.01)
    assert isinstance(await sent(ours, delivery(event(id="2.0"), camera=GATE)), Delivered)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_line_that_is_lost_is_in_doubt_and_not_there(zm: SimulatedZoneMinder, made: Made) -> None:
    """As some versions lose two of three (its issue 4787)."""
    ours = made()
    zm.trigger.lose = 1
    outcome = await in_vain(zm, sent(ours, delivery()))
    assert isinstance(outcome, Ambiguous)
    assert not outcome.away
    assert await ours.find(delivery()) == Absent()
    assert isinstance(await sent(ours, delivery()), Delivered)


async def test_a_kept_connection_that_was_cut_meanwhile_is_made_anew(zm: SimulatedZoneMinder, made: Made) -> None:
    ours = made()
    await sent(ours, delivery(event(id="1.0")))
    await zm.trigger.stop()
    cut = await in_vain(zm, sent(ours, delivery(event(id="2.0"))))
    assert isinstance(cut, Retry | Ambiguous)  # it may have been written
    assert isinstance(await sent(ours, delivery(event(id="2.0"))), Retry)
    await zm.trigger.listen()
    assert isinstance(await sent(ours, delivery(event(id="2.0"))), Delivered)


async def test_the_turn_of_one_that_failed_goes_to_the_next(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    ours = made(way=way)
    zm.trigger.lose = 1
    zm.faults.add(Fault(kind=Kind.SERVER_ERROR, path="command:on", next=1))
    assert isinstance(await in_vain(zm, sent(ours, delivery(event(id="1.0")))), Ambiguous)
    assert isinstance(await sent(ours, delivery(event(id="2.0"))), Delivered)


async def test_a_turn_that_nobody_gives_back_ends_by_itself(zm: SimulatedZoneMinder, made: Made) -> None:
    ours = made()
    first, *_ = ours.render(delivery(event(id="1.0")))
    assert isinstance(await ours.send(first), Delivered)
    busy = await outwaited(sent(ours, delivery(event(id="2.0"))))
    assert isinstance(busy, Retry)
    assert not busy.away
    pass_time(4 * SECONDS)
    assert isinstance(await sent(ours, delivery(event(id="2.0"))), Delivered)


# --------------------------------------------------------------------------------------------------------- going on


@pytest.mark.parametrize("kind", [Kind.CUT_BEFORE, Kind.SERVER_ERROR, Kind.UNAVAILABLE])
async def test_notes_that_fail_are_gone_on_with_and_no_second_alarm_is_forced(
    zm: SimulatedZoneMinder, made: Made, way: str, kind: Kind
) -> None:
    ours = made(way=way)
    zm.faults.add(Fault(kind=kind, method="PUT", next=1))
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    assert await ours.find(delivery()) == Absent()
    assert await sent(ours, delivery()) == Delivered("1")
    assert len(zm.trigger.lines) + asked(zm, "command:on") == 1
    assert len(zm.events) == 1


async def test_what_came_between_a_failure_and_going_on_is_kept(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    ours = made(way=way)
    first, second = delivery(event(id="1.0", title="One")), delivery(event(id="2.0", title="Two"))
    zm.faults.add(Fault(kind=Kind.SERVER_ERROR, method="PUT", next=1))
    assert isinstance(await sent(ours, first), Ambiguous)
    assert isinstance(await sent(ours, second), Delivered)
    assert isinstance(await sent(ours, first), Delivered)
    for each in (first, second):
        assert isinstance(await ours.find(each), Found)
    if way == "socket" and len(zm.events) == 1:
        assert "[1.0]" in zm.events[0].notes
        assert "[2.0]" in zm.events[0].notes


async def test_one_that_was_deleted_meanwhile_is_forced_again(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    ours = made(way=way)
    zm.faults.add(Fault(kind=Kind.SERVER_ERROR, method="PUT", next=1))
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    async with asyncio.timeout(BOUND):
        while zm.monitors[1].event is not None:
            await asyncio.sleep(0.01)
    zm.database.events.clear()
    assert isinstance(await in_vain(zm, sent(ours, delivery())), Ambiguous)
    assert isinstance(await sent(ours, delivery()), Delivered)


async def test_what_a_bridge_before_left_half_done_is_gone_on_with(zm: SimulatedZoneMinder, made: Made) -> None:
    """It was killed between the alarm and the notes: the search finds the short text."""
    before = made()
    for request in before.render(delivery())[:2]:
        await before.send(request)
    ours = made()
    assert await ours.find(delivery()) == Absent()
    assert await sent(ours, delivery()) == Delivered("1")
    assert len(zm.trigger.lines) == 1
    assert await ours.find(delivery()) == Found("1")


async def test_over_the_api_an_alarm_that_was_left_on_is_ended_by_the_next_try(
    zm: SimulatedZoneMinder, made: Made
) -> None:
    before = made(way="rest")
    await before.send(before.render(delivery())[0])
    assert zm.monitors[1].forced is not None
    ours = made(way="rest")
    assert await ours.find(delivery()) == Absent(surely=False)  # its event has nothing of ours in it yet
    assert await sent(ours, delivery()) == Delivered("1")
    assert zm.monitors[1].forced is None
    assert len(zm.events) == 1


async def test_notes_that_are_refused_for_good_leave_the_short_text_or_a_dead_letter(
    zm: SimulatedZoneMinder, made: Made, way: str
) -> None:
    ours = made(way=way)
    zm.faults.add(Fault(kind=Kind.SERVER_ERROR, method="PUT"))
    assert isinstance(await sent(ours, delivery()), Ambiguous)
    outcome = await sent(ours, delivery())
    if way == "socket":
        assert isinstance(outcome, Delivered)
        assert "does not take the notes" in outcome.note
    else:
        assert isinstance(outcome, Rejected)


async def test_who_may_not_write_notes_is_parked_and_told_which_right_is_missing(
    zm: SimulatedZoneMinder, made: Made, way: str
) -> None:
    zm.users.may_edit = False
    outcome = await sent(made(way=way), delivery())
    assert isinstance(outcome, Blocked)
    assert "right to edit events" in outcome.why


# -------------------------------------------------------------------------------------------------- amending, searching


async def test_an_amendment_takes_the_place_of_what_it_amends_and_leaves_others(
    zm: SimulatedZoneMinder, made: Made, way: str
) -> None:
    ours = made(way=way)
    first, second = delivery(event(id="1.0", title="One")), delivery(event(id="2.0", title="Two"))
    await sent(ours, first)
    await sent(ours, second)
    later = event(id="1.0", title="One, corrected", revision=1)
    amendment = delivery(later, Action.AMEND, remote_id="1")
    assert await ours.find(amendment) == Absent()
    assert await sent(ours, amendment) == Delivered("1")
    assert await ours.find(amendment) == Found("1")
    assert await ours.find(second) == Found("1")
    (there,) = zm.events
    assert "One, corrected\nbridge_event: 1.0\nrevision: 1" in there.notes
    assert there.notes.count("bridge_event: 1.0") == 1


async def test_an_event_that_is_gone_cannot_be_amended(made: Made) -> None:
    amendment = delivery(event(revision=1), Action.AMEND, remote_id="77")
    assert isinstance(await sent(made(), amendment), Rejected)


async def test_the_search_does_not_take_one_id_for_another(zm: SimulatedZoneMinder, made: Made) -> None:
    ours = made()
    await sent(ours, delivery(event(id="0197c3-1.01")))
    assert await ours.find(delivery(event(id="0197c3-1.0"))) == Absent()
    assert await ours.find(delivery(event(id="0197c3-1.0"), camera=GATE)) == Absent()
    assert await ours.find(delivery(event(id="0197c3-1x01"))) == Absent()
    assert await ours.find(delivery(event(id="0197c3-1.01"), camera=GATE)) == Absent()


async def test_an_event_that_is_on_one_monitor_is_not_taken_for_there_on_another(
    zm: SimulatedZoneMinder, made: Made
) -> None:
    ours = made()
    assert isinstance(await sent(ours, delivery()), Delivered)
    zm.trigger.lose = 1
    assert isinstance(await in_vain(zm, sent(ours, delivery(camera=GATE))), Ambiguous)
    assert await ours.find(delivery(camera=GATE)) == Absent()


async def test_ids_as_text_are_read_as_well(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    zm.api.numbers_as_text = True
    ours = made(way=way)
    assert await sent(ours, delivery()) == Delivered("1")
    assert await ours.find(delivery()) == Found("1")


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.BAD_GATEWAY, Kind.CUT_BEFORE, Kind.UNAUTHORIZED])
async def test_a_search_without_an_answer_says_nothing(zm: SimulatedZoneMinder, made: Made, kind: Kind) -> None:
    zm.faults.add(Fault(kind=kind, path="/events/index"))
    assert isinstance(await made().find(delivery()), Unanswered)


# --------------------------------------------------------------------------------------------------------------- limits


async def test_a_monitor_that_is_not_there_parks_its_camera(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    outcome = await in_vain(zm, sent(made(way=way), delivery(camera=GONE)))
    assert isinstance(outcome, Blocked)
    assert not outcome.whole_vms


@pytest.mark.parametrize("function", ["None", "Monitor"])
async def test_a_monitor_that_takes_no_alarms_is_told_with_what_to_do(
    zm: SimulatedZoneMinder, made: Made, way: str, function: str
) -> None:
    zm.monitors[1].function = function
    outcome = await in_vain(zm, sent(made(way=way), delivery()))
    if way == "rest" and function == "None":
        assert isinstance(outcome, Retry)
    else:
        assert isinstance(outcome, Blocked)
        assert "Nodect" in outcome.why


async def test_a_monitor_that_its_user_may_not_see_is_not_forced_again_and_again(
    zm: SimulatedZoneMinder, made: Made
) -> None:
    zm.users.sees = frozenset({2})
    outcome = await in_vain(zm, sent(made(), delivery()))
    assert outcome == Blocked("ZoneMinder's user may not see monitor 1")


# --------------------------------------------------------------------------------------------------------------- tokens


async def test_a_token_is_fetched_once_and_again_when_it_is_refused(zm: SimulatedZoneMinder, made: Made) -> None:
    ours = made()
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(sent(ours, delivery(event(id=f"{number}.0"), camera=(DOCK, GATE)[number % 2])))
    assert asked(zm, LOGIN) == 1
    zm.users.forget()
    assert isinstance(await sent(ours, delivery(event(id="5.0"))), Delivered)
    assert asked(zm, LOGIN) == 2


async def test_where_nobody_is_asked_to_log_in_no_token_is_sent(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    zm.users.name = None
    for ours in (made(way=way), made(way=way, user="", password=None)):
        assert isinstance(await sent(ours, delivery(event(id=str(id(ours))))), Delivered)
    assert not any("token" in each.query for each in zm.asked)


async def test_a_refused_log_in_parks_the_whole_vms_before_anything_is_forced(
    zm: SimulatedZoneMinder, made: Made, way: str
) -> None:
    outcome = await sent(made(Vault(zm="wrong"), way=way), delivery())
    assert isinstance(outcome, Blocked)
    assert outcome.whole_vms
    assert "wrong" not in outcome.why
    assert zm.trigger.lines == []
    assert asked(zm, "command:on") == 0


async def test_nothing_shows_a_password_or_a_token(zm: SimulatedZoneMinder, made: Made, way: str) -> None:
    """Its errors repeat the URL they were asked with."""
    ours = made(way=way)
    await sent(ours, delivery(event(id="1.0")))
    (token,) = zm.users.tokens
    zm.users.may_edit = False
    told = repr(await sent(ours, delivery())) + repr(await ours.find(delivery())) + repr(await ours.check([GONE]))
    told += repr(ours.render(delivery())) + repr(vars(ours))
    assert token not in told
    assert "first pass" not in told


async def test_a_log_in_page_in_the_place_of_the_api_is_surely_not_taken(zm: SimulatedZoneMinder, made: Made) -> None:
    outcome = await sent(made(url=zm.base_url.replace("/zm", "/elsewhere")), delivery())
    assert isinstance(outcome, Retry)
    assert zm.trigger.lines == []
