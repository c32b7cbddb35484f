"""Staying connected to a server: tried again for ever, said once when it is away and once when it is back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import msgspec

from connectors.backoff import Backoff
from connectors.base import Link

log = logging.getLogger("connectors.staying")

STEADY = 10.0
"""Seconds a connection has to last for the next one to be tried at once."""

REFUSED_PAUSE = 60.0
"""Seconds at least between two tries that show credentials which were refused: some devices lock an account."""

Session = TypeVar("Session")


class Away(Exception):
    """There is no connection, or no answer to use; says why. ``refused``: our credentials may be the reason.
    ``after``: seconds the server wants to be left alone."""

    def __init__(self, why: str, refused: bool = False, after: float = 0.0) -> None:
        super().__init__(why)
        self.refused = refused
        self.after = after


class Ended(msgspec.Struct, frozen=True):
    """How a connection ended. ``deaf``: nothing was heard on it for so long that it was no connection any more.
    ``after``: seconds the server wants to be left alone."""

    why: str
    deaf: bool = False
    after: float = 0.0


Alive: TypeAlias = Callable[[], None]
"""Called at each sign of life of a connection."""


class Staying:
    """``counts``: ``connections``, ``gaps`` between them, ``failed`` tries. ``away``: seconds of all gaps. ``refused``:
    the last try was, so that secrets are read anew for the next one.

    A connection is said to be up when it was made, but not if the one before ended soon or was deaf: then it has to
    show that it is alive, or, where ``lasting_is_alive``, to last ``steady`` seconds.
    """

    def __init__(self, name: str, link: Link, counts: Counter[str], backoff: Backoff, lasting_is_alive: bool) -> None:
        self.away = 0.0
        self.refused = False
        self.steady = STEADY
        self.refused_pause = REFUSED_PAUSE
        self._name = name
        self._link = link
        self._counts = counts
        self._backoff = backoff
        self._lasting_is_alive = lasting_is_alive
        self._said: str | None = None
        """The word that stands: "" for up, else why it is down."""
        self._lost_at: float | None = None
        self._heard = False  # anything, on this connection

    async def keep(
        self,
        open: Callable[[], Awaitable[Session]],
        converse: Callable[[Session, Alive], Awaitable[Ended]],
        what: Callable[[float | None], str],
        repeats: Callable[[], bool] = lambda: False,
    ) -> None:
        """For ever: ``open`` a session (raises Away or OSError), ``converse`` until it ended. ``what`` says in words
        what is connected, given the seconds it was away, None at first. ``repeats``: whether what was said in a gap
        will be said again.

        The link tells that it is down, and that it is up again: nothing is logged of that here. A gap too short for
        that is one line in the log."""
        doubtful, why = False, ""
        while True:
            try:
                session = await open()
            except (Away, OSError) as error:
                self.refused = isinstance(error, Away) and error.refused
                self._counts["failed"] += 1
                self._down(str(error.strerror or error) if isinstance(error, OSError) else str(error), lost_by=why)
                why = ""
                await asyncio.sleep(self._pause(error))
                continue
            self.refused = False
            began = time.monotonic()
            self._counts["connections"] += 1
            gap = self._gap(began)
            words = what(gap)
            if gap is not None and self._said == "":
                level = logging.INFO if repeats() else logging.WARNING
                log.log(level, "connector %s: %s; %s", self._name, why, words)
            ended = await self._while_it_lasts(session, converse, words, doubtful)
            self._lost_at, why = time.monotonic(), ended.why
            lasted = self._lost_at - began >= self.steady
            if lasted and (self._heard or not ended.deaf):
                self._backoff.reset()
            doubtful = ended.deaf or not lasted
            if not doubtful:
                await asyncio.sleep(ended.after)  # tried again at once: what is said meanwhile is not said again
                continue
            self._down(ended.why)
            await asyncio.sleep(max(ended.after, self._backoff.next()))

    async def _while_it_lasts(
        self, session: Session, converse: Callable[[Session, Alive], Awaitable[Ended]], words: str, doubtful: bool
    ) -> Ended:
        def up() -> None:
            if self._said != "":
                self._said = ""
                self._link.up(words)

        def alive() -> None:
            self._heard = True
            up()

        self._heard = False
        if not doubtful:
            up()
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self.steady, up) if self._lasting_is_alive else None
        try:
            return await converse(session, alive)
        finally:
            if timer is not None:
                timer.cancel()

    def _gap(self, now: float) -> float | None:
        if self._lost_at is None:
            return None
        self._counts["gaps"] += 1
        gap = now - self._lost_at
        self.away += gap
        self._lost_at = None
        return gap

    def _down(self, why: str, lost_by: str = "") -> None:
        """``lost_by``: how the connection ended before that, where nobody was told yet."""
        if why != self._said:
            told = f"{lost_by}; then {why}" if lost_by and self._said == "" else why
            self._said = why
            self._link.down(told)

    def _pause(self, error: Exception) -> float:
        pause = max(self._backoff.next(), getattr(error, "after", 0.0))
        return max(pause, self.refused_pause) if self.refused else pause
