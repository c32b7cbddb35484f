"""Cameras listed, settings judged, doors tried."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.simulator.milestone import SimulatedMilestone
from bridge.simulator.milestone.state import DOCK, GATE, YARD
from bridge.vms.credentials import CannotDiscover, Discovers, KnowsCredentials, LogsIn
from bridge.vms.milestone import MilestoneCamera, MilestoneTarget
from bridge.vms.places import KnowsOrigins
from tests.vms.conftest import Vault
from tests.vms.milestone.conftest import DOOR, GONE, LOG_IN, RAMP, WAYS, Made, settings, target


def test_it_is_all_that_a_target_may_be() -> None:
    ours: object = target()
    assert isinstance(ours, Discovers)
    assert isinstance(ours, LogsIn)
    assert isinstance(ours, KnowsCredentials)
    assert isinstance(ours, KnowsOrigins)


@pytest.mark.parametrize("way", WAYS)
async def test_a_check_raises_nothing_and_says_what_is_there(
    xprotect: SimulatedMilestone, made: Made, way: str
) -> None:
    more = {} if "gateway" in WAYS[way] else {"gateway": xprotect.base_url, **LOG_IN}
    findings = await made(way, **more).check([DOOR, RAMP, GONE])
    wrong = [each for each in findings if not each.ok]
    assert [(each.where, each.what) for each in wrong] == [
        ("camera gone", "XProtect has no camera 00000000-0000-4000-8000-000000000000")
    ]
    assert any(each.what == 'it is "Dock"' for each in findings)
    state = xprotect.state
    assert [state.events, state.alarms, state.lines, state.posted] == [[]] * 4
    assert state.bookmarks == {}


async def test_what_is_wrong_is_said_with_what_to_do(xprotect: SimulatedMilestone, made: Made) -> None:
    xprotect.state.cameras[GATE].enabled = False
    both = {"gateway": xprotect.base_url, **LOG_IN}
    told = await made(event_name="Sensor Alert", event_server="http://127.0.0.1:1", **both).check([DOOR, RAMP])
    assert [(each.ok, each.remedy) for each in told if not each.ok] == [
        (
            False,
            "switch analytics events on: Management Client, Tools > Options > Analytics Events; and see its port",
        ),
        (False, "make it in the Management Client"),
        (False, "enable it in the Management Client"),
    ]
    (first, *_) = await made("alarms", Vault(xprotect="wrong")).check([DOOR])
    assert not first.ok
    assert "password" in first.remedy
    (first, *_) = await made("alarms", gateway="http://127.0.0.1:1").check([DOOR])
    assert "the way to it is open" in first.remedy
    xprotect.users.administrator = False
    (first, *_) = await made("alarms").check([DOOR])
    assert "Administrators" in first.remedy
    (first, *_) = await made("generic", generic="tcp://127.0.0.1:1").check([DOOR])
    assert "data source" in first.remedy


async def test_without_gateway_it_says_what_is_not_asked(made: Made) -> None:
    reached, unasked = await made().check([DOOR])
    assert reached.ok
    assert "not asked" in unasked.what


async def test_its_cameras_are_those_of_the_gateway_disabled_ones_too(xprotect: SimulatedMilestone) -> None:
    there = settings("alarms", gateway=xprotect.base_url, allow_http=True)
    for pasted, vault in (("first pass\n", Vault()), ("", Vault(xprotect="first pass"))):
        told = await MilestoneTarget.discover(there, pasted, vault)
        assert [(each.name, each.settings, each.secrets) for each in told] == [
            ("Dock", {"id": DOCK}, {}), ("Gate", {"id": GATE}, {}), ("Yard", {"id": YARD}, {})
        ]  # fmt: skip
        assert told[2].note == "it is disabled in XProtect"
        assert all(each.bare for each in told)


async def test_why_cameras_cannot_be_told_is_said_without_a_secret(xprotect: SimulatedMilestone) -> None:
    there = settings("alarms", gateway=xprotect.base_url, allow_http=True)
    with pytest.raises(CannotDiscover, match="refuses the log-in") as cannot:
        await MilestoneTarget.discover(there, "open sesame", Vault())
    assert "sesame" not in str(cannot.value)
    with pytest.raises(CannotDiscover, match="write gateway"):
        await MilestoneTarget.discover(settings(), "", Vault())
    with pytest.raises(CannotDiscover, match="no secret xprotect"):
        await MilestoneTarget.discover(there, "", Vault())
    xprotect.users.administrator = False
    with pytest.raises(CannotDiscover, match="Administrators"):
        await MilestoneTarget.discover(there, "first pass", Vault())
    nobody = settings("alarms", gateway="http://127.0.0.1:1", allow_http=True)
    with pytest.raises(CannotDiscover, match="the way to it is open"):
        await MilestoneTarget.discover(nobody, "first pass", Vault())


@pytest.mark.parametrize(
    ("way", "can"),
    [
        ("analytics", (False, True, False, True)),
        ("alarms", (True, False, True, False)),
        ("events", (False, False, False, False)),
        ("bookmarks", (False, True, True, False)),
        ("generic", (False, False, False, False)),
        ("ai-bridge", (False, False, False, True)),
    ],
)
def test_each_way_says_what_it_cannot(way: str, can: tuple[bool, bool, bool, bool]) -> None:
    ours = target(way).can
    assert (ours.search, ours.backdate, ours.amend, ours.picture) == can


@pytest.mark.parametrize(
    ("way", "reached"),
    [
        ("analytics", [("events.harbour.example", 9090, "tcp")]),
        ("alarms", [("xprotect.harbour.example", 443, "tcp")]),
        ("generic", [("events.harbour.example", 1235, "tcp")]),
        ("ai-bridge", [("ai-bridge.harbour.example", 4000, "tcp")]),
    ],
)
def test_the_firewall_is_told(way: str, reached: list[tuple[str, int, str]]) -> None:
    found = MilestoneTarget.reaches(settings(way), target().cameras)
    assert [(each.peer, each.port, each.protocol) for each in found] == reached
    assert target(way).origin(DOOR).port == reached[0][1]


def test_the_firewall_is_told_of_the_gateway_besides_and_of_datagrams() -> None:
    both = MilestoneTarget.reaches(settings(gateway="https://xprotect", **LOG_IN), {})
    assert [(each.peer, each.port) for each in both] == [("events.harbour.example", 9090), ("xprotect", 443)]
    (datagrams,) = MilestoneTarget.reaches(settings("generic", generic="udp://events:1234"), {})
    assert (datagrams.protocol, datagrams.port) == ("udp", 1234)
    assert "without log-in" in datagrams.speaks


@pytest.mark.parametrize(
    ("way", "more", "sentence"),
    [
        ("analytics", {"event_server": ""}, "way analytics needs event_server"),
        ("alarms", {"gateway": "", "user": "", "password": None}, "way alarms needs gateway"),
        ("alarms", {"user": ""}, "needs both user and password"),
        ("alarms", {"password": None}, "gateway needs user and password"),
        ("alarms", {"client_secret": "secret:app"}, "gateway needs user and password, or client and client_secret"),
        ("alarms", {"gateway": "http://xprotect"}, "without TLS shows the password"),
        ("alarms", {"password": "open sesame"}, "write a reference like secret:gate-in"),
        ("analytics", {"user": "bridge"}, "are for the gateway"),
        ("analytics", {"search": True}, "search needs gateway"),
        ("bookmarks", {"search": True}, "documents no search"),
        ("events", {"event_type": None}, "way events needs event_type"),
        ("events", {"event_type": "Bridge door"}, "write the id as XProtect shows it"),
        ("generic", {"generic": "events:1235"}, "tcp://host:1235"),
        ("ai-bridge", {"topic": ""}, "needs topic"),
        ("bookmarks", {"before": "2 h"}, "an hour before and after"),
        ("analytics", {"data_limit": "1 kB"}, "from 2 KiB to 1 MiB"),
        ("analytics", {"event_server": "https://events/?x=1"}, "without ?"),
    ],
)
def test_what_cannot_be_is_refused_in_a_plain_sentence(way: str, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(way, **more)
    assert sentence in str(refused.value)


def test_an_id_is_compared_without_regard_to_case() -> None:
    assert MilestoneCamera(vms="depot", id=DOCK.upper()).id == DOCK
    with pytest.raises(ValidationError):
        MilestoneCamera(vms="depot", id="4711")


def test_a_token_in_the_place_of_the_password_is_known_by_itself() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"client_id": "GrantValidatorClient"}).encode()).decode().rstrip("=")
    told = MilestoneTarget.opens(f"eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln", None)
    assert told is not None
    assert told.kind == "an access token of XProtect"
    for other in ("first pass", "a.b.c", "eyJ.eyJ.eyJ", "ey.%.%"):
        assert MilestoneTarget.opens(other, None) is None
