"""Rekor Scout at the site of its page: a group and the hit of a list are one vehicle."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.model import Decision, Fate, Urgency
from tests.profiles.place import Place, example, instead, place


@pytest.fixture
def site(tmp_path: Path) -> Place:
    return place("rekor", tmp_path)


def hears(site: Place, said: str | bytes) -> Decision:
    body = said if isinstance(said, bytes) else example("rekor", said).body
    return site.hears("web", body, "/rekor", shown="rekor")


def test_a_hit_that_comes_with_its_group_is_one_alarm(site: Place) -> None:
    assert hears(site, "b4-group").events == ()
    site.wait(0.2)
    (event,) = hears(site, "alert").events
    assert (event.urgency, event.fields["list"]) == (Urgency.ALARM, "Stolen")
    assert site.wait(5) == []


def test_a_hit_before_its_group_is_one_alarm(site: Place) -> None:
    assert [verdict.fate for verdict in hears(site, "alert").verdicts] == [Fate.RAISED]
    assert [verdict.fate for verdict in hears(site, "b4-group").verdicts] == [Fate.COLLAPSED]


def test_a_late_hit_is_an_alarm_of_its_own(site: Place) -> None:
    hears(site, "b4-group")
    (first,) = site.wait(1)
    (second,) = hears(site, "alert").events
    assert (first.urgency, second.urgency) == (Urgency.NOTICE, Urgency.ALARM)
    assert first.id != second.id


def test_a_preview_is_quiet_and_its_group_is_raised(site: Place) -> None:
    assert [verdict.fate for verdict in hears(site, "preview").verdicts] == [Fate.FILTERED]
    hears(site, "b4-group")
    assert [event.title for event in site.wait(1)] == ["4AB1234 eu-cz"]


def test_what_the_agent_sends_again_counts_once_and_parked_cars_do_not(site: Place) -> None:
    hears(site, "b4-group")
    assert [verdict.fate for verdict in hears(site, "group-sent-again").verdicts] == [Fate.DUPLICATE]
    parked = instead(example("rekor", "older-agent"), (b'"is_parked":false', b'"is_parked":true'))
    hears(site, parked)
    assert [event.withheld for event in site.wait(1)] == ["", "no parked cars"]


def test_custom_data_and_credentials_are_in_nothing_that_is_kept(site: Place) -> None:
    assert "k-4711" not in repr(hears(site, "alert"))
    assert "geheim" not in repr(hears(site, "heartbeat"))
