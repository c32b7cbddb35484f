"""What a device has on record says which changes must be events: none more, none less."""

from __future__ import annotations

import pytest

from tests.faults.ways.points import owed


@pytest.mark.parametrize(
    ("told", "reported", "stands", "must"),
    [
        ([[0, 1, 2, 3]], {1, 2, 3}, 3, {1, 2, 3}),  # all was read, and the bridge lived on
        ([[0, 1, 4, 5]], {1, 4, 5}, 5, {1, 4, 5}),  # 2 and 3 came and went
        ([[0, 3]], {3}, 3, {3}),
        ([[0, 2]], set(), 2, set()),  # on and off again between two questions
        ([[0, 1, 2, 3]], {1}, 2, {1, 2}),  # killed before 2 was kept; it stands, so it is to come
        ([[0, 1, 2, 3], [4]], {1, 4}, 4, {1, 4}),  # 2 and 3 died with the bridge
        ([[0, 1, 2, 3], [3]], {1}, 3, {1}),  # it stands as it was told last
        ([[0, 1], [1]], {1}, 1, {1}),  # kept by the first bridge or by the second
        ([[0, 1, 2, 3], [3]], {3}, 3, {3}),  # the first bridge kept nothing
        ([[0, 1, 2, 3], [5]], {1, 3, 5}, 5, {1, 2, 3}),  # 2 is lost, and 5 turned nothing
        ([[0, 1], [3, 4]], {1, 3, 4}, 4, {1, 4}),  # 3 was told though 1 stood: the state was not kept with its event
        ([[0, 1, 2, 3]], {1, 3}, 3, {1, 2, 3}),  # what is kept later proves what came before
    ],
)
def test_what_is_owed_follows_from_what_was_answered(
    told: list[list[int]], reported: set[int], stands: int, must: set[int]
) -> None:
    assert owed(told, reported, stands) == must
