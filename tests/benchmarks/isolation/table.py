"""From rounds to a row: the p99 with the bad to the p99 without, and how far rounds differ that are all without."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.isolation.cases import Case
from tests.benchmarks.isolation.measuring import Round, p99

HEAD = (
    "| beside | p99 without, ms: push, poll | A / A: push | A / A: poll | ×1: push | ×1: poll | many: push | many: poll"
    " | processor, % | lost |\n|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass
class Row:
    """``without``: rounds with the healthy alone; ``beside``: how many bad ones → the rounds with them. All in their
    order, the two kinds in turn."""

    case: Case
    without: list[Round] = field(default_factory=list)
    beside: dict[int, list[Round]] = field(default_factory=dict)

    def ratio(self, count: int, polled: bool = False) -> float:
        """Of the p99 of all events beside so many to that of all events without."""
        return _p99(self.beside[count], polled) / _p99(self.without, polled)

    def noise(self, polled: bool = False) -> float:
        """Of every other round without to the ones between."""
        return _p99(self.without[1::2], polled) / _p99(self.without[::2], polled)

    @property
    def lost(self) -> int:
        return sum(each.lost for each in (*self.without, *(each for many in self.beside.values() for each in many)))

    def __str__(self) -> str:
        counts = sorted(self.beside)
        cells = [
            self.case.name,
            ", ".join(f"{_p99(self.without, polled):.1f}" for polled in (False, True)),
            *(f"{self.noise(polled):.2f} ({self._spread(self.without, polled)})" for polled in (False, True)),
            *(
                f"**{self.ratio(count, polled):.2f}** ({self._spread(self.beside[count], polled)})"
                for count in counts
                for polled in (False, True)
            ),
            " / ".join(f"{_busy(rounds):.0f}" for rounds in (self.without, *(self.beside[each] for each in counts))),
            str(self.lost),
        ]
        return f"| {' | '.join(cells)} |"

    def _spread(self, rounds: Sequence[Round], polled: bool) -> str:
        """From the least p99 of a round to the greatest, to the p99 of all without."""
        ratios = [_p99([each], polled) / _p99(self.without, polled) for each in rounds]
        return f"{min(ratios):.2f}–{max(ratios):.2f}"


def _p99(rounds: Iterable[Round], polled: bool) -> float:
    return p99([seconds for each in rounds for seconds in (each.poll if polled else each.push)])


def _busy(rounds: Sequence[Round]) -> float:
    return statistics.mean(each.busy for each in rounds) * 100
