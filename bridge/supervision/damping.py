"""When a change is worth an event: what flaps is one fault that lasts, never a storm. Pure.

A fault is told once it has lasted, short breaks in it included; it is over once it has stayed away for a while. That
while doubles with each relapse within the hour, so that the worst flapping tells a few events and then holds.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

STEADY = 10.0
"""Seconds a fault has to stay away before it is told to be over."""
LONGEST_STEADY = 1800.0
RELAPSE = 3600.0
"""Seconds after its end in which a fault that comes back has to stay away twice as long the next time."""
AMEND_EVERY = 60.0
"""Seconds between two changes told of one fault that lasts."""
_REMEMBERED = 10_000


class Fault(msgspec.Struct):
    """``on``: it holds now. ``told``: there is an open event of it. ``began``: when it first held, breaks included;
    ``ended``: when it last ceased. ``why``, ``names``: as last heard; ``shown``: the names its event has. ``times``:
    how often it began. All times are monotonic seconds."""

    key: str
    lasts: float
    on: bool
    began: float
    ended: float = 0.0
    told: bool = False
    told_at: float = 0.0
    steady: float = STEADY
    why: str = ""
    names: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    times: int = 1


class Damping:
    """``due`` names the faults something is to be told of; say what was told with ``was_told``."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._relapsing: dict[str, tuple[float, float]] = {}  # key → how long it stayed away, and until when it counts

    @property
    def faults(self) -> Mapping[str, Fault]:
        return self._faults

    def restore(self, key: str, why: str, names: tuple[str, ...], now: float, unheard: float) -> None:
        """A fault whose event was open when the service stopped; over unless it is heard of within ``unheard``
        seconds."""
        self._faults[key] = Fault(
            key, 0.0, False, now, ended=now + unheard - STEADY, told=True, told_at=now, why=why, names=names,
            shown=names,
        )  # fmt: skip

    def begins(self, key: str, why: str, names: tuple[str, ...], lasts: float, now: float) -> None:
        """It holds, or it still holds in another way."""
        fault = self._faults.get(key)
        if fault is None:
            steady, until = self._relapsing.get(key, (STEADY, 0.0))
            fault = self._faults[key] = Fault(key, lasts, True, now, steady=steady if now < until else STEADY)
        elif not fault.on:
            fault.on, fault.times = True, fault.times + 1
        fault.why, fault.names = why, names

    def ends(self, key: str, now: float) -> None:
        fault = self._faults.get(key)
        if fault is not None and fault.on:
            fault.on, fault.ended = False, now

    def due(self, now: float) -> list[Fault]:
        """Those to be told: begun (``on`` and not ``told``), changed (``on`` and ``told``), over (not ``on``)."""
        found = []
        for fault in list(self._faults.values()):
            if fault.on:
                if not fault.told:
                    if now - fault.began >= fault.lasts:
                        found.append(fault)
                elif fault.shown != fault.names and now - fault.told_at >= AMEND_EVERY:
                    found.append(fault)
            elif now - fault.ended >= fault.steady:
                if fault.told:
                    found.append(fault)
                else:
                    del self._faults[fault.key]
        return found

    def was_told(self, fault: Fault, on: bool, names: tuple[str, ...], now: float) -> None:
        """``due`` named it, and this was told of it; by now it may be otherwise."""
        if on:
            fault.told, fault.told_at, fault.shown = True, now, names
            return
        del self._faults[fault.key]
        self._relapsing.pop(fault.key, None)
        steady = min(fault.steady * 2, LONGEST_STEADY)
        self._relapsing[fault.key] = (steady, now + RELAPSE)
        if fault.on:  # it came back while its end was written down
            again = Fault(fault.key, fault.lasts, True, now, steady=steady, why=fault.why, names=fault.names)
            self._faults[fault.key] = again
        while len(self._relapsing) > _REMEMBERED:
            del self._relapsing[next(iter(self._relapsing))]
