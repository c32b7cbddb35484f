"""OMNI Platform at the site of its page: the same event on several ways, its filters as rules, one visit one event."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.model import Fate, Urgency
from tests.profiles.place import Place, example, instead, place


@pytest.fixture
def site(tmp_path: Path) -> Place:
    return place("omni", tmp_path)


def test_what_the_socket_brought_is_known_when_graphql_brings_it_again(site: Place) -> None:
    first = site.hears("omni", example("omni", "s1-identification"))
    again = site.hears("omni-events", example("omni", "s1-by-graphql"))
    assert [verdict.fate for verdict in first.verdicts] == [Fate.RAISED]
    assert [verdict.fate for verdict in again.verdicts] == [Fate.DUPLICATE, Fate.FILTERED]


def test_what_graphql_brought_first_is_known_when_the_socket_brings_it(site: Place) -> None:
    polled = site.hears("omni-events", example("omni", "s1-by-graphql"))
    pushed = site.hears("omni", example("omni", "s1-identification"))
    assert [verdict.fate for verdict in polled.verdicts] == [Fate.RAISED, Fate.FILTERED]
    assert [verdict.fate for verdict in pushed.verdicts] == [Fate.DUPLICATE]


def test_a_person_of_a_watch_list_is_an_alarm_without_age_and_name(site: Place) -> None:
    (event,) = site.hears("omni", example("omni", "s1-identification")).events
    assert (event.urgency, event.title) == (Urgency.ALARM, "Banned person, 94 %")
    assert "age" not in event.fields
    assert "d96fb010" not in repr(event)
    assert event.marks == ()


def test_a_person_of_no_watch_list_is_filtered_by_the_rule_for_it(site: Place) -> None:
    (verdict,) = site.hears("omni", example("omni", "confidence-one")).verdicts
    assert (verdict.fate, verdict.rule) == (Fate.FILTERED, "only the banned and the staff")


def test_other_types_and_other_cameras_are_filtered_by_the_rules_for_them(site: Place) -> None:
    (unknown,) = site.hears("omni", example("omni", "s2-anonymous")).verdicts
    assert (unknown.sensor, unknown.rule) == ("lobby-faces", "only these types")
    (canteen,) = site.hears("omni", example("omni", "s3-crossing")).verdicts
    assert (canteen.sensor, canteen.rule) == ("everything-else", "not the canteen")


def test_one_visit_is_one_event_until_its_hour_has_passed(site: Place) -> None:
    fallen = example("omni", "har-fallen")
    assert [verdict.fate for verdict in site.hears("omni", fallen).verdicts] == [Fate.RAISED]
    again = site.hears("omni", instead(fallen, (b"b3cf951003", b"b3cf951998")))
    assert [verdict.fate for verdict in again.verdicts] == [Fate.COLLAPSED]
    site.wait(3700)
    later = site.hears("omni", instead(fallen, (b"b3cf951003", b"b3cf951999")))
    assert [verdict.fate for verdict in later.verdicts] == [Fate.RAISED]


def test_a_process_is_raised_once_and_amended_when_it_has_ended(site: Place) -> None:
    def hears(name: str) -> list[Fate]:
        decision = site.hears("agents", example("omni", name), "/omni/back-door", "10.20.0.70")
        return [verdict.fate for verdict in decision.verdicts]

    assert hears("processes-running") == [Fate.RAISED, Fate.RAISED]
    assert hears("processes-running") == [Fate.COLLAPSED, Fate.COLLAPSED]
    assert hears("processes-finalized") == [Fate.AMENDED]


def test_user_and_password_of_a_stream_are_in_nothing_that_is_kept(site: Place) -> None:
    decision = site.hears("omni", example("omni", "title-is-url-with-password"))
    assert decision.message is not None
    assert "heim" not in repr(decision)
