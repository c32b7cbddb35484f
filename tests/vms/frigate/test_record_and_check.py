"""Its own record told, its cameras listed, its settings judged, its door tried."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.model import CameraId, Delivered
from bridge.simulator.faults import Fault, Kind
from bridge.simulator.frigate import SimulatedFrigate
from bridge.simulator.frigate.events import Created
from bridge.vms.credentials import CannotDiscover, Discovers, LogsIn
from bridge.vms.frigate import FrigateTarget
from bridge.vms.places import KnowsOrigins
from bridge.vms.recorded import CannotTell, Held, MediaKind, Query, RecallsById, Recorded, Records, SaysWhatItTold
from tests.vms.conftest import Vault, event, sent
from tests.vms.frigate.conftest import DOCK, GATE, GONE, Made, asked, delivery, settings, target

NOW = datetime.now(UTC)


def query(**more: Any) -> Query:
    window = {"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1)}
    return Query(**{"cameras": (DOCK, GATE), **window, **more})


async def found(ours: FrigateTarget, wanted: Query) -> list[Recorded]:
    return [each async for each in ours.recorded(wanted)]


async def two(ours: FrigateTarget) -> None:
    for number in (1, 2):
        told = event(id=f"{number}.0", occurred_at=NOW, arrived_at=NOW, title=f"Event {number}", sensor=f"s{number}")
        assert isinstance(await sent(ours, delivery(told)), Delivered)


async def test_it_is_all_that_a_target_may_be(made: Made) -> None:
    ours: object = made()
    for what in (Records, RecallsById, SaysWhatItTold, KnowsOrigins, Discovers, LogsIn):
        assert isinstance(ours, what)


async def test_events_of_ours_are_told_with_what_they_carry(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    await two(ours)
    both = await found(ours, query())
    assert [(each.event, each.sensor, each.camera) for each in both] == [("2.0", "s2", DOCK), ("1.0", "s1", DOCK)]
    newest = both[0]
    assert (newest.remote_id, newest.name, newest.known_as) == (
        frigate.events[1].id,
        "access.denied",
        "access_denied",
    )
    assert newest.at == NOW
    assert newest.tags["card"] == "00931"
    assert newest.tags["sub_label"] == "Event 2 [2.0]"
    told = event(id="2.0", occurred_at=NOW, arrived_at=NOW, title="Event 2", sensor="s2")
    told_as = ours.told(DOCK, [told])
    assert {name: newest.tags.get(name) for name in told_as} == dict(told_as)
    assert await ours.recorded_as(DOCK, newest.remote_id) == newest
    assert await ours.recorded_as(GATE, newest.remote_id) is None
    assert await ours.recorded_as(DOCK, "../config") is None
    assert await ours.recorded_as(DOCK, "1748855647.25-ab12cd") is None


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"sensor": "s1"}, 1), ({"event_type": "access.denied"}, 2), ({"event_type": "access_denied"}, 2),
        ({"event_type": "leak"}, 0), ({"tag": "card"}, 2), ({"tag": "card", "value": "00931"}, 2),
        ({"tag": "card", "value": "9"}, 0), ({"most": 1}, 1), ({"cameras": (GATE,)}, 0),
        ({"until": NOW - timedelta(minutes=1)}, 0),
    ],
)  # fmt: skip
async def test_what_is_asked_for_is_told_and_nothing_else(made: Made, wanted: dict[str, Any], count: int) -> None:
    ours = made()
    await two(ours)
    assert len(await found(ours, query(**wanted))) == count


async def test_pages_are_read_to_the_end_and_others_events_told_too(frigate: SimulatedFrigate, made: Made) -> None:
    for number in range(120):
        frigate.table.create("loading_dock", "person", Created(sub_label=f"Bob {number}"))
    told = await found(made(), query(most=1000, cameras=(DOCK,)))
    assert [each.tags["sub_label"] for each in told] == [f"Bob {number}" for number in range(119, -1, -1)]
    assert (told[0].event, told[0].name) == ("", "person")


async def test_what_was_delivered_late_is_found_at_its_time(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    earlier = NOW - timedelta(minutes=40)
    await sent(ours, delivery(event(occurred_at=earlier, arrived_at=earlier)))
    around = query(since=earlier - timedelta(minutes=1), until=earlier + timedelta(minutes=1))
    (there,) = await found(ours, around)
    assert there.at == earlier


async def test_picture_clip_and_video_can_be_fetched(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    await two(ours)
    for each in frigate.events:
        each.end_time = time.time() - 1
    there = (await found(ours, query()))[0]
    held = await ours.held(there, 30, 0)
    assert [each.kind for each in held] == [MediaKind.PICTURE, MediaKind.CLIP, MediaKind.VIDEO]
    taken = [b"".join([piece async for piece in ours.fetch(DOCK, each)]) for each in held]
    assert taken[0].startswith(b"\xff\xd8")
    assert taken[1].endswith(frigate.events[1].id.encode())
    first = int((NOW - timedelta(seconds=30)).timestamp())
    assert taken[2].endswith(f"loading_dock {first} {int(NOW.timestamp()) + 1}".encode())


async def test_what_is_not_there_says_why(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made()
    await two(ours)
    frigate.events[0].has_clip = False
    newest, oldest = await found(ours, query())
    _, clip, video = await ours.held(newest, 0, 3600)
    assert clip.pending
    assert video.pending
    with pytest.raises(CannotTell, match="not over yet"):
        [piece async for piece in ours.fetch(DOCK, clip)]
    _, clip, _ = await ours.held(oldest, 0, 0)
    assert not clip.pending
    with pytest.raises(CannotTell, match="does not record"):
        [piece async for piece in ours.fetch(DOCK, clip)]
    frigate.events[1].end_time = time.time() - 1
    frigate.api.clips_after = 3600
    _, clip, _ = await ours.held(newest, 0, 0)
    with pytest.raises(CannotTell, match="none of that time"):
        [piece async for piece in ours.fetch(DOCK, clip)]
    with pytest.raises(CannotTell, match="not with a picture or video"):
        [piece async for piece in ours.fetch(DOCK, Held(kind=MediaKind.CLIP, name="x", reference="/api/version"))]


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.UNAUTHORIZED, Kind.CUT_BEFORE, Kind.BAD_GATEWAY])
async def test_what_cannot_be_told_is_said_without_a_secret(frigate: SimulatedFrigate, made: Made, kind: Kind) -> None:
    frigate.faults.add(Fault(kind=kind, path="/events"))
    with pytest.raises(CannotTell) as cannot:
        await found(made(), query())
    assert "first pass" not in str(cannot.value)
    with pytest.raises(CannotTell, match="refuses the log-in"):
        await found(made(Vault(frigate="wrong")), query())
    with pytest.raises(CannotTell, match="not of this VMS"):
        await found(made(), query(cameras=(CameraId("elsewhere"),)))


# ------------------------------------------------------------------------------------------------- cameras and the door


async def test_its_cameras_are_told(frigate: SimulatedFrigate) -> None:
    frigate.cameras["front_gate"].enabled = False
    frigate.cameras["boiler_room"].records = False
    there = settings(url=frigate.base_url, allow_http=True)
    for pasted, vault in (("first pass\n", Vault()), ("", Vault(frigate="first pass"))):
        told = await FrigateTarget.discover(there, pasted, vault)
        assert [(each.name, each.settings, each.bare) for each in told] == [
            ("loading_dock", {"id": "loading_dock"}, True), ("front_gate", {"id": "front_gate"}, True),
            ("boiler_room", {"id": "boiler_room"}, True),
        ]  # fmt: skip
        assert [each.note for each in told] == [
            "",
            "it is disabled in Frigate",
            "it does not record: its events have a picture and no clip",
        ]
    with pytest.raises(CannotDiscover, match="refuses the log-in") as cannot:
        await FrigateTarget.discover(there, "open sesame", Vault())
    assert "sesame" not in str(cannot.value)
    elsewhere = settings(url=f"{frigate.base_url}/x", user="", password=None, allow_http=True)
    with pytest.raises(CannotDiscover, match="see url"):
        await FrigateTarget.discover(elsewhere, "", Vault())


async def test_a_check_creates_nothing_and_says_what_is_wrong(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.cameras["front_gate"].enabled = False
    findings = await made(pre_capture="5 s").check([DOCK, GATE, GONE])
    assert [(finding.what, finding.ok) for finding in findings] == [
        ("it is Frigate 0.17.0-abc1234", True),
        ("pre_capture is known from Frigate 0.18 on; this one takes no notice of it", False),
        ("its user has the role admin", True),
        ("it is loading_dock", True),
        ("front_gate: it is disabled in Frigate", False),
        ("there is no camera Loading_Dock", False),
    ]
    assert frigate.events == []
    assert {each.method for each in frigate.asked if "login" not in each.path} == {"GET"}


async def test_a_viewer_is_told_of_before_anything_is_sent(frigate: SimulatedFrigate, made: Made) -> None:
    frigate.users.role = "viewer"
    wrong = [finding for finding in await made().check([DOCK]) if not finding.ok]
    assert [finding.remedy for finding in wrong] == ["give it the role admin in Frigate"]


@pytest.mark.parametrize(
    ("more", "password", "remedy"),
    [
        ({"url": "http://127.0.0.1:1"}, "first pass", "see whether url is right"),
        ({}, "wrong", "put the password of user into its secret"),
        ({"user": "", "password": None}, "", "write user and password"),
    ],
)
async def test_what_is_wrong_is_said_with_what_to_do(
    made: Made, more: dict[str, Any], password: str, remedy: str
) -> None:
    findings = await made(Vault(frigate=password), **more).check([DOCK])
    (wrong,) = [finding for finding in findings if not finding.ok]
    assert remedy in wrong.remedy


async def test_what_is_looked_up_takes_no_connection_from_an_event(frigate: SimulatedFrigate, made: Made) -> None:
    ours = made(connections=2, alarm_connections=1)
    await found(ours, query())
    await two(ours)
    assert asked(frigate, "/login") == 2  # the record's own, and that of the events


def test_the_firewall_is_told_of_the_port_that_has_no_lock() -> None:
    (closed,) = FrigateTarget.reaches(settings(), target().cameras)
    assert (closed.peer, closed.port, closed.speaks) == ("frigate.harbour.example", 8971, "HTTPS")
    assert "without log-in" not in closed.why
    (open_,) = FrigateTarget.reaches(settings(url="http://10.0.0.5:5000", user="", password=None), {})
    assert "without log-in" in open_.why


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"url": "http://frigate:8971"}, "url without TLS shows the secrets to the network"),
        ({"url": "https://frigate/?x=1"}, "without ?"),
        ({"user": ""}, "logging in needs both user and password"),
        ({"password": "open sesame"}, "write a reference like secret:gate-in"),
        ({"duration": "0 s"}, "an event lasts from 1 s to 1 h"),
        ({"pre_capture": "2 h"}, "1 h before it is told at most"),
        ({"description_limit": "1 MiB"}, "from 1 KiB to 64 KiB"),
        ({"visible_within": "1 min"}, "visible_within has to be within timeout"),
        ({"labels": {"a": "x" * 21}}, "from 1 to 20 characters"),
        ({"labels": {"a": "b/c"}}, "neither / nor a comma"),
        ({"label": "colour"}, "'type', 'kind' or 'urgency'"),
        ({"scores": {"alarm": 2}}, "less than or equal to 1"),
        ({"cookie": "a b"}, "a cookie's name"),
        ({"headers": {"Authorization": "Bearer x"}}, "write a reference like secret:alarms"),
    ],
)
def test_what_cannot_be_is_refused_in_a_plain_sentence(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**more)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("id_", ["", "a/b", "a,b", "..", "a\nb"])
def test_a_cameras_name_is_one_segment_of_a_path(id_: str) -> None:
    with pytest.raises(ValidationError):
        FrigateTarget.Camera.model_validate({"vms": "nvr", "id": id_})


def test_it_says_what_it_cannot() -> None:
    can = target().can
    assert (can.search, can.backdate, can.amend, can.picture) == (True, False, True, False)
    assert can.longest_text == 16 * 2**10


def test_a_token_in_the_place_of_the_password_is_known_by_itself() -> None:
    def token(**claims: object) -> str:
        return f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()}.sig"

    told = FrigateTarget.opens(token(sub="bridge", role="viewer", exp=1748855647), None)
    assert told is not None
    assert told.kind == "a log-in token of Frigate"
    assert "role admin" in told.short
    for other in ("first pass", "a.b.c", "eyJ.eyJ.eyJ", token(iss="ZoneMinder")):
        assert FrigateTarget.opens(other, None) is None
