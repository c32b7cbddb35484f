"""Who should have been heard by now, and what is said of it when there are many."""

from __future__ import annotations

from bridge.model import ConnectorId, Instant, SensorId
from bridge.supervision import Conditions
from bridge.supervision.silence import GATHERED, MANY, Silence, Watched, spoken
from tests.supervision.conftest import HandClock


class Ears:
    def __init__(self, count: int, limit: float = 600.0) -> None:
        self.clock = HandClock()
        self.conditions = Conditions(self.clock)
        self.heard: dict[SensorId, Instant] = {}
        self.pause: dict[str, str] = {}
        self.deaf = False
        self.names = [SensorId(f"door-{number:03}") for number in range(count)]
        self.silence = Silence(
            "silent", "silent-behind", "nothing heard", self.heard, self.conditions,
            lambda sensor: self.pause.get(sensor, ""), lambda sensor: self.deaf,
        )  # fmt: skip
        self.watched = {name: Watched(ConnectorId("lpr"), limit) for name in self.names}
        self.silence.watch(self.watched, self.clock.now())

    def hear(self, *numbers: int) -> None:
        for number in numbers:
            self.heard[self.names[number]] = self.clock.now()

    def passes(self, seconds: float) -> None:
        until = self.clock.seconds + seconds
        while self.clock.seconds < until:
            self.clock.seconds += 1.0
            self.silence.look(self.clock.now())

    def wrong(self) -> list[str]:
        return [each.key for each in self.conditions.held()]


def test_one_that_says_nothing_is_silent_and_one_that_speaks_is_not() -> None:
    ears = Ears(2)
    ears.hear(0, 1)
    ears.passes(500)
    ears.hear(1)
    ears.passes(100 + GATHERED)
    assert ears.wrong() == ["silent door-000"]
    (condition,) = ears.conditions.held()
    assert condition.why == "nothing heard for 10 min"
    assert condition.since == HandClock(0.0).now().utc, "since it was last heard"


def test_nobody_is_silent_for_the_time_before_it_was_watched() -> None:
    ears = Ears(1)
    ears.passes(599)
    assert ears.wrong() == []
    ears.passes(1 + GATHERED)
    assert ears.wrong() == ["silent door-000"]


def test_it_is_over_with_the_first_word() -> None:
    ears = Ears(1)
    ears.passes(700)
    ears.hear(0)
    ears.passes(1)
    assert ears.wrong() == []
    ears.passes(598)
    assert ears.wrong() == []
    ears.passes(1 + GATHERED)
    assert ears.wrong() == ["silent door-000"], "and it can be silent again"


def test_three_hundred_behind_one_connector_are_one_condition_that_lists_them() -> None:
    ears = Ears(300)
    ears.hear(*range(300))
    ears.passes(700)
    (condition,) = ears.conditions.held()
    assert condition.key == "silent-behind lpr"
    assert condition.names == tuple(ears.names)
    assert condition.why == "300 sensors behind connector lpr: nothing heard"


def test_those_last_heard_at_different_times_join_the_one_condition() -> None:
    ears = Ears(300)
    for number in range(300):
        ears.hear(number)
        ears.passes(2)
    ears.passes(600)
    assert ears.wrong() == ["silent-behind lpr"]
    assert len(ears.conditions.held()[0].names) == 300


def test_a_slow_trickle_is_no_storm_either() -> None:
    ears = Ears(50)
    for number in range(50):
        ears.hear(number)
        ears.passes(GATHERED + 5)
    ears.passes(600)
    assert len(ears.wrong()) <= MANY


def test_the_list_shrinks_as_they_speak_and_is_over_with_the_last() -> None:
    ears = Ears(5)
    ears.passes(620)
    ears.hear(0, 1, 2)
    ears.passes(1)
    assert ears.conditions.held()[0].names == ("door-003", "door-004")
    ears.hear(3, 4)
    ears.passes(1)
    assert ears.wrong() == []


def test_who_is_out_of_service_is_not_missed_and_gets_its_time_afterwards() -> None:
    ears = Ears(1)
    ears.pause["door-000"] = "is out of service: roof works"
    ears.passes(2000)
    assert ears.wrong() == []
    del ears.pause["door-000"]
    ears.passes(GATHERED + 100)
    assert ears.wrong() == [], "it gets its time again"
    ears.passes(600)
    assert ears.wrong() == ["silent door-000"]
    ears.pause["door-000"] = "is out of service: roof works"
    ears.passes(1)
    assert ears.wrong() == []


def test_who_was_silent_before_its_link_went_down_stays_silent_and_nobody_joins_it() -> None:
    ears = Ears(2)
    ears.passes(500)
    ears.hear(1)
    ears.passes(120)
    assert ears.wrong() == ["silent door-000"]
    ears.deaf = True
    ears.passes(2000)
    assert ears.wrong() == ["silent door-000"]


def test_another_site_ends_what_is_no_longer_watched_and_leaves_the_rest() -> None:
    ears = Ears(2)
    ears.passes(620)
    assert sorted(ears.wrong()) == ["silent door-000", "silent door-001"]
    ears.silence.watch({ears.names[0]: ears.watched[ears.names[0]]}, ears.clock.now())
    assert ears.wrong() == ["silent door-000"]
    for _ in range(50):
        ears.silence.watch({ears.names[0]: ears.watched[ears.names[0]]}, ears.clock.now())
    ears.passes(1)
    assert ears.wrong() == ["silent door-000"]


def test_durations_read_as_people_say_them() -> None:
    assert [spoken(each) for each in (30.0, 90.0, 600.0, 5400.0, 7200.0, 86400.0)] == [
        "30 s", "90 s", "10 min", "90 min", "2 h", "1 d",
    ]  # fmt: skip


def test_a_link_that_flaps_for_days_is_remembered_once() -> None:
    ears = Ears(10, limit=7 * 86400.0)
    for _ in range(1000):
        ears.clock.seconds += 5.0
        ears.silence.grace(ears.names, ears.clock.now())
        ears.silence.look(ears.clock.now())
    assert len(ears.silence._due) == 10


def test_who_could_not_be_heard_gets_all_its_time_from_when_it_could() -> None:
    ears = Ears(1)
    ears.passes(500)
    ears.silence.grace(ears.names, ears.clock.now())
    ears.passes(599)
    assert ears.wrong() == []
    ears.passes(1 + GATHERED)
    assert ears.wrong() == ["silent door-000"]
