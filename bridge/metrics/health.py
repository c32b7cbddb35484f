"""Whether the service is alive (else restart it) and ready (else somebody has to look).

Alive says nothing of the world outside: a VMS that is away, a full disk or a device that is silent is no reason to
restart. Ready says whether what is sent now is kept, and whether alarms arrive.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bridge.supervision import Condition
from bridge.supervision.kinds import OF_ALARMS

RED = ("journal", *OF_ALARMS)
"""First words of the conditions that make the service not ready."""


class Health(msgspec.Struct, frozen=True):
    """``why``: what is wrong, in sentences; empty when ``ok``."""

    ok: bool
    why: tuple[str, ...] = ()


def live(stuck: str) -> Health:
    return Health(not stuck, (stuck,) if stuck else ())


def ready(stuck: str, state: str, conditions: Iterable[Condition]) -> Health:
    """``state``: "running", or what it does instead of taking messages ("starting", "stopping")."""
    why = [stuck] if stuck else []
    if state != "running":
        why.append(f"the service is {state}")
    why += [f"{each.key}: {each.why}" for each in conditions if each.key.partition(" ")[0] in RED]
    return Health(not why, tuple(why))
