"""Contacts and measured values as the page of these profiles sets them up: what a guard is told, from on to off."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import mappings
from bridge.model import Decision, Fate, State, Urgency
from tests.profiles.place import PAGES, Place, example, place


@pytest.fixture
def site(tmp_path: Path) -> Place:
    return place("contact-analogue", tmp_path)


def rope(site: Place, name: str) -> Decision:
    return site.hears("plant", example("contact", name), path="unit 3 discrete_input 12")


def store(site: Place, name: str) -> Decision:
    return site.hears("plant", example("analogue", name), path="unit 7 input_register 0")


def test_the_state_at_the_start_raises_nothing_and_neither_does_its_end(site: Place) -> None:
    for name in ("on-at-start", "over-untold", "off-at-start-told", "still-off"):
        assert rope(site, name).events == ()


def test_a_leak_is_raised_when_it_has_lasted_and_closed_when_it_is_over(site: Place) -> None:
    assert rope(site, "leak-begins").events == ()
    (leak,) = site.wait(3.0)
    assert (leak.type, leak.state, leak.urgency) == ("leak.detected", State.ACTIVE, Urgency.ALARM)
    assert rope(site, "still-on").verdicts[0].fate is Fate.COLLAPSED
    (over,) = rope(site, "leak-ends").events
    assert (over.state, over.closes, over.urgency) == (State.RESTORED, leak.id, Urgency.ALARM)


def test_what_does_not_last_is_never_raised(site: Place) -> None:
    rope(site, "leak-begins")
    site.wait(1.0)
    (kept_back,) = rope(site, "leak-ends").events
    assert kept_back.withheld == "rule 1: debounce"
    assert site.wait(10.0) == []


def test_far_too_high_is_told_beside_too_high_and_both_are_over_at_once(site: Place) -> None:
    assert store(site, "too-high").events == ()
    (far,) = store(site, "far-too-high").events
    assert (far.type, far.urgency) == ("value.high", Urgency.ALARM)
    assert site.wait(700.0) == []
    (over,) = store(site, "normal-again").events
    assert (over.state, over.closes, over.urgency) == (State.RESTORED, far.id, Urgency.ALARM)


def test_no_value_is_a_condition_of_its_own(site: Place) -> None:
    (far,) = store(site, "far-too-high").events
    (lost,) = store(site, "probe-broken").events
    assert (lost.type, lost.urgency, lost.condition) == ("reading.lost", Urgency.FAULT, "input_register 0|reading")
    (over,) = store(site, "normal-again").events
    assert over.closes == far.id


def test_a_script_may_say_the_same_in_json(site: Place) -> None:
    said = {"point": "yard gate", "of": "door", "value": 0, "normally": "closed"}
    (opened,) = site.hears("scripts", json.dumps(said).encode(), path="/gate").events
    assert (opened.type, opened.state) == ("door.opened", State.ACTIVE)
    (closed,) = site.hears("scripts", json.dumps({**said, "value": 1}).encode(), path="/gate").events
    assert closed.closes == opened.id


def test_the_page_names_every_event_of_both_profiles() -> None:
    page = (PAGES / "contact-analogue.md").read_text("utf-8")
    for name in ("contact", "analogue"):
        profile = (mappings.PROFILES / f"{name}.yaml").read_text("utf-8")
        types = set(re.findall(r"(?:is:|type:|-) ((?!item)[a-z]+\.[a-z_]+)\}?$", profile, re.MULTILINE))
        assert len(types) >= 3
        assert {each for each in types if f"`{each}`" not in page} == set()
