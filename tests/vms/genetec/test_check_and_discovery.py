"""Its cameras listed, its settings judged, its door tried."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.simulator.genetec import SimulatedGenetec
from bridge.simulator.genetec.directory import Entity, Fail
from bridge.simulator.genetec.server import ALARM, CAMERAS
from bridge.vms.credentials import CannotDiscover, Discovers, KnowsCredentials, LogsIn
from bridge.vms.genetec import GenetecCamera, GenetecTarget
from bridge.vms.places import KnowsOrigins
from tests.vms.conftest import Played, Vault, said
from tests.vms.genetec.conftest import (
    BY_NUMBER,
    DOCK,
    EVERY_WAY,
    GATE,
    GONE,
    NO_NUMBER,
    URL,
    Made,
    settings,
    target,
    vault,
)


async def test_it_is_what_a_target_may_be_besides(made: Made) -> None:
    ours: object = made()
    for protocol in (KnowsOrigins, Discovers, LogsIn, KnowsCredentials):
        assert isinstance(ours, protocol)


async def test_all_cameras_are_told_by_name_also_when_they_are_many() -> None:
    """A page of the report has one row more than it was asked for; names are asked for ten at a time."""
    async with SimulatedGenetec(cameras=205) as many:
        there = settings(url=many.base_url, allow_http=True)
        told = await GenetecTarget.discover(there, "", vault())
        assert len(told) == len({each.settings["id"] for each in told}) == 205
        assert (told[0].name, told[0].settings, told[0].status) == ("Dock", {"id": CAMERAS[0]}, "online")
        assert told[204].name == "Camera 205"
        assert told[0].bare
        assert len([each for each in many.asked if each.path.endswith("/entity")]) == 21
        assert len([each for each in many.asked if "EntityConfiguration" in each.path]) == 2


async def test_one_camera_and_none_are_lists_too() -> None:
    for count in (0, 1):
        async with SimulatedGenetec(cameras=count) as few:
            told = await GenetecTarget.discover(settings(url=few.base_url, allow_http=True), "first pass\n", Vault(
                **{"genetec-application": "AbC123=="}
            ))  # fmt: skip
            assert len(told) == count


async def test_what_cannot_be_told_is_said_with_what_to_do(gsc: SimulatedGenetec, vms: Played) -> None:
    there = settings(url=gsc.base_url, allow_http=True)
    elsewhere = settings(url=f"http://127.0.0.1:{vms.port}/WebSdk", allow_http=True)
    nowhere = settings(url="http://127.0.0.1:1/WebSdk", allow_http=True)
    vms.otherwise = said(200, {"Rsp": {"Status": "Fail", "Result": {"SdkErrorCode": "Odd", "Message": "no"}}})
    for where, pasted, why in (
        (there, "wrong", "refuses the log-in"),
        (elsewhere, "", "Odd: no"),
        (nowhere, "", "see whether url is right"),
    ):
        with pytest.raises(CannotDiscover, match=why) as cannot:
            await GenetecTarget.discover(where, pasted, vault())
        assert "first pass" not in str(cannot.value)
    with pytest.raises(CannotDiscover, match="genetec"):
        await GenetecTarget.discover(there, "", Vault())


async def test_a_check_raises_nothing_and_says_what_is_wrong(gsc: SimulatedGenetec, made: Made) -> None:
    gsc.directory.entities[CAMERAS[1]].online = False
    findings = await made(**EVERY_WAY).check([DOCK, GATE, GONE])
    assert [(each.where, each.ok) for each in findings[1:]] == [
        ("camera dock", True), ("camera gate", True), ("camera gone", False), (f"alarm {ALARM}", True),
        ("custom event 5000", True),
    ]  # fmt: skip
    assert "online" in findings[1].what
    assert "offline" in findings[2].what
    assert gsc.directory.made == []


async def test_a_camera_may_be_known_by_its_logical_id_and_by_one_of_both_alone(
    gsc: SimulatedGenetec, made: Made
) -> None:
    (_, there, missing) = await made().check([BY_NUMBER, NO_NUMBER])
    assert there.what.startswith('it is "Gate"')
    assert not missing.ok
    for both in ({}, {"id": CAMERAS[0], "logical_id": 1}):
        with pytest.raises(ValidationError, match="or else a logical_id"):
            GenetecCamera.model_validate({"vms": "hq", **both})


async def test_a_camera_that_is_gone_since_does_not_hide_the_others(gsc: SimulatedGenetec) -> None:
    (gone, kept) = (gsc.directory.entities[each] for each in CAMERAS)
    directory = gsc.directory.entity

    def without(text: str, kind: str = "") -> Entity:
        if directory(text, kind) is gone:
            raise Fail("EntityNotFound", "gone")
        return kept

    gsc.directory.entity = without  # type: ignore[method-assign]
    told = await GenetecTarget.discover(settings(url=gsc.base_url, allow_http=True), "", vault())
    assert [(each.name, each.settings["id"]) for each in told] == [("", CAMERAS[0]), ("Gate", CAMERAS[1])]


async def test_an_entity_that_is_no_camera_and_an_alarm_that_is_none_are_found(
    gsc: SimulatedGenetec, made: Made
) -> None:
    gsc.directory.entities[CAMERAS[0]].kind = "Door"
    (_, camera, alarm, _) = await made(**{**EVERY_WAY, "alarm": CAMERAS[1]}).check([DOCK])
    assert "of type Door" in camera.what
    assert not alarm.ok


@pytest.mark.parametrize(
    ("more", "secrets", "words"),
    [
        ({"url": "http://127.0.0.1:1/WebSdk"}, {}, "connection"),
        ({}, {"genetec": "wrong"}, "log-in (401)"),
        ({}, {"genetec_application": "other"}, "licence"),
        ({}, {"genetec_application": "a:b"}, "is no application id"),
    ],
)
async def test_what_keeps_us_out_is_said_once(
    gsc: SimulatedGenetec, made: Made, more: dict[str, Any], secrets: dict[str, str], words: str
) -> None:
    (finding,) = await made(vault(**secrets), **more).check([DOCK])
    assert not finding.ok
    assert words in finding.what
    assert finding.remedy


async def test_a_page_in_the_place_of_the_web_sdk_is_told_apart(made: Made, vms: Played) -> None:
    (finding,) = await made(url=f"http://127.0.0.1:{vms.port}/WebSdk").check([DOCK])
    assert finding.what == "it does not answer as a Web SDK"


def test_the_firewall_is_told_where_it_is() -> None:
    (reach,) = GenetecTarget.reaches(settings(), target().cameras)
    assert (reach.peer, reach.port, reach.speaks) == ("genetec.harbour.example", 4590, "HTTPS")
    assert str(target().origin(DOCK)) == URL.removesuffix("/WebSdk")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"url": "http://gsc:4590/WebSdk"}, "url without TLS shows the password to the network"),
        ({"url": "https://gsc:4590/WebSdk?q=1"}, "without ?"),
        ({"user": "bridge;AbC"}, "no : and no ;"),
        ({"user": ""}, "not empty"),
        ({"password": "open sesame"}, "write a reference like secret:gate-in"),
        ({"application": "AbC123=="}, "write a reference like secret:gate-in"),
        ({"ways": []}, "at least 1 item"),
        ({"ways": ["bookmark", "bookmark"]}, "each way once"),
        ({"ways": ["alarm"], "alarm": ALARM}, "an alarm carries nothing of the event"),
        ({"ways": ["event"]}, "needs the number of a custom_event"),
        ({"ways": ["bookmark", "alarm"]}, "needs the GUID of an alarm"),
        ({"sends": [{"ways": ["event"]}]}, "sends, entry 1: event among ways"),
        ({"alarm": "12"}, "write the entity's GUID"),
        ({"longest_url": 1000, "url": "https://gsc:4590/" + "x" * 300}, "has to leave 900 characters"),
    ],
)
def test_what_cannot_be_is_refused_in_a_plain_sentence(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**more)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["000000010000BABE0000080023E940C6", "{00000001-0000-BABE-0000-080023E940C6}", f" {CAMERAS[0]}\n"],
)
def test_a_guid_is_the_same_however_it_is_written(text: str) -> None:
    assert GenetecCamera(vms="hq", id=text).id == CAMERAS[0]


def test_it_says_what_it_cannot() -> None:
    can = target().can
    assert (can.search, can.backdate, can.amend, can.picture) == (False, True, False, False)
    assert not target(**EVERY_WAY).can.backdate
    assert not target(sends=[{"types": ["fire"], "ways": ["event"], "custom_event": 1}]).can.backdate


def test_a_whole_log_in_in_the_place_of_the_password_is_known_by_itself() -> None:
    whole = "bridge;AbC123==:first pass".replace(" ", "")
    for text in (whole, f"Basic {base64.b64encode(whole.encode()).decode()}"):
        told = GenetecTarget.opens(text, None)
        assert told is not None
        assert "secret each" in told.short
    for other in ("first pass", "a;b", "YWJj", "%%"):
        assert GenetecTarget.opens(other, None) is None
