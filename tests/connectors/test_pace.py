"""Many devices are asked for the first time at the same moment, when the site starts, and not ever after."""

from __future__ import annotations

from connectors.backoff import Pace


def test_the_first_pause_is_by_chance_and_never_longer_than_any_other() -> None:
    paces = [Pace(10.0) for _ in range(200)]
    first = sorted(each.next() for each in paces)
    assert 0.0 <= first[0] < 3.0 < 7.0 < first[-1] <= 10.0
    assert len(set(first)) > 100
    assert {each.next() for each in paces} == {10.0}
