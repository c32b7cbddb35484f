"""Its cameras listed, its settings judged, its door tried."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bridge.simulator.digifort import SimulatedDigifort
from bridge.vms.credentials import CannotDiscover, Discovers, LogsIn
from bridge.vms.digifort import DigifortTarget
from bridge.vms.places import KnowsOrigins
from tests.vms.conftest import Played, Vault, answer
from tests.vms.digifort.conftest import DOCK, GATE, GONE, URL, Made, settings, target


async def test_it_is_what_a_target_may_be_besides(made: Made) -> None:
    ours: object = made()
    for protocol in (KnowsOrigins, Discovers, LogsIn):
        assert isinstance(ours, protocol)


@pytest.mark.parametrize("sign_in", ["session", "basic"])
async def test_its_cameras_are_told_by_what_people_call_them(digifort: SimulatedDigifort, sign_in: str) -> None:
    digifort.api.cameras["CAM 03"] = ""
    digifort.api.mark = True
    there = settings(url=digifort.base_url, allow_http=True, sign_in=sign_in)
    for pasted, vault in (("first pass\n", Vault()), ("", Vault(digifort="first pass"))):
        told = await DigifortTarget.discover(there, pasted, vault)
        assert [(each.name, each.settings, each.bare) for each in told] == [
            ("Dock 1", {"id": "CAM01"}, True), ("Gate", {"id": "CAM02"}, True), ("CAM 03", {"id": "CAM 03"}, True)
        ]  # fmt: skip


async def test_what_cannot_be_told_is_said_with_what_to_do(digifort: SimulatedDigifort, vms: Played) -> None:
    there = settings(url=digifort.base_url, allow_http=True)
    elsewhere = settings(url=f"http://127.0.0.1:{vms.port}", allow_http=True, sign_in="basic")
    nowhere = settings(url="http://127.0.0.1:1", allow_http=True)
    vms.otherwise = answer(200, b"<html>welcome</html>")
    for where, pasted, why in (
        (there, "wrong", "Digifort refuses it"),
        (elsewhere, "first pass", "does not answer as Digifort does"),
        (nowhere, "first pass", "see whether url is right"),
        (there, "", "digifort"),
    ):
        with pytest.raises(CannotDiscover, match=why) as cannot:
            await DigifortTarget.discover(where, pasted, Vault())
        assert not pasted or pasted not in str(cannot.value)


@pytest.mark.parametrize("bare", [True, False])
async def test_a_check_triggers_nothing_and_says_what_is_missing(
    digifort: SimulatedDigifort, made: Made, bare: bool
) -> None:
    digifort.api.bare_names = bare
    findings = await made(events={"fire.*": "Bridge-{camera}-Fire"}).check([DOCK, GATE, GONE])
    assert [(each.where, each.ok) for each in findings[1:]] == [
        ("camera dock", True), ("camera gate", False), ("camera gone", False)
    ]  # fmt: skip
    assert findings[2].what == "there is no global event Bridge-CAM02-Fire"
    assert findings[3].what == "there is no camera CAM99"
    assert digifort.triggered == []


@pytest.mark.parametrize(
    ("more", "secrets", "words"),
    [
        ({"url": "http://127.0.0.1:1"}, {"digifort": "first pass"}, "connection"),
        ({}, {"digifort": "wrong"}, "Digifort refuses it"),
        ({"sign_in": "basic"}, {"digifort": "wrong"}, "Digifort refuses it"),
        ({}, {}, "there is no secret digifort"),
    ],
)
async def test_what_keeps_us_out_is_said_once(
    digifort: SimulatedDigifort, made: Made, more: dict[str, Any], secrets: dict[str, str], words: str
) -> None:
    (finding,) = await made(Vault(**secrets), **more).check([DOCK])
    assert not finding.ok
    assert words in finding.what
    assert finding.remedy


async def test_a_check_finds_the_user_as_it_is_written(digifort: SimulatedDigifort, made: Made) -> None:
    digifort.users.as_typed = True
    assert all(each.ok for each in await made().check([DOCK]))


def test_the_firewall_is_told_where_it_is() -> None:
    (reach,) = DigifortTarget.reaches(settings(), target().cameras)
    assert (reach.peer, reach.port, reach.speaks) == ("digifort.harbour.example", 8601, "HTTPS")
    assert str(target().origin(DOCK)) == URL


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"url": "http://digifort:8601"}, "url without TLS shows to the network what is sent"),
        ({"url": "https://digifort:8601/Interface"}, "without /Interface"),
        ({"user": ""}, "not empty"),
        ({"user": "a:b"}, "no : in it"),
        ({"password": "open sesame"}, "write a reference like secret:gate-in"),
        ({"event": "Bridge-{sensor}"}, "of braces it may have {camera}"),
        ({"event": ""}, "at least 1 character"),
        ({"event": "{event}"}, "of braces it may have {camera}"),
        ({"events": {"fire.*": ""}}, "write the name of a global event for each type"),
        ({"restored": "{x}"}, "of braces it may have {camera} and {event}"),
        ({"sign_in": "parameters"}, "'session' or 'basic'"),
        ({"longest_message": 20}, "greater than or equal to 120"),
    ],
)
def test_what_cannot_be_is_refused_in_a_plain_sentence(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**more)
    assert sentence in str(refused.value)


def test_a_camera_has_the_same_rules_for_its_own_events() -> None:
    with pytest.raises(ValidationError, match="of braces it may have"):
        target(of={DOCK: {"events": {"fire.*": "Bridge-{sensor}"}}})


def test_it_says_what_it_cannot() -> None:
    can = target().can
    assert (can.search, can.backdate, can.amend, can.picture) == (False, False, False, False)
    assert can.longest_text == 255
