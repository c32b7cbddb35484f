"""What any simulated VMS does on a bad day, on demand and the same each time for the same seed."""

from __future__ import annotations

import enum
import random
import re
import time
from collections.abc import Callable, Sequence

import msgspec


class Kind(enum.Enum):
    """Status codes and bodies are the VMS's own: VXG's are those of its reference, section 12.4.

    The three slow ones differ in when the work is done: SLOW waits, then works unless the client has gone;
    LATE_COMMIT waits, then works whether or not anybody still listens; LATE_ANSWER works at once and answers late.
    """

    UNAUTHORIZED = "unauthorized"
    """401"""
    THROTTLED = "throttled"
    """429 with Retry-After: ``seconds``"""
    SERVER_ERROR = "server_error"
    """500, JSON"""
    UNAVAILABLE = "unavailable"
    """503, JSON"""
    BAD_GATEWAY = "bad_gateway"
    """502 with a page of HTML, as a proxy in between writes it"""
    SLOW = "slow"
    CUT_BEFORE = "cut_before"
    """The connection ends; nothing was done"""
    CUT_AFTER = "cut_after"
    """The connection ends; the work was done"""
    LATE_COMMIT = "late_commit"
    LATE_ANSWER = "late_answer"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One way to misbehave, and when.

    ``path``: regular expression searched in the path (empty: every one of the VMS's API). ``method``: only this one.
    ``probability``: of each request it could hit. ``next``: only the next so many it hits. ``starts_in``/``lasts``:
    a window in seconds from when it was set. ``seconds``: how long the slow ones wait; Retry-After of 429 and 503.
    """

    kind: Kind
    path: str = ""
    method: str = ""
    probability: float = 1.0
    next: int | None = None
    starts_in: float = 0.0
    lasts: float | None = None
    seconds: float = 2.0


class _Set(msgspec.Struct):
    id: int
    fault: Fault
    pattern: re.Pattern[str]
    chance: random.Random
    begins: float
    ends: float
    left: int | None
    hits: int = 0


class Faults:
    """The faults that are on. Each has its own chance, drawn once per request it could hit."""

    def __init__(self, seed: int = 1, now: Callable[[], float] = time.monotonic) -> None:
        self._seed = seed
        self._now = now
        self._next_id = 1
        self._on: list[_Set] = []
        self.hits: dict[Kind, int] = {}
        """How often each kind was done."""

    def add(self, fault: Fault) -> int:
        """Switch a fault on; the number to switch it off by."""
        begins = self._now() + fault.starts_in
        ends = begins + fault.lasts if fault.lasts is not None else float("inf")
        number, self._next_id = self._next_id, self._next_id + 1
        chance = random.Random(f"{self._seed} {number}")  # noqa: S311 - must repeat
        self._on.append(_Set(number, fault, re.compile(fault.path), chance, begins, ends, fault.next))
        return number

    def remove(self, number: int) -> bool:
        before = len(self._on)
        self._on = [each for each in self._on if each.id != number]
        return len(self._on) < before

    def clear(self) -> None:
        self._on.clear()

    def on(self) -> list[tuple[int, Fault, int]]:
        """(number, fault, how often it hit) of each that is switched on."""
        return [(each.id, each.fault, each.hits) for each in self._on]

    def pick(self, method: str, path: str) -> Fault | None:
        """The fault this request meets, if any: the first that hits, in the order they were switched on."""
        if not self._on:
            return None
        now = self._now()
        for each in self._on:
            fault = each.fault
            if each.left == 0 or not each.begins <= now < each.ends or (fault.method and fault.method != method):
                continue
            if not each.pattern.search(path):
                continue
            if fault.probability < 1.0 and each.chance.random() >= fault.probability:
                continue
            if each.left is not None:
                each.left -= 1
            each.hits += 1
            self.hits[fault.kind] = self.hits.get(fault.kind, 0) + 1
            return fault
        return None


def every_kind(
    share: float, *, seconds: float = 2.0, path: str = "", kinds: Sequence[Kind] = tuple(Kind)
) -> list[Fault]:
    """All kinds together on ``share`` of the requests, equally often; ``seconds`` for the slow ones, 0 Retry-After."""
    faults = []
    left = 1.0  # each is asked only when those before it passed
    for kind in kinds:
        each = share / len(kinds)
        refused = kind in (Kind.THROTTLED, Kind.UNAVAILABLE)
        faults.append(Fault(kind=kind, path=path, probability=each / left, seconds=0.0 if refused else seconds))
        left -= each
    return faults
