"""What follows from one message."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.decide.rules import Select
from bridge.model import Action, Clock, Fate, Malformed, Part, State, Urgency
from bridge.profiles.expression import ExpressionFailed
from tests.decide.conftest import START, Bench, draft, site_of


class Says:
    """An expression at our own seam: what it answers, or that it fails."""

    text = "…"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def evaluate(self, variables: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_an_item_becomes_one_event_on_every_camera_of_its_sensor(bench: Bench) -> None:
    decision = bench.say(draft())
    assert [verdict.fate for verdict in decision.verdicts] == [Fate.RAISED]
    assert [event.id for event in decision.events] == ["m1.0"]
    assert [(each.camera, each.action) for each in decision.deliveries] == [
        ("gate-in", Action.RAISE),
        ("gate-wide", Action.RAISE),
    ]


def test_the_same_identity_within_the_window_is_a_duplicate_that_names_the_first(bench: Bench) -> None:
    bench.say(draft(dedup="902/new"))
    again = bench.say(draft(dedup="902/new"))
    assert again.verdicts[0].fate is Fate.DUPLICATE
    assert "m1.0" in again.verdicts[0].why
    assert again.events == ()


def test_the_same_identity_after_the_window_is_a_second_event(bench: Bench) -> None:
    bench.say(draft(dedup="902/new", dedup_window=60.0))
    bench.seconds = 61.0
    assert bench.say(draft(dedup="902/new", dedup_window=60.0)).verdicts[0].fate is Fate.RAISED


def test_two_equal_items_of_one_message_are_told_apart_as_item_and_duplicate(bench: Bench) -> None:
    decision = bench.say(draft(dedup="902/new"), draft(dedup="902/new"))
    assert [verdict.fate for verdict in decision.verdicts] == [Fate.RAISED, Fate.DUPLICATE]


def test_without_identity_a_resend_is_a_second_event(bench: Bench) -> None:
    assert [bench.say(draft()).verdicts[0].fate for _ in range(2)] == [Fate.RAISED, Fate.RAISED]


def test_what_cannot_be_read_or_is_nobodys_is_quarantined_and_its_neighbours_are_not(bench: Bench) -> None:
    decision = bench.say(Malformed(0, "not JSON"), draft(), None)
    assert [verdict.fate for verdict in decision.verdicts] == [Fate.QUARANTINED, Fate.RAISED, Fate.QUARANTINED]
    assert [(each.index, each.unknown) for each in decision.quarantined] == [(0, False), (2, True)]
    assert decision.quarantined[0].origin == "lpr 10.0.0.21 /gate"


def test_a_quiet_item_is_filtered_under_its_profiles_reason(bench: Bench) -> None:
    verdict = bench.say(draft(quiet="heartbeat")).verdicts[0]
    assert (verdict.fate, verdict.rule) == (Fate.FILTERED, "profile: heartbeat")


def test_a_rule_that_says_no_filters_by_name() -> None:
    verdict = Bench(site_of(Select("no fleet cars", Says(False)))).say(draft()).verdicts[0]  # type: ignore[arg-type]
    assert (verdict.fate, verdict.rule) == (Fate.FILTERED, "no fleet cars")


def test_a_rule_that_fails_lets_the_event_through_marked() -> None:
    failing = Select("by list", Says(ExpressionFailed("no field list")))  # type: ignore[arg-type]
    decision = Bench(site_of(failing)).say(draft())
    assert decision.events[0].marks == ("rule by list failed: no field list",)


def test_a_restore_closes_the_open_condition_and_takes_its_urgency(bench: Bench) -> None:
    leak = draft(type="leak", condition="rope 1", state=State.ACTIVE, urgency=Urgency.ALARM)
    opened = bench.say(leak).events[0]
    restored = bench.say(draft(type="leak", condition="rope 1", state=State.RESTORED)).events[0]
    assert (restored.closes, restored.urgency) == (opened.id, Urgency.ALARM)
    orphan = bench.say(draft(type="leak", condition="rope 1", state=State.RESTORED)).events[0]
    assert (orphan.closes, orphan.marks) == (None, ("restored without a known start",))


@pytest.mark.parametrize(
    ("ago", "clock", "kept"),
    [(0.2, Clock.DEVICE, True), (3600, Clock.LATE, True), (-3, Clock.DEVICE, True), (-600, Clock.ARRIVAL, False)],
)
def test_the_devices_time_is_kept_unless_it_lies_in_the_future(
    bench: Bench, ago: float, clock: Clock, kept: bool
) -> None:
    event = bench.say(draft(occurred_at=START - timedelta(seconds=ago))).events[0]
    assert event.clock is clock
    assert event.clock_offset == pytest.approx(-ago)
    assert event.occurred_at == (START - timedelta(seconds=ago) if kept else START)


def test_pictures_are_kept_once_and_the_event_names_them(bench: Bench) -> None:
    picture = Part("image/jpeg", b"\xff\xd8\xff picture", filename="BinaryImage")
    decision = bench.say(draft(roles=("plate",), detail=b'{"carID":"902"}'), media=(picture,))
    assert decision.message is not None
    assert [(kept.media.role, kept.data) for kept in decision.message.media] == [("plate", picture.data)]
    assert decision.events[0].media == tuple(kept.media for kept in decision.message.media)
    assert decision.message.message.body == b'{"carID":"902"}'


def test_a_body_that_held_no_picture_is_kept_as_it_came(bench: Bench) -> None:
    fetched = Part("image/jpeg", b"\xff\xd8\xff picture")
    decision = bench.say(draft(detail=b'{"read":"from it"}'), media=(fetched,))
    assert decision.message is not None
    assert decision.message.message.body != b'{"read":"from it"}'


def test_a_fired_event_is_marked_as_a_test(bench: Bench) -> None:
    assert bench.say(draft(), test=True).events[0].test


YEAR = 365 * 86400.0


def test_what_was_told_while_the_clock_was_a_year_ahead_does_not_swallow_what_is_told_today(bench: Bench) -> None:
    """A box without a battery guesses the date until it has asked somebody. Devices count from 1 again each day."""
    bench.seconds = YEAR
    bench.say(draft(dedup="902/new"))
    bench.seconds = 0.0
    assert bench.say(draft(dedup="902/new")).verdicts[0].fate is Fate.RAISED
    assert bench.say(draft(dedup="902/new")).verdicts[0].fate is Fate.DUPLICATE


def test_a_clock_that_is_set_back_a_little_makes_no_duplicate_an_event(bench: Bench) -> None:
    bench.say(draft(dedup="902/new", dedup_window=600.0))
    bench.seconds = -300.0
    assert bench.say(draft(dedup="902/new", dedup_window=600.0)).verdicts[0].fate is Fate.DUPLICATE
