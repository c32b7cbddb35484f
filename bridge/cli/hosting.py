"""A service in this process: its control socket, the signals that stop and reload it, and when it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

from bridge.cli.ending import Code, Failure
from bridge.cli.notify import Notifier
from bridge.clock import SystemClock
from bridge.config.difference import Compared, Difference
from bridge.config.errors import SiteErrors
from bridge.config.load import load
from bridge.config.site import Site
from bridge.control.answer import Refused
from bridge.control.door import NAME, Door, DoorError, open_door
from bridge.control.server import Control, serve
from bridge.control.tap import Tap
from bridge.journal.contract import JournalError
from bridge.journal.sqlite.files import make_folder
from bridge.service import ReloadRefused, Service, Status

log = logging.getLogger("bridge.run")

LONGEST_START = 10.0
"""Seconds a connector may take to say up or down before the service is called ready without it."""


def open_control(control: Path | None, journal: Path) -> Door:
    """The control socket, in the journal's folder unless it is given. Raises Failure."""
    if control is None:
        make_folder(journal)
    try:
        return open_door(control or journal / NAME)
    except DoorError as error:
        raise Failure(Code.REFUSED, str(error)) from error


async def started(starting: Coroutine[object, object, Service]) -> Service:
    """Raises Failure when the journal is somebody else's, or cannot be used."""
    try:
        return await starting
    except JournalError as error:
        raise Failure(Code.REFUSED, f"journal: {error}") from error


@contextlib.asynccontextmanager
async def signals(*numbers: signal.Signals) -> AsyncIterator[asyncio.Queue[signal.Signals]]:
    """The signals of these numbers as a queue, instead of what they do by themselves."""
    loop = asyncio.get_running_loop()
    came: asyncio.Queue[signal.Signals] = asyncio.Queue()
    before: dict[signal.Signals, Any] = {}
    if sys.platform == "win32":  # its loops cannot watch signals
        for number in numbers:
            before[number] = signal.signal(
                number, lambda got, _: loop.call_soon_threadsafe(came.put_nowait, signal.Signals(got))
            )
    else:
        for number in numbers:
            loop.add_signal_handler(number, came.put_nowait, number)
    try:
        yield came
    finally:
        for number in numbers:
            if number in before:
                signal.signal(number, before[number])
            else:
                loop.remove_signal_handler(number)


class Hosted:
    """``path``: the site's file, read again on reload. ``bound``: seconds the service gets to stop. ``notifier``: who
    is told of all this, if anybody."""

    def __init__(self, service: Service, path: Path, bound: float, notifier: Notifier | None = None) -> None:
        self._service = service
        self._notifier = notifier or Notifier({})
        self._path = path
        self._bound = bound
        self._reloading = asyncio.Lock()

    async def control(self, tap: Tap, door: Door) -> None:
        """Answer commands until cancelled."""
        control = Control(self._service, tap, self.reload, SystemClock().now, door.token, self.compare)
        await serve(control, tap, door)

    async def compare(self) -> Compared:
        """Read the site again and say what a reload would do. Raises Refused."""
        try:
            site = await self._read()
        except SiteErrors as errors:
            raise Refused(errors.render()) from errors
        except (OSError, ValueError) as error:
            raise Refused(str(error)) from error
        return Compared(
            pid=os.getpid(),
            site=str(self._path.absolute()),
            digest=site.digest,
            running=self._service.site.digest,
            difference=self._service.differs(site),
        )

    async def reload(self, digest: str | None = None) -> Difference:
        """Read the site again and take what differs; with ``digest`` only if it still has that. Raises Refused, with
        every error, and then nothing changed."""
        async with self._reloading:
            self._notifier.reloading()
            try:
                changed = await self._service.reload(await self._read(digest))
            except SiteErrors as errors:
                for error in errors.errors:
                    log.error("%s", error)  # noqa: TRY400 - each error names its place; a traceback would hide it
                log.error("reload refused: the site has %d errors, nothing was changed", len(errors.errors))  # noqa: TRY400
                raise Refused(errors.render()) from errors
            except (OSError, ValueError, JournalError) as error:
                log.error("reload refused: %s; nothing was changed", error)  # noqa: TRY400
                raise Refused(str(error)) from error
            except Exception as error:
                log.exception("reload refused: a fault of ours; nothing was changed")
                raise Refused(f"a fault of ours: {type(error).__name__}: {error}") from error
            finally:
                self._notifier.tell("READY=1")
            log.info("reloaded: %s", changed)
            return changed

    async def _read(self, digest: str | None = None) -> Site:
        """The site as it is written now. Raises SiteErrors, OSError, ReloadRefused."""
        site = await asyncio.to_thread(load, self._path)
        if digest not in (None, site.digest):
            raise ReloadRefused("the site was changed since it was looked at: plan again")
        return site

    async def follow_signals(self) -> None:
        """SIGTERM and Ctrl-C stop the service, a second one at once; SIGHUP reloads it. Ends once stopped."""
        numbers = [signal.SIGTERM, signal.SIGINT]
        if sys.platform != "win32":
            numbers.append(signal.SIGHUP)
        async with signals(*numbers) as came, asyncio.TaskGroup() as group:
            stopping: asyncio.Task[None] | None = None
            while True:
                number = await came.get()
                if sys.platform != "win32" and number == signal.SIGHUP:
                    group.create_task(self._reload_quietly())
                elif stopping is None:
                    log.info("%s: stopping, within %.0f s", number.name, self._bound)
                    self._notifier.tell("STOPPING=1")
                    stopping = group.create_task(self._service.stop(self._bound))
                else:
                    log.warning(
                        "%s again: stopping now; what was being sent is looked for at the next start", number.name
                    )
                    stopping.cancel()
                    raise KeyboardInterrupt

    async def _reload_quietly(self) -> None:
        with contextlib.suppress(Refused):  # said in the log, error by error
            await self.reload()

    async def ready(self) -> Status:
        """Wait until every connector has said that it is up, or why not."""
        deadline = asyncio.get_running_loop().time() + LONGEST_START
        while True:
            status = await self._service.status()
            starting = [each for each in status.connectors if not each.up and each.why == "starting"]
            complete = len(status.connectors) >= len(self._service.site.connectors)
            if (complete and not starting) or asyncio.get_running_loop().time() > deadline:
                return status
            await asyncio.sleep(0.01)

    async def show_life(self) -> None:
        """Feed systemd's watchdog as long as the pipeline moves, until cancelled."""
        await self._notifier.beat(lambda: self._service.observing.pulse.stuck, asyncio.sleep)

    async def tell_ready(self, control: Path | None, as_json: bool) -> None:
        """Print the one line that says so, with the addresses the ways in really have."""
        status = await self.ready()
        ways = status.connectors
        up = sum(way.up for way in ways)
        self._notifier.tell("READY=1", f"STATUS={status.site}: {up} of {len(ways)} connectors up at the start")
        if as_json:
            told = [{"name": way.name, "up": way.up, "bound": way.bound, "why": way.why} for way in ways]
            facts = {"site": status.site, "pid": status.pid, "connectors": told}
            where = {"control": str(control)} if control else {}
            print(json.dumps({"what": "ready", **facts, **where}), flush=True)
            return
        names = [f"{way.name} on {way.bound or way.type}" if way.up else f"{way.name} DOWN ({way.why})" for way in ways]
        where_to_ask = f"; control {control}" if control else ""
        print(f"ready: {status.site}, pid {status.pid}; {', '.join(names) or 'no ways in'}{where_to_ask}", flush=True)
