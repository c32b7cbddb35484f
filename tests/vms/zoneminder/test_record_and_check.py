"""Its own record told, its cameras listed, its settings judged, its door tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from bridge.model import CameraId, Delivered
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.zoneminder import SimulatedZoneMinder
from bridge.simulator.zoneminder.monitor import Event
from bridge.vms.credentials import CannotDiscover, Discovers
from bridge.vms.places import KnowsOrigins
from bridge.vms.recorded import CannotTell, Held, MediaKind, Query, RecallsById, Recorded, Records, SaysWhatItTold
from bridge.vms.zoneminder import ZoneMinderTarget
from bridge.vms.zoneminder.monitors import Monitor, unfit
from bridge.vms.zoneminder.times import moments
from tests.vms.conftest import Vault, event, sent
from tests.vms.zoneminder.conftest import DOCK, GATE, GONE, URL, Made, delivery, settings, target

NOW = datetime.now(UTC)


def query(**more: Any) -> Query:
    window = {"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1)}
    return Query(**{"cameras": (DOCK, GATE), **window, **more})


async def found(ours: ZoneMinderTarget, asked: Query) -> list[Recorded]:
    return [each async for each in ours.recorded(asked)]


async def test_it_is_all_that_a_target_may_be(made: Made) -> None:
    ours: object = made()
    assert isinstance(ours, Records)
    assert isinstance(ours, RecallsById)
    assert isinstance(ours, SaysWhatItTold)
    assert isinstance(ours, KnowsOrigins)
    assert isinstance(ours, Discovers)


async def test_events_of_ours_are_told_each_by_itself_with_what_they_carry(zm: SimulatedZoneMinder, made: Made) -> None:
    ours = made()
    for number in (1, 2):
        told = event(id=f"{number}.0", occurred_at=NOW, arrived_at=NOW, title=f"Event {number}", sensor=f"s{number}")
        assert isinstance(await sent(ours, delivery(told)), Delivered)
    both = await found(ours, query())
    assert [(each.event, each.sensor, each.camera, each.remote_id) for each in both] == [
        ("2.0", "s2", DOCK, "1"),
        ("1.0", "s1", DOCK, "1"),
    ]
    assert both[0].name == "access.denied"
    assert both[0].at == NOW
    assert both[0].tags["card"] == "00931"
    assert both[0].tags["Cause"] == "Event 1"
    told_as = ours.told(DOCK, [told])
    assert {name: both[0].tags.get(name) for name in told_as} == dict(told_as)
    assert await ours.recorded_as(DOCK, "1") == both[0]
    assert await ours.recorded_as(GATE, "1") is None
    assert await ours.recorded_as(DOCK, "1 or 1=1") is None


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"sensor": "s1"}, 1), ({"event_type": "access.denied"}, 2), ({"event_type": "leak"}, 0), ({"tag": "card"}, 2),
        ({"tag": "card", "value": "00931"}, 2), ({"tag": "card", "value": "9"}, 0), ({"most": 1}, 1),
        ({"cameras": (GATE,)}, 0), ({"until": NOW - timedelta(minutes=1)}, 0),
    ],
)  # fmt: skip
async def test_what_is_asked_for_is_told_and_nothing_else(
    zm: SimulatedZoneMinder, made: Made, asked: dict[str, Any], count: int
) -> None:
    ours = made()
    for number in (1, 2):
        told = event(id=f"{number}.0", occurred_at=NOW, arrived_at=NOW, sensor=f"s{number}")
        await sent(ours, delivery(told))
    assert len(await found(ours, query(**asked))) == count


async def test_pages_are_read_to_the_end(zm: SimulatedZoneMinder, made: Made) -> None:
    for number in range(1, 251):
        zm.database.events[number] = Event(number, 1, NOW, "Motion", "Motion: All")
    zm.database.events[100].notes = zm.database.events[101].notes = "ž" * 32_000
    told = await found(made(), query(most=1000))
    assert [each.remote_id for each in told] == [str(number) for number in range(250, 0, -1)]
    assert told[0].event == ""
    assert told[0].tags["Notes"] == "Motion: All"


SYDNEY = ZoneInfo("Australia/Sydney")


def test_in_the_hour_that_is_there_twice_a_time_may_be_either() -> None:
    assert moments("2026-04-05 02:30:00", SYDNEY) == (
        datetime(2026, 4, 4, 15, 30, tzinfo=UTC),
        datetime(2026, 4, 4, 16, 30, tzinfo=UTC),
    )
    assert moments("2026-02-03 21:15:30", SYDNEY) == (datetime(2026, 2, 3, 10, 15, 30, tzinfo=UTC),)
    assert moments(None, SYDNEY) == ()


@pytest.mark.parametrize("hour", [15, 16])
async def test_no_change_of_the_clock_hides_an_event(zm: SimulatedZoneMinder, made: Made, hour: int) -> None:
    """ZoneMinder keeps local times without saying which."""
    at = datetime(2026, 4, 4, hour, 30, tzinfo=UTC)
    zm.api.timezone = "Australia/Sydney"
    zm.database.events[1] = Event(1, 1, at.astimezone(SYDNEY).replace(tzinfo=None), "Motion", "Motion: All")
    near = query(since=at - timedelta(minutes=5), until=at + timedelta(minutes=5))
    (there,) = await found(made(), near)
    assert there.at == at
    assert await found(made(timezone="UTC"), near) == []


async def test_no_change_of_the_clock_hides_what_was_recorded(zm: SimulatedZoneMinder, made: Made) -> None:
    """From 02:55 on, for ten minutes: until 02:05."""
    at = datetime(2026, 4, 4, 15, 55, tzinfo=UTC)
    zm.api.timezone = "Australia/Sydney"
    zm.database.events[1] = Event(1, 1, at.astimezone(SYDNEY).replace(tzinfo=None), "Motion", "Motion: All")
    around = Recorded(remote_id="", camera=DOCK, name="", at=at)
    (there,) = await made().held(around, 10, 600)
    assert there.at == at


async def test_pictures_can_be_fetched_and_what_is_not_there_says_why(zm: SimulatedZoneMinder, made: Made) -> None:
    ours = made()
    await sent(ours, delivery(event(occurred_at=NOW, arrived_at=NOW)))
    (there,) = await found(ours, query())
    held = await ours.held(there, 10, 3600)
    assert [each.kind for each in held] == [MediaKind.PICTURE, MediaKind.PICTURE, MediaKind.CLIP]
    assert b"".join([piece async for piece in ours.fetch(DOCK, held[0])]).startswith(b"\xff\xd8")
    with pytest.raises(CannotTell, match="keeps pictures and no video"):
        [piece async for piece in ours.fetch(DOCK, held[2])]
    with pytest.raises(CannotTell, match="a page instead"):
        [piece async for piece in ours.fetch(DOCK, Held(kind=MediaKind.CLIP, name="x", reference="view=none&eid=1"))]


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.UNAUTHORIZED, Kind.CUT_BEFORE, Kind.BAD_GATEWAY])
async def test_what_cannot_be_told_is_said_without_a_secret(zm: SimulatedZoneMinder, made: Made, kind: Kind) -> None:
    zm.faults.add(Fault(kind=kind, path="/events"))
    with pytest.raises(CannotTell) as cannot:
        await found(made(), query())
    assert "first pass" not in str(cannot.value)
    with pytest.raises(CannotTell, match="not of this VMS"):
        await found(made(), query(cameras=(CameraId("elsewhere"),)))


# ------------------------------------------------------------------------------------------------- cameras and the door


async def test_its_monitors_are_its_cameras(zm: SimulatedZoneMinder) -> None:
    zm.monitors[3].function = "None"
    there = settings(url=zm.base_url, allow_http=True)
    for pasted, vault in (("first pass\n", Vault()), ("", Vault(zm="first pass"))):
        told = await ZoneMinderTarget.discover(there, pasted, vault)
        assert [(each.name, each.settings) for each in told] == [
            ("Dock", {"id": 1}), ("Gate", {"id": 2}), ("Yard", {"id": 3})
        ]  # fmt: skip
        assert "Nodect" in told[2].note
    for wrong, why in (("wrong", "refuses the log-in"), (zm.base_url, "refuses")):
        with pytest.raises(CannotDiscover, match=why) as cannot:
            await ZoneMinderTarget.discover(there, wrong, Vault())
        assert wrong not in str(cannot.value)


async def test_a_check_forces_nothing_and_says_what_is_wrong(zm: SimulatedZoneMinder, made: Made) -> None:
    zm.monitors[2].function = "Monitor"
    findings = await made().check([DOCK, GATE, GONE])
    assert [(finding.where, finding.ok) for finding in findings[2:]] == [
        ("camera dock", True), ("camera gate", False), ("camera gone", False), ("zmtrigger", True)
    ]  # fmt: skip
    assert zm.events == []
    assert zm.trigger.lines == []
    assert not any("command" in each.path for each in zm.asked)


@pytest.mark.parametrize(
    ("monitor", "why"),
    [
        (Monitor(Id=1, Function="Nodect", Enabled="1"), ""),
        (Monitor(Id=1, Function="Nodect", Enabled="0"), "is not enabled"),
        (Monitor(Id=1, Function="None", Enabled=1), "Nodect"),
        (Monitor(Id=1, Capturing="Always", Recording="OnMotion"), ""),
        (Monitor(Id=1, Capturing="None", Recording="OnMotion"), "captures nothing"),
        (Monitor(Id=1, Capturing="Always", Recording="None"), "records nothing"),
    ],
)
def test_on_which_monitors_no_alarm_can_be_forced_in_old_versions_and_new(monitor: Monitor, why: str) -> None:
    assert why in unfit(monitor)
    assert bool(unfit(monitor)) is bool(why)


@pytest.mark.parametrize(
    ("more", "password", "remedy"),
    [
        ({"url": "http://127.0.0.1:1/zm"}, "first pass", "see whether url is right"),
        ({}, "wrong", "put the password of user into its secret"),
        ({"trigger_port": 1}, "first pass", "OPT_TRIGGERS"),
    ],
)
async def test_what_is_wrong_is_said_with_what_to_do(
    made: Made, more: dict[str, Any], password: str, remedy: str
) -> None:
    findings = await made(Vault(zm=password), **more).check([DOCK])
    wrong = [finding for finding in findings if not finding.ok]
    assert len(wrong) == 1
    assert remedy in wrong[0].remedy


def test_the_firewall_is_told_of_the_socket_that_has_no_lock() -> None:
    both = ZoneMinderTarget.reaches(settings(), target().cameras)
    assert [(each.peer, each.port) for each in both] == [("zm.harbour.example", 443), ("zm.harbour.example", 6802)]
    assert "without log-in" in both[1].speaks
    assert len(ZoneMinderTarget.reaches(settings(way="rest"), {})) == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"url": "http://zm/zm"}, "url without TLS shows the password to the network"),
        ({"url": "https://zm/zm?x=1"}, "without ?"),
        ({"user": ""}, "logging in needs both user and password"),
        ({"password": "open sesame"}, "write a reference like secret:gate-in"),
        ({"alarm_for": "0 s"}, "an alarm lasts from 1 s to 1 h"),
        ({"notes_limit": "64 KiB"}, "from 1 KiB to 60 KiB"),
        ({"timezone": "Sydney"}, "there is no time zone Sydney"),
        ({"confirm_within": "1 min"}, "confirm_within has to be within timeout"),
        ({"way": "mail"}, "'socket' or 'rest'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_plain_sentence(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**more)
    assert sentence in str(refused.value)


def test_it_says_what_it_cannot() -> None:
    can = target().can
    assert (can.search, can.backdate, can.amend, can.picture) == (True, False, True, False)
    assert target(trigger_host="10.0.0.5", trigger_port=7000).render(delivery())[0].url == "tcp://10.0.0.5:7000"
    assert target().render(delivery())[0].url == f"tcp://{URL.split('/')[2]}:6802"
    assert target(url="https://[::1]/zm").render(delivery())[0].url == "tcp://[::1]:6802"


def test_a_token_in_the_place_of_the_password_is_known_by_itself() -> None:
    """A token as the real one gave it; its time has run out long ago."""
    claims = "eyJpc3MiOiJab25lTWluZGVyIiwiaWF0IjoxLCJleHAiOjIsInVzZXIiOiJhZG1pbiIsInR5cGUiOiJhY2Nlc3MifQ"
    told = ZoneMinderTarget.opens(f"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.{claims}.k-IAFx3e", None)
    assert told is not None
    assert told.kind == "an access token of ZoneMinder"
    for other in ("first pass", "a.b.c", "eyJ.eyJ.eyJ", "ey.%.%"):
        assert ZoneMinderTarget.opens(other, None) is None
