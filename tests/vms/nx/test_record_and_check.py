"""Its own record told, its cameras listed, its door tried."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.model import Blocked, CameraId, Delivered
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.nx import SimulatedNx
from bridge.vms.credentials import CannotDiscover, Discovers, KnowsCredentials, LogsIn
from bridge.vms.nx import NxTarget
from bridge.vms.places import KnowsOrigins
from bridge.vms.recorded import (
    Away,
    CannotTell,
    Held,
    MediaKind,
    Query,
    RecallsById,
    Recorded,
    Records,
    SaysWhatItTold,
)
from tests.vms.conftest import Vault, event, playing, sent
from tests.vms.nx.conftest import DEVICES, DOCK, GATE, GONE, Made, delivery, settings, target

NOW = datetime(2026, 2, 3, 10, 15, 30, 250000, UTC)


def query(**more: Any) -> Query:
    window = {"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1)}
    return Query(**{"cameras": (DOCK, GATE), **window, **more})


async def found(ours: NxTarget, asked: Query) -> list[Recorded]:
    return [each async for each in ours.recorded(asked)]


async def fill(ours: NxTarget, *numbers: int) -> None:
    for number in numbers:
        at = NOW + timedelta(seconds=number)
        told = event(id=f"{number}.0", occurred_at=at, sensor=f"s{number}", title=f"Event {number}")
        assert isinstance(await sent(ours, delivery(told)), Delivered)


async def test_it_is_all_that_a_target_may_be(made: Made) -> None:
    ours: object = made()
    for kind in (Records, RecallsById, SaysWhatItTold, KnowsOrigins, Discovers, LogsIn, KnowsCredentials):
        assert isinstance(ours, kind)


async def test_bookmarks_are_told_with_what_they_carry_the_newest_first(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    await fill(ours, 1, 3, 2)
    told = await found(ours, query())
    assert [(each.event, each.sensor, each.camera) for each in told] == [
        ("3.0", "s3", DOCK),
        ("2.0", "s2", DOCK),
        ("1.0", "s1", DOCK),
    ]
    assert told[0].name == "access.denied"
    assert told[0].at == NOW + timedelta(seconds=3)
    assert told[0].tags["card"] == "00931"
    last = event(id="3.0", occurred_at=NOW + timedelta(seconds=3), sensor="s3", title="Event 3")
    told_as = ours.told(DOCK, [last])
    assert told_as["title"] == "Event 3"
    assert {name: told[0].tags.get(name) for name in told_as} == dict(told_as)
    assert await ours.recorded_as(DOCK, told[0].remote_id) == told[0]
    assert await ours.recorded_as(DOCK, "not/there") is None


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"sensor": "s1"}, 1), ({"event_type": "access.denied"}, 2), ({"event_type": "leak"}, 0), ({"tag": "card"}, 2),
        ({"tag": "card", "value": "00931"}, 2), ({"tag": "card", "value": "9"}, 0), ({"most": 1}, 1),
        ({"cameras": (GATE,)}, 0), ({"until": NOW - timedelta(minutes=1)}, 0),
        ({"since": NOW + timedelta(seconds=2)}, 1),
    ],
)  # fmt: skip
async def test_what_is_asked_for_is_told_and_nothing_else(made: Made, asked: dict[str, Any], count: int) -> None:
    ours = made()
    await fill(ours, 1, 2)
    assert len(await found(ours, query(**asked))) == count


async def test_a_bookmark_of_a_person_is_told_as_it_is(nx: SimulatedNx, made: Made) -> None:
    at = 1770113730250
    by_hand = {
        "id": "x",
        "deviceId": DEVICES[DOCK],
        "name": "Fight",
        "description": "type: of them",
        "tags": ["a", "b"],
    }
    nx.api.bookmarks["x"] = {**by_hand, "startTimeMs": at, "durationMs": 1}
    (told,) = await found(made(), query())
    assert told.at == NOW
    assert (told.name, told.event, told.sensor) == ("Fight", "", "")
    assert told.tags == {"title": "Fight", "description": "type: of them", "tags": "a, b"}


async def test_more_than_are_told_at_once_are_all_told_each_once(nx: SimulatedNx, made: Made) -> None:
    """In whatever order Nx tells them: the time is parted until all of it has been heard."""
    ours = made()
    for number in range(350):
        start = 1770113730250 + (number * 37) % 350 * 1000
        nx.api.bookmarks[str(number)] = {
            "id": str(number), "deviceId": DEVICES[DOCK], "name": "n", "description": "", "tags": [],
            "startTimeMs": start, "durationMs": 20000,
        }  # fmt: skip
    told = await found(ours, query(most=1000))
    times = [each.at for each in told if each.at is not None]
    assert len({each.remote_id for each in told}) == len(told) == 350
    assert times == sorted(times, reverse=True)
    for each in nx.api.bookmarks.values():
        each["startTimeMs"] = 1770113730250
    with pytest.raises(CannotTell, match="at one moment"):
        await found(ours, query())


async def test_generic_events_leave_nothing_to_tell(made: Made) -> None:
    ours = made(way="event")
    with pytest.raises(CannotTell, match="write way: bookmark"):
        await found(ours, query())
    with pytest.raises(CannotTell, match="write way: bookmark"):
        ours.told(DOCK, [event()])


async def test_a_picture_of_the_camera_at_the_time_is_fetched_and_video_is_not(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    await fill(ours, 1)
    (told,) = await found(ours, query())
    picture, video = await ours.held(told, 5, 10)
    assert picture.kind is MediaKind.PICTURE
    data = b"".join([piece async for piece in ours.fetch(DOCK, picture)])
    assert data.startswith(b"\xff\xd8")
    asked = nx.asked[-1]
    assert asked.path == f"/rest/v4/devices/{DEVICES[DOCK]}/image"
    assert asked.query == "timestampMs=1770113731250&size=640x0&format=jpg"
    assert video.kind is MediaKind.VIDEO
    assert (video.at, video.until) == (NOW + timedelta(seconds=-4), NOW + timedelta(seconds=11))
    for held in (video, Held(kind=MediaKind.PICTURE, name="x", reference="/rest/v4/devices/none/image")):
        with pytest.raises(CannotTell):
            [piece async for piece in ours.fetch(DOCK, held)]


async def test_what_cannot_be_told_says_why(nx: SimulatedNx, made: Made) -> None:
    ours = made()
    with pytest.raises(CannotTell, match="not of this VMS"):
        await found(ours, query(cameras=(CameraId("other"),)))
    with pytest.raises(CannotTell, match="see the camera's id"):
        await found(ours, query(cameras=(GONE,)))
    nx.faults.add(Fault(kind=Kind.CUT_BEFORE))
    with pytest.raises(CannotTell):
        await found(ours, query())
    await nx.server.go_away()
    with pytest.raises(Away):
        await found(ours, query())


# -------------------------------------------------------------------------------------------------- check and discover


async def test_a_check_logs_in_and_looks_for_each_camera_and_makes_nothing(nx: SimulatedNx, made: Made) -> None:
    findings = await made(way="both").check([DOCK, GONE])
    assert [each.ok for each in findings] == [True, True, False, True, True]
    assert 'it is "Dock"' in findings[1].what
    assert findings[2].where == "camera gone"
    assert "rule of type Generic" in findings[4].what
    assert {each.method for each in nx.asked[1:]} == {"GET"}


async def test_a_check_says_what_keeps_it_out(nx: SimulatedNx, made: Made) -> None:
    (wrong,) = await made(Vault(nx="wrong")).check([DOCK])
    assert not wrong.ok
    assert "refuses the log-in of bridge" in wrong.what
    (missing,) = await made(Vault()).check([DOCK])
    assert "no secret nx" in missing.what
    await nx.server.go_away()
    (away,) = await made().check([DOCK])
    assert not away.ok


async def test_a_certificate_of_its_own_is_said_to_be_pinned() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parents[1] / "http" / "test-only.pem")
    async with playing(context) as vms:
        ours = target(url=f"https://localhost:{vms.port}")
        (finding,) = await ours.check([DOCK])
        await ours.close()
    assert not finding.ok
    assert "fingerprint" in finding.remedy
    assert vms.requests == []


async def test_of_a_version_without_rest_nothing_is_claimed(nx: SimulatedNx, made: Made) -> None:
    nx.api.newest = 0
    ours = made(login="digest", way="event", api="v1")
    findings = await ours.check([DOCK])
    assert all(each.ok for each in findings)
    assert "is not asked" in findings[0].what
    assert isinstance(await sent(ours, delivery()), Delivered)


async def test_devices_are_found_with_the_users_password_or_a_typed_one(nx: SimulatedNx) -> None:
    ours = settings(url=nx.base_url, allow_http=True)
    told = await NxTarget.discover(ours, "first pass", Vault())
    assert [(each.name, each.settings, each.secrets, each.bare) for each in told] == [
        ("Dock", {"id": DEVICES[DOCK]}, {}, True),
        ("Gate", {"id": DEVICES[GATE]}, {}, True),
    ]
    assert await NxTarget.discover(ours, "", Vault(nx="first pass")) == told
    assert nx.users.tokens == {}
    nx.api.newest = 2
    assert await NxTarget.discover(ours.model_copy(update={"api": "v1"}), "", Vault(nx="first pass")) == told
    with pytest.raises(CannotDiscover, match="write the api of this version"):
        await NxTarget.discover(ours, "", Vault(nx="first pass"))
    with pytest.raises(CannotDiscover, match="no secret nx"):
        await NxTarget.discover(ours, "", Vault())
    await nx.server.go_away()
    with pytest.raises(CannotDiscover, match="see whether url is right"):
        await NxTarget.discover(ours, "", Vault(nx="first pass"))


def test_a_token_that_was_taken_for_a_password_is_known() -> None:
    for text in ("vms-0f-Xy", "nxcdb-abc"):
        told = NxTarget.opens(text, None)
        assert told is not None
        assert "it runs out" in told.beyond
    assert NxTarget.opens("first pass", None) is None
    assert NxTarget.logs_in(settings())


async def test_a_closed_target_sends_nothing(nx: SimulatedNx) -> None:
    ours = target(url=nx.base_url, allow_http=True)
    await ours.close()
    assert not isinstance(await sent(ours, delivery()), Delivered | Blocked)
    assert nx.asked == []
