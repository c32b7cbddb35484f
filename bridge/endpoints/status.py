"""How an endpoint is, for ``status``."""

from __future__ import annotations

from datetime import datetime

import msgspec


class EndpointStatus(msgspec.Struct):
    """``position``: of the newest event its receiver has (of the subscriber furthest behind), ``last``: when that one
    arrived here. ``behind``: events after it, at most. ``refused``: events passed over because they were refused."""

    name: str
    type: str
    up: bool = False
    why: str = "starting"
    bound: str = ""
    subscribers: int = 0
    position: str = ""
    last: datetime | None = None
    behind: int = 0
    told: int = 0
    refused: int = 0
