"""How long to wait before connecting, or asking, again; and between two questions that come every so often."""

from __future__ import annotations

import random


class Backoff:
    """Seconds until the next try: ``first`` doubled with each, ``longest`` at most, the last half of it by chance, so
    that many who lost the same server do not come back together."""

    def __init__(self, first: float = 1.0, longest: float = 60.0) -> None:
        self.first = first
        self.longest = longest
        self._tries = 0

    def next(self) -> float:
        seconds = min(self.longest, self.first * 2.0 ** min(self._tries, 32))
        self._tries += 1
        return random.uniform(seconds / 2, seconds)  # noqa: S311 - spreads retries, guards nothing

    def reset(self) -> None:
        self._tries = 0


class Pace:
    """Seconds until the next question of those that come ``every`` so often. The devices of a site are all asked for
    the first time when it starts, and would be asked together ever after, everything else waiting for it (a hundred
    Modbus devices: a tenth of a second each time); so the first pause is shorter, by chance, and never longer."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._spread = False

    def next(self) -> float:
        if self._spread:
            return self._every
        self._spread = True
        return random.uniform(0.0, self._every)  # noqa: S311 - spreads questions, guards nothing
