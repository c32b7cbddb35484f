"""Asking VXG to make a clip [7]: looked for first, so that asking again after a lost answer makes no other."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bridge.vms.recorded import Refused
from bridge.vms.vxg.account import Account
from bridge.vms.vxg.held import Clip, Holdings
from bridge.vms.vxg.meta import encoded, naive
from bridge.vms.vxg.reading import Reading

MAKE = "/api/v4/clips/"


class _Made(msgspec.Struct):
    id: int | str


class Clips:
    """``digits``: of ``event_time``: VXG's page shows a clip with an event when the two times are equal [7]."""

    def __init__(self, reading: Reading, holdings: Holdings, digits: int) -> None:
        self._reading = reading
        self._holdings = holdings
        self._digits = digits

    async def make(self, account: Account, since: datetime, until: datetime, title: str, at: datetime) -> str:
        """The clip's number. Raises Refused, CannotTell."""
        there = await self._there(account, title, at)
        if there is not None:
            return str(there.id)
        body = encoded(
            {
                "title": title,
                "start": naive(since, 0),
                "end": naive(until, 0),
                "event_time": naive(at, self._digits),
                "wait_for_data": True,
            }
        )
        return str((await self._reading.ask(account, "POST", MAKE, body, _Made)).id)

    async def _there(self, account: Account, title: str, at: datetime) -> Clip | None:
        """The clip of this title, unless VXG failed over it. A list that is refused is no reason not to try."""
        try:
            async for clip in self._holdings.clips(account, at):
                if clip.title == title and clip.status != "error":
                    return clip
        except Refused:
            pass
        return None
