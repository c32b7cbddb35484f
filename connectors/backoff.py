"""How long to wait before connecting, or asking, again."""

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
