"""One word of trouble, whatever way it goes."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """``state``: "active" while it holds, "restored" once it is over. ``names``: the sensors it lists, if any."""

    site: str
    site_name: str
    type: str
    key: str
    state: str
    title: str
    why: str
    since: datetime
    at: datetime
    names: tuple[str, ...] = ()


class NotTold(Exception):
    """Why it could not be said, without secrets."""
