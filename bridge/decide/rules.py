"""What a sensor does to its events. One class per rule, made from YAML by the configuration."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from bridge.profiles.expression import Expression


class Select(msgspec.Struct, frozen=True):
    """Let an event through only when the expression is true; it sees ``event``. ``name`` is shown when it filters."""

    name: str
    expression: Expression


class CollapseOff(msgspec.Struct, frozen=True):
    """Raise every message as an event of its own, whatever the profile would make one of."""

    name: str = "collapse: off"


Rule: TypeAlias = Select | CollapseOff
