"""What flaps is one fault that lasts, and the worst of it a few events."""

from __future__ import annotations

from bridge.supervision.damping import AMEND_EVERY, LONGEST_STEADY, RELAPSE, STEADY, Damping


class Link:
    """A fault that the test turns on and off, and what was told of it."""

    def __init__(self, lasts: float = 5.0) -> None:
        self.damping = Damping()
        self.now = 0.0
        self.lasts = lasts
        self.told: list[tuple[float, bool]] = []

    def on(self, *names: str) -> None:
        self.damping.begins("connector lpr", "refused", names, self.lasts, self.now)

    def off(self) -> None:
        self.damping.ends("connector lpr", self.now)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 1.0
            for fault in self.damping.due(self.now):
                self.told.append((self.now, fault.on))
                self.damping.was_told(fault, fault.on, fault.names, self.now)

    def events(self) -> list[bool]:
        return [on for _, on in self.told]


def test_what_lasts_is_told_once_and_its_end_once() -> None:
    link = Link()
    link.on()
    link.wait(300)
    assert link.events() == [True]
    link.off()
    link.wait(300)
    assert link.events() == [True, False]
    assert not link.damping.faults


def test_a_short_break_is_nothing() -> None:
    link = Link()
    link.on()
    link.wait(4)
    link.off()
    link.wait(60)
    assert link.told == []
    assert not link.damping.faults


def test_what_comes_and_goes_faster_than_it_lasts_is_told_all_the_same() -> None:
    link = Link()
    for _ in range(20):
        link.on()
        link.wait(3)
        link.off()
        link.wait(3)
    link.on()
    link.wait(1)
    assert link.events() == [True]


def test_it_is_over_only_once_it_stayed_away() -> None:
    link = Link()
    link.on()
    link.wait(10)
    link.off()
    link.wait(STEADY - 1)
    link.on()
    link.wait(60)
    assert link.events() == [True]


def test_a_day_of_flapping_is_a_few_events() -> None:
    link = Link()
    for _ in range(24 * 60):
        link.on()
        link.wait(30)
        link.off()
        link.wait(30)
    assert 1 < len(link.told) <= 6
    assert link.events()[-1], "it still flaps: the fault stands"


def test_the_time_it_has_to_stay_away_is_bounded_and_forgotten() -> None:
    link = Link(lasts=0.0)
    for _ in range(20):
        link.on()
        link.wait(2)
        link.off()
        link.wait(LONGEST_STEADY + 1)
    assert link.events() == [True, False] * 20
    link.wait(RELAPSE)
    link.on()
    link.wait(2)
    link.off()
    link.wait(STEADY)
    assert link.events()[-1] is False


def test_one_that_lists_more_by_now_is_told_again_but_not_often() -> None:
    link = Link(lasts=0.0)
    for number in range(120):
        link.on(*(f"door-{each}" for each in range(number)))
        link.wait(1)
    assert len(link.told) <= 2 + 120 / AMEND_EVERY


def test_one_that_came_back_while_its_end_was_told_is_told_again() -> None:
    link = Link(lasts=0.0)
    link.on()
    link.wait(1)
    link.off()
    link.now += STEADY
    (fault,) = link.damping.due(link.now)
    link.on()
    link.damping.was_told(fault, False, (), link.now)
    link.wait(1)
    assert link.events() == [True, True]


def test_one_that_grew_while_it_was_told_is_told_again() -> None:
    link = Link(lasts=0.0)
    link.on("door-1")
    (fault,) = link.damping.due(link.now)
    link.on("door-1", "door-2")
    link.damping.was_told(fault, True, ("door-1",), link.now)
    link.wait(AMEND_EVERY + 1)
    assert link.events() == [True]


def test_what_was_open_at_the_last_stop_is_over_unless_it_is_heard_of() -> None:
    link = Link()
    link.damping.restore("connector lpr", "refused", (), 0.0, unheard=60.0)
    link.wait(59)
    assert link.told == []
    link.wait(1)
    assert link.events() == [False]


def test_what_was_open_and_still_holds_is_not_told_again() -> None:
    link = Link()
    link.damping.restore("connector lpr", "refused", (), 0.0, unheard=60.0)
    link.wait(3)
    link.on()
    link.wait(600)
    assert link.told == []
    link.off()
    link.wait(60)
    assert link.events() == [False]
