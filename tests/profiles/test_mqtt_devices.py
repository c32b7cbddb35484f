"""Devices behind a broker tell states: what begins is an event once, what is over closes it, what stands is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.model import ConnectorId, Decision, Fate, Message, Origin, State
from tests.profiles.place import Place, place

LEAK = "zigbee2mqtt/Cellar/Leak 1"


def said(decision: Decision) -> list[tuple[str, str]]:
    return [(event.type, event.state.value) for event in decision.events]


def zigbee(wet: bool, **more: object) -> bytes:
    return json.dumps({"battery": 97, "tamper": False, "water_leak": wet, **more}).encode()


def standing(where: Place, topic: str, body: bytes, how: str) -> Decision:
    """What the broker tells because somebody subscribes."""
    origin = Origin("10.20.0.9", topic, attributes={"standing": how})
    message = Message(connector=ConnectorId("broker"), origin=origin, body=body, arrived=where.at)
    return where.hears_message(message)


@pytest.fixture
def site(tmp_path: Path) -> Place:
    return place("zigbee2mqtt", tmp_path)


def test_a_state_that_is_told_again_and_again_is_one_event_and_one_end(site: Place) -> None:
    assert said(site.hears("broker", zigbee(False), LEAK)) == []
    assert said(site.hears("broker", zigbee(True), LEAK)) == [("leak.detected", "active")]
    assert said(site.hears("broker", zigbee(True, battery=96), LEAK)) == []
    (over,) = site.hears("broker", zigbee(False), LEAK).events
    assert (over.type, over.state, over.closes is not None) == ("leak.detected", State.RESTORED, True)
    assert said(site.hears("broker", zigbee(False), LEAK)) == []


def test_what_is_on_at_once_is_an_event_each_and_ends_by_itself(site: Place) -> None:
    both = site.hears("broker", zigbee(True, tamper=True), LEAK)
    assert said(both) == [("tamper.detected", "active"), ("leak.detected", "active")]
    assert said(site.hears("broker", zigbee(True), LEAK)) == [("tamper.detected", "restored")]


def test_a_value_that_is_not_known_ends_nothing(site: Place) -> None:
    site.hears("broker", zigbee(True), LEAK)
    assert said(site.hears("broker", b'{"water_leak": null, "linkquality": 80}', LEAK)) == []
    assert said(site.hears("broker", zigbee(False), LEAK)) == [("leak.detected", "restored")]


def test_a_device_that_is_gone_is_a_fault_until_it_is_back(site: Place) -> None:
    topic = f"{LEAK}/availability"
    assert said(site.hears("broker", b'{"state":"online"}', topic)) == []
    assert said(site.hears("broker", b'{"state":"offline"}', topic)) == [("device.offline", "active")]
    assert said(site.hears("broker", b"offline", topic)) == []
    assert said(site.hears("broker", b"online", topic)) == [("device.offline", "restored")]


def test_how_things_stood_is_no_event_and_is_said_to_be_none(site: Place) -> None:
    decision = standing(site, LEAK, zigbee(True), "first")
    assert said(decision) == []
    assert {verdict.rule for verdict in decision.verdicts} == {"profile: how it stood when the bridge came"}
    assert {verdict.fate for verdict in decision.verdicts} == {Fate.FILTERED}
    assert said(site.hears("broker", zigbee(False), LEAK)) == []
    assert said(site.hears("broker", zigbee(True), LEAK)) == [("leak.detected", "active")]


def test_what_began_while_the_bridge_was_away_is_told_once_and_marked(site: Place) -> None:
    site.hears("broker", zigbee(False), LEAK)
    (found,) = standing(site, LEAK, zigbee(True), "again").events
    assert (found.type, found.marks) == ("leak.detected", ("found when the bridge was back",))
    assert said(standing(site, LEAK, zigbee(True), "again")) == []
    assert said(standing(site, LEAK, zigbee(False), "again")) == [("leak.detected", "restored")]


def test_what_happens_once_is_not_told_by_a_state(site: Place) -> None:
    pressed = b'{"action": "single"}'
    assert said(site.hears("broker", pressed, LEAK)) == [("button.pressed", "momentary")]
    assert said(standing(site, LEAK, pressed, "again")) == []


def test_an_object_is_one_event_from_its_first_message_that_is_let_through_to_its_end(tmp_path: Path) -> None:
    site = place("frigate", tmp_path)

    def told(what: str, **more: object) -> bytes:
        after = {
            "id": "17.1-a",
            "camera": "dock3",
            "label": "person",
            "false_positive": False,
            "start_time": 1767603600.5,
        }
        return json.dumps({"type": what, "before": {}, "after": {**after, "entered_zones": [], **more}}).encode()

    assert said(site.hears("broker", told("new"), "frigate/events")) == []
    assert said(site.hears("broker", told("update", entered_zones=["gate"]), "frigate/events")) == [
        ("object.detected", "active")
    ]
    assert said(site.hears("broker", told("update", entered_zones=["gate"]), "frigate/events")) == []
    over = site.hears("broker", told("end", end_time=1767603609.0), "frigate/events")
    assert said(over) == [("object.detected", "restored")]


def test_a_review_that_is_only_a_detection_is_raised_when_it_becomes_an_alert(tmp_path: Path) -> None:
    site = place("frigate", tmp_path)

    def told(what: str, severity: str) -> bytes:
        after = {"id": "17.2-b", "camera": "yard", "severity": severity, "start_time": 1767603600.5, "data": {}}
        return json.dumps({"type": what, "before": after, "after": after}).encode()

    assert said(site.hears("broker", told("new", "detection"), "frigate/reviews")) == []
    (alert,) = site.hears("broker", told("update", "alert"), "frigate/reviews").events
    assert (alert.type, alert.urgency.name) == ("object.reviewed", "ALARM")
    assert said(site.hears("broker", told("end", "alert"), "frigate/reviews")) == [("object.reviewed", "restored")]
