"""VisualCortex at the site of its page: one webhook for many sensors, what comes twice, how volume is kept down."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.model import Decision, Fate
from tests.profiles.place import Place, example, instead, place


@pytest.fixture
def site(tmp_path: Path) -> Place:
    return place("visualcortex", tmp_path)


def hears(site: Place, body: bytes) -> Decision:
    return site.hears("web", body, "/vc/7hT3xkQ9")


def crossing(number: int, **words: str) -> bytes:
    pairs = [(f'"{key}":"{old}"'.encode(), f'"{key}":"{words[key]}"'.encode()) for key, old in
             (("label", "person"), ("direction", "exit")) if key in words]  # fmt: skip
    return instead(example("visualcortex", "bare-object"), (b"915f260001", b"915f26%04d" % number), *pairs)


def dwell(number: int, seconds: str) -> bytes:
    words = ((b'seconds":2.1', f'seconds":{seconds}'.encode()), (b"90654e0001", b"90654e%04d" % number))
    return instead(example("visualcortex", "wrapped-as-records"), *words)


def fates(decision: Decision) -> list[tuple[str | None, Fate, str | None]]:
    return [(verdict.sensor, verdict.fate, verdict.rule) for verdict in decision.verdicts]


def test_a_rule_of_a_camera_and_the_camera_are_two_sensors(site: Place) -> None:
    assert fates(hears(site, example("visualcortex", "s1-batch-of-two").body)) == [
        ("dock-tripwire", Fate.RAISED, None),
        ("dock-camera", Fate.FILTERED, "dwell of a minute and more"),
    ]


def test_webhook_edge_webhook_and_pub_sub_tell_one_event(site: Place) -> None:
    hears(site, example("visualcortex", "s1-batch-of-two").body)
    for way in ("s1-batch-of-two", "pub-sub-push", "upper-case-ids"):
        again = hears(site, example("visualcortex", way).body)
        assert [verdict.fate for verdict in again.verdicts] == [Fate.DUPLICATE] * len(again.verdicts)


def test_the_same_again_after_ten_minutes_is_another_event(site: Place) -> None:
    hears(site, example("visualcortex", "bare-object").body)
    site.wait(595)
    assert [v.fate for v in hears(site, example("visualcortex", "bare-object").body).verdicts] == [Fate.DUPLICATE]
    site.wait(6)
    assert fates(hears(site, example("visualcortex", "bare-object").body)) == [("dock-tripwire", Fate.RAISED, None)]


def test_crossings_are_at_most_one_in_ten_seconds_for_each_direction_and_the_next_says_how_many(site: Place) -> None:
    first = [hears(site, crossing(number, direction=way)) for number, way in enumerate(("in", "in", "out", "in"))]
    assert [decision.verdicts[0].fate for decision in first] == [Fate.RAISED, Fate.FILTERED, Fate.RAISED, Fate.FILTERED]
    site.wait(11)
    (event,) = hears(site, crossing(9, direction="in")).events
    assert event.fields["suppressed"] == 2


def test_only_people_are_told_and_only_at_night(site: Place) -> None:
    assert fates(hears(site, crossing(1, label="bicycle"))) == [("dock-tripwire", Fate.FILTERED, "people only")]
    site.wait(14 * 3600)
    at_ten = crossing(2).replace(b"2026-01-05T09:00:03", b"2026-01-05T23:00:03")
    assert fates(hears(site, at_ten)) == [("dock-tripwire", Fate.FILTERED, "at night")]


@pytest.mark.parametrize(("seconds", "fate"), [("59.9", Fate.FILTERED), ("60", Fate.RAISED), ('"61.5"', Fate.RAISED)])
def test_a_dwell_is_told_from_a_minute_on_however_its_number_is_written(site: Place, seconds: str, fate: Fate) -> None:
    decision = hears(site, dwell(1, seconds))
    assert [verdict.fate for verdict in decision.verdicts] == [fate]
    assert [(event.marks, event.urgency.name) for event in decision.events] == [((), "FAULT")] * len(decision.events)


def test_an_object_that_stays_is_told_once_in_five_minutes(site: Place) -> None:
    body = dwell(1, "70")
    later = body.replace(b'"event_dttm":"2026-01-05T09:00:03', b'"event_dttm":"2026-01-05T09:01:03')
    assert [hears(site, each).verdicts[0].fate for each in (body, later)] == [Fate.RAISED, Fate.FILTERED]


def test_a_batch_of_a_thousand_with_a_broken_element_is_read_to_its_end(site: Place) -> None:
    big = crossing(9998).replace(b'"label":', b'"note":"' + b"x" * 100_000 + b'","label":')
    body = b"[" + b",".join([*map(crossing, range(998)), b'{"type":"event"}', big]) + b"]"
    decision = hears(site, body)
    assert len(decision.verdicts) == 1000
    assert [verdict.index for verdict in decision.verdicts if verdict.fate is Fate.QUARANTINED] == [998]
