"""XProtect's own record: what can be told of it, and what is said of the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.model import CameraId
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import DOCK, Alarm
from bridge.vms.milestone import MilestoneTarget
from bridge.vms.recorded import Away, CannotTell, Held, MediaKind, Query, Recorded, Records
from tests.vms.conftest import Vault, event, sent
from tests.vms.milestone.conftest import DOOR, LOG_IN, RAMP, Made, delivery

NOW = datetime.now(UTC).replace(microsecond=0)


def query(**more: Any) -> Query:
    window = {"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1)}
    return Query(**{"cameras": (DOOR, RAMP), **window, **more})


async def found(ours: MilestoneTarget, asked: Query) -> list[Recorded]:
    return [each async for each in ours.recorded(asked)]


async def two(ours: MilestoneTarget) -> None:
    for number in (1, 2):
        at = NOW + timedelta(seconds=number)
        told = event(id=f"{number}.0", occurred_at=at, arrived_at=at, title=f"Event {number}", sensor=f"s{number}")
        await sent(ours, delivery(told))


@pytest.mark.parametrize("way", ["alarms", "analytics"])
@pytest.mark.parametrize("newest_first", [True, False])
async def test_events_of_ours_are_told_with_what_they_carry(
    xprotect: SimulatedMilestone, made: Made, way: str, newest_first: bool
) -> None:
    xprotect.gateway.newest_first = newest_first
    ours = made(way, gateway=xprotect.base_url, search=True, **LOG_IN)
    assert isinstance(ours, Records)
    await two(ours)
    told = await found(ours, query())
    assert [(each.event, each.sensor, each.camera, each.name, each.at) for each in told] == [
        ("2.0", "s2", DOOR, "access.denied", NOW + timedelta(seconds=2)),
        ("1.0", "s1", DOOR, "access.denied", NOW + timedelta(seconds=1)),
    ]
    assert told[0].tags["title"] == "Event 2"
    assert told[0].tags["card"] == "00931"


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"sensor": "s1"}, 1), ({"event_type": "access.denied"}, 2), ({"event_type": "leak"}, 0), ({"tag": "card"}, 2),
        ({"tag": "card", "value": "00931"}, 2), ({"tag": "card", "value": "9"}, 0), ({"most": 1}, 1),
        ({"cameras": (RAMP,)}, 0), ({"until": NOW - timedelta(minutes=1)}, 0),
    ],
)  # fmt: skip
async def test_what_is_asked_for_is_told_and_nothing_else(made: Made, asked: dict[str, Any], count: int) -> None:
    ours = made("alarms")
    await two(ours)
    assert len(await found(ours, query(**asked))) == count


async def test_alarms_of_others_are_told_too(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.state.alarms.append(Alarm("7", "Motion", "in the yard", DOCK, f"{NOW:%Y-%m-%dT%H:%M:%SZ}"))
    (told,) = await found(made("alarms"), query())
    assert (told.remote_id, told.event, told.name, told.at) == ("7", "", "Motion", NOW)


async def test_a_field_called_like_one_of_ours_is_kept_beside_it(made: Made) -> None:
    ours = made("alarms")
    await sent(ours, delivery(event(occurred_at=NOW, fields={"sensor": "lens 2", "type": "x"})))
    (told,) = await found(ours, query())
    assert (told.sensor, told.name, told.tags["sensor"]) == ("door-17", "access.denied", "lens 2")


async def test_what_cannot_be_told_is_said_without_a_secret(xprotect: SimulatedMilestone, made: Made) -> None:
    for way in ("analytics", "bookmarks", "events", "generic", "ai-bridge"):
        with pytest.raises(CannotTell, match="Smart Client"):
            await found(made(way), query())
    with pytest.raises(CannotTell, match="not of this VMS"):
        await found(made("alarms"), query(cameras=(CameraId("elsewhere"),)))
    with pytest.raises(CannotTell, match="refuses the log-in") as cannot:
        await found(made("alarms", Vault(xprotect="open sesame")), query())
    assert "sesame" not in str(cannot.value)
    with pytest.raises(Away):
        await found(made("alarms", gateway="http://127.0.0.1:1"), query())
    xprotect.faults.add(Fault(kind=Kind.SERVER_ERROR, path="/alarms"))
    with pytest.raises(CannotTell, match="500"):
        await found(made("alarms"), query())
    there = Recorded(remote_id="1", camera=DOOR, name="", at=NOW)
    with pytest.raises(CannotTell, match="not documented"):
        await made("alarms").held(there, 1, 1)
    with pytest.raises(CannotTell):
        [piece async for piece in made("alarms").fetch(DOOR, Held(kind=MediaKind.CLIP, name="x"))]


async def test_a_list_that_is_too_long_is_said_to_be(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.gateway.newest_first = False
    at = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    xprotect.state.alarms += [Alarm(str(number), "Motion", "", DOCK, at) for number in range(2100)]
    ours = made("alarms")
    assert len(await found(ours, query(most=50))) == 50
    with pytest.raises(CannotTell, match="first 2000"):
        await found(ours, query(most=5000))
