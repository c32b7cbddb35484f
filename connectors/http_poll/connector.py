"""The HTTP poller as the service sees it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from bridge.model import ConnectorId, Finding, Findings, Message, Position, Reach
from bridge.secret import Secrets
from bridge.units import said_size
from connectors.backoff import Backoff, Pace
from connectors.base import Address, Addresses, ConnectorSettings, Intake, Link, Mode
from connectors.http_poll.cursor import Unusable
from connectors.http_poll.settings import HttpPollAddress, HttpPollSettings, schedule
from connectors.one_at_a_time import OneAtATime
from connectors.outbound import find_secrets, without_library
from connectors.reaching import connects
from connectors.staying import REFUSED_PAUSE, Away

if TYPE_CHECKING:
    from connectors.http_poll.asking import Asker
    from connectors.http_poll.polling import Keep, Poller

LOOK_EVERY = 30.0
"""Seconds between two looks at the clock while a set time is waited for."""


class HttpPollConnector:
    """Implements ``connectors.base.Connector``.

    ``counts``: see ``Poller``; also ``messages`` kept, ``again``: times the intake said later and was waited for,
    ``failed`` polls.
    """

    Settings: ClassVar[type[ConnectorSettings]] = HttpPollSettings
    Address: ClassVar[type[Address]] = HttpPollAddress

    def __init__(self, name: ConnectorId, settings: ConnectorSettings, addresses: Addresses, secrets: Secrets) -> None:
        if not isinstance(settings, HttpPollSettings):
            raise TypeError(f"an http-poll connector has settings of its own kind, not {type(settings).__name__}")
        self.counts: Counter[str] = Counter()
        self.backoff = Backoff()
        self.refused_pause = REFUSED_PAUSE
        self._pace = Pace(settings.every)
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._schedule = schedule(settings.cron, settings.timezone) if settings.cron else None
        self._now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def readdress(self, addresses: Addresses) -> None:
        """Nothing to do: which sensor an item is of, is the intake's to know."""

    @classmethod
    def reaches(cls, settings: ConnectorSettings, addresses: Addresses) -> Sequence[Reach]:
        """For the firewall's table."""
        assert isinstance(settings, HttpPollSettings)
        found = connects(
            settings.url,
            speaks="HTTPS" if settings.url.startswith("https:") else "HTTP",
            how_often=settings.when,
            how_large=f"{said_size(settings.max_body)} an answer at most",
            why="the device is asked what is new",
        )
        return (found, *settings.token_reaches())

    async def probe(self) -> Findings:
        """Ask once, as a first poll would, and keep nothing."""
        where = f"connectors.{self._name}"
        found = find_secrets(self._settings.secrets(), self._secrets, where)
        if found:
            return tuple(found)
        if self._settings.observe == "wait":
            return (Finding(True, f"{self._settings.url} is not asked: observe is wait", where),)

        async def keep(message: Message) -> None:
            """Nothing is."""

        try:
            poller, asker = await self._poller(keep)
        except OSError as error:
            return (Finding(False, error.strerror or str(error), where, "mend what it says"),)
        try:
            found.append(Finding(True, await poller.look(), where))
        except (Away, OSError) as error:
            return (Finding(False, str(error), where, "see whether the server runs, and what it is asked"),)
        finally:
            await asker.close()
        return tuple(found)

    async def run(self, intake: Intake, link: Link, mode: Mode) -> None:
        """Raises OSError when the library is not installed, the CA file cannot be read, or the cursor in the journal
        is of another kind."""
        if mode is Mode.OBSERVE and self._settings.observe == "wait":
            link.down("a dry run does not ask: it may take away what the running bridge reads; see observe")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return
        pages = OneAtATime(intake, self.counts)
        poller, asker = await self._poller(pages.keep)
        try:
            await self._begin(poller, intake)
            await pages.run(self._keep_polling(poller, link))
        finally:
            await asker.close()

    async def _poller(self, keep: Keep) -> tuple[Poller, Asker]:
        try:
            from connectors.asking.client import Authorization
            from connectors.http_poll.asking import Asker
            from connectors.http_poll.polling import Poller
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.partition(".")[0] != "httpx":
                raise
            raise without_library("httpx", "http-poll", "poll") from None
        tls: ssl.SSLContext | None = None
        if self._settings.url.startswith("https:"):
            tls = await asyncio.to_thread(self._settings.tls.context)
        authorization = await Authorization.of(self._settings, self._secrets, tls, self._settings.timeout)
        asker = Asker(self._settings, self._secrets, tls, authorization)
        return Poller(self._name, self._settings, asker, keep, self.counts), asker

    async def _begin(self, poller: Poller, intake: Intake) -> None:
        position: Position | None = await intake.position(poller.position)
        try:
            poller.begin(position)
        except Unusable as error:
            raise OSError(0, str(error)) from None

    async def _keep_polling(self, poller: Poller, link: Link) -> None:
        said: str | None = None
        failing_since: float | None = None
        while True:
            began = time.monotonic()
            try:
                more = await poller.poll()
            except (Away, OSError) as error:
                why = str(error.strerror or error) if isinstance(error, OSError) else str(error)
                self.counts["failed"] += 1
                failing_since = began if failing_since is None else failing_since
                if why != said:
                    link.down(why)
                    said = why
                await asyncio.sleep(self._pause(error))
                continue
            if said != "":
                back = "" if failing_since is None else f" again after {began - failing_since:.0f} s"
                link.up(f"{self._settings.url} answers{back}, asked {self._settings.when}")
                said, failing_since = "", None
            self.backoff.reset()
            if not more:
                await self._until_next(began)

    async def _until_next(self, began: float) -> None:
        """``began``: when the last poll did, on the monotonic clock."""
        if self._schedule is None:
            await asyncio.sleep(max(0.0, began + self._pace.next() - time.monotonic()))
            return
        due = self._schedule.next(self._now())
        # The clock may be set meanwhile, so it is looked at now and then.
        while (left := (due - self._now()).total_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, LOOK_EVERY))

    def _pause(self, error: Exception) -> float:
        """Never more often than is asked anyway, and not before the server wants to be."""
        pause = self.backoff.next()
        if self._schedule is None:
            pause = min(self._pace.next(), pause)
        pause = max(pause, getattr(error, "after", 0.0))
        return max(pause, self.refused_pause) if getattr(error, "refused", False) else pause
