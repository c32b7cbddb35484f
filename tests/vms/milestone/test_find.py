"""Searching: how lists are sorted is not known, so either order has to do; and what cannot be known is not claimed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.model import Absent, Delivered, Found, Unanswered
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import DOCK, Alarm
from bridge.vms.milestone.listing import ALARMS, MOST_PAGES
from tests.vms.conftest import event, sent
from tests.vms.milestone.conftest import DOOR, LOG_IN, RAMP, Made, delivery
from tests.vms.time_passes import NEVER, outwaited

AT = event().occurred_at


def asked_for_alarms(xprotect: SimulatedMilestone) -> int:
    return sum(each.path.endswith("/alarms") for each in xprotect.asked)


def fill(xprotect: SimulatedMilestone, alarms: int, since: datetime = AT) -> None:
    for number in range(alarms):
        at = f"{(since + timedelta(seconds=number)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        xprotect.state.alarms.append(
            Alarm(str(number), "Motion", f"Motion [other-{number}.0] Yard; occurred: {at}; x: y", DOCK, at)
        )


@pytest.mark.parametrize("newest_first", [True, False])
async def test_it_is_found_whatever_the_order(xprotect: SimulatedMilestone, made: Made, newest_first: bool) -> None:
    xprotect.gateway.newest_first = newest_first
    fill(xprotect, 150)
    ours = made("alarms")
    raised = await sent(ours, delivery())
    assert isinstance(raised, Delivered)
    fill(xprotect, 150)
    assert await ours.find(delivery()) == Found(raised.remote_id)
    assert await ours.find(delivery(event(id="0197c3-1.00"))) == Absent()
    assert await ours.find(delivery(camera=RAMP)) == Absent()


async def test_a_long_list_that_goes_back_in_time_need_not_be_read_to_its_end(
    xprotect: SimulatedMilestone, made: Made
) -> None:
    fill(xprotect, ALARMS * (MOST_PAGES + 5), AT - timedelta(days=2))
    assert await made("alarms").find(delivery()) == Absent()
    assert len([each for each in xprotect.asked if each.method == "GET"]) == 1


async def test_a_long_list_that_does_not_tells_nothing(xprotect: SimulatedMilestone, made: Made) -> None:
    """Absent would be a lie, and a duplicate."""
    xprotect.gateway.newest_first = False
    fill(xprotect, ALARMS * (MOST_PAGES + 5), AT - timedelta(days=2))
    assert isinstance(await made("alarms").find(delivery()), Unanswered)


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.CUT_BEFORE, Kind.THROTTLED, Kind.BAD_GATEWAY])
async def test_a_search_that_fails_is_no_absence(xprotect: SimulatedMilestone, made: Made, kind: Kind) -> None:
    xprotect.faults.add(Fault(kind=kind, path="/alarms"))
    assert isinstance(await made("alarms").find(delivery()), Unanswered)


async def test_a_search_has_an_end(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.faults.add(Fault(kind=Kind.SLOW, path="/alarms", seconds=NEVER))
    found = await outwaited(made("alarms").find(delivery()), lambda: asked_for_alarms(xprotect))
    assert found == Unanswered("the search took too long")


async def test_pages_that_come_slowly_have_an_end_together(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.gateway.newest_first = False
    fill(xprotect, ALARMS * MOST_PAGES, AT - timedelta(days=2))
    found = await outwaited(made("alarms").find(delivery()), lambda: asked_for_alarms(xprotect) > 2)
    assert found == Unanswered("the search took too long")


async def test_an_alarm_that_speaks_of_another_is_not_that_other(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made("alarms")
    await sent(ours, delivery(event(id="2.0", title="After [0197c3-1.0] all", fields={"closes": "[0197c3-1.0]"})))
    assert await ours.find(delivery()) == Absent()


@pytest.mark.parametrize("sensor", ["Door [2.0] 17", "Door ; occurred: 17", "ř" * 400, "", "a;b"])
async def test_it_is_found_whatever_its_sensor_is_called(made: Made, sensor: str) -> None:
    ours = made("alarms")
    told = event(sensor_name=sensor)
    await sent(ours, delivery(event(sensor_name=sensor, title="LATE 12 min: Access denied"), possible_duplicate=True))
    assert isinstance(await ours.find(delivery(told)), Found)
    assert await ours.find(delivery(event(sensor_name=sensor, id="2.0"))) == Absent()


async def test_an_analytics_event_is_found_where_it_is_kept(xprotect: SimulatedMilestone, made: Made) -> None:
    ours = made(gateway=xprotect.base_url, search=True, **LOG_IN)
    assert await ours.find(delivery()) == Absent()
    raised = await sent(ours, delivery())
    assert isinstance(raised, Delivered)
    assert await ours.find(delivery()) == Found(raised.remote_id)
    assert await ours.find(delivery(camera=RAMP)) == Absent()
    closing = event(id="3.0", closes="4.0", title="4.0", fields={"customTag": "4.0"})
    await sent(ours, delivery(closing))
    assert await ours.find(delivery(event(id="4.0"))) == Absent()


async def test_what_cannot_be_searched_says_so(made: Made) -> None:
    for way in ("analytics", "events", "bookmarks", "generic", "ai-bridge"):
        ours = made(way)
        assert not ours.can.search
        assert await ours.find(delivery()) == Unanswered(f"what way {way} makes cannot be searched for")
    assert not made("alarms", search=False).can.search
    assert isinstance(await made("alarms").find(delivery(camera=DOOR + "x")), Unanswered)
