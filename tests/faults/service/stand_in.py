"""Stands in for systemd: starts the service by the unit's own lines, hears what it tells, and keeps it alive.

What of systemd.exec(5) and systemd.service(5) the unit's promises need: Type=notify, the watchdog, LoadCredential
(copied at each start, never at a reload), StateDirectory, UMask, ExecReload, KillSignal, Restart. What it does not do
is fence the process in: that takes a systemd, see ``real``.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.faults.service.machine import WITHIN, Machine, clean_environment, output

_PLACES = ("/opt/", "/etc/", "/var/", "/run/")


class StandIn:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.told: list[dict[str, str]] = []
        """Every datagram of the service, as its assignments."""
        self.ended: list[int] = []
        """How each process of the service that ended did so."""
        self._unit = machine.service
        self._log = machine.at("/run/service.log")
        self._process: asyncio.subprocess.Process | None = None
        self._more = asyncio.Event()
        self._wanted = False
        self._alive_at = 0.0
        self._supervising: asyncio.Task[None] | None = None

    def _one(self, key: str) -> str:
        (value,) = self._unit[key]
        return value

    def _here(self, word: str) -> str:
        return f"{self.machine.root}{word}" if word.startswith(_PLACES) else word

    async def start(self) -> None:
        assert (self._one("Type"), self._one("Restart"), self._one("NotifyAccess")) == ("notify", "always", "main")
        self._wanted = True
        heard = self._ready_times()
        self._supervising = asyncio.create_task(self._supervise())
        await self._until_ready_again(heard)

    async def kill(self) -> None:
        await self._die(signal.SIGKILL, -signal.SIGKILL)

    async def freeze(self) -> None:
        await self._die(signal.SIGSTOP, -signal.SIGKILL)

    async def _die(self, number: signal.Signals, expected: int) -> None:
        assert self._process is not None
        heard, ended = self._ready_times(), len(self.ended)
        self._process.send_signal(number)
        await self._until_ready_again(heard)
        assert self.ended[ended:] == [expected]

    async def reload(self) -> None:
        """The lines of ExecReload; done when the service has said that it reloads, and then that it is ready."""
        assert self._process is not None
        heard = len(self.told)
        words = [word.replace("$MAINPID", str(self._process.pid)) for word in shlex.split(self._one("ExecReload"))]
        code, printed = await output(words)
        assert code == 0, printed
        await self._until(lambda: any(each.get("READY") == "1" for each in self.told[heard:]), "reloading")
        first = self.told[heard]
        if first.get("WATCHDOG"):
            first = next(each for each in self.told[heard:] if "WATCHDOG" not in each)
        assert first["RELOADING"] == "1"
        assert 0 < int(first["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        assert self._process is not None
        assert self._supervising is not None
        self._wanted = False
        heard = len(self.told)
        self._process.send_signal(signal.Signals[self._one("KillSignal")])
        async with asyncio.timeout(float(self._one("TimeoutStopSec"))):
            await self._supervising
        assert self.ended[-1] == 0
        assert any(each.get("STOPPING") == "1" for each in self.told[heard:])

    async def command(self, *words: str, given: str = "") -> str:
        words = tuple(self._here(word) for word in words)
        code, printed = await output([str(self.machine.program), *words], given, env=clean_environment(), cwd="/")
        assert code == 0, printed
        return printed

    def said(self) -> str:
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    async def _supervise(self) -> None:
        try:
            while self._wanted:
                await self._spawn()
                assert self._process is not None
                watching = asyncio.create_task(self._watch(self._process))
                self.ended.append(await self._process.wait())
                watching.cancel()
                await asyncio.wait([watching])
                self._more.set()
                if self._wanted:
                    await asyncio.sleep(float(self._one("RestartSec")))
        finally:
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def _spawn(self) -> None:
        self._credentials()
        environment = clean_environment() | {
            "NOTIFY_SOCKET": str(self.machine.at("/run/notify")),
            "WATCHDOG_USEC": str(int(self._seconds("WatchdogSec") * 1e6)),
            "CREDENTIALS_DIRECTORY": str(self.machine.at("/run/credentials")),
            "STATE_DIRECTORY": ":".join(str(each) for each in self._state()),
            "CONFIGURATION_DIRECTORY": str(self.machine.at("/etc/vms-bridge")),
        }
        words = [self._here(word) for word in shlex.split(self._one("ExecStart"))]
        mask = int(self._one("UMask"), 8)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh", *words,
                env=environment, cwd="/", umask=mask, start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._alive_at = time.monotonic()

    def _seconds(self, key: str) -> float:
        return float(self._one(key))

    def _state(self) -> list[Path]:
        """Those of StateDirectory, made when they are missing."""
        folders = [self.machine.at(f"/var/lib/{name}") for name in self._one("StateDirectory").split()]
        for folder in folders:
            folder.mkdir(mode=int(self._one("StateDirectoryMode"), 8), exist_ok=True)
        return folders

    def _credentials(self) -> None:
        """A copy of each, as it is now, that the service may only read."""
        folder = self.machine.at("/run/credentials")
        folder.mkdir(mode=0o700, exist_ok=True)
        for line in self._unit["LoadCredential"]:
            name, _, source = line.partition(":")
            with contextlib.suppress(FileNotFoundError):
                (folder / name).unlink()
            (folder / name).write_bytes(self.machine.at(source).read_bytes())
            (folder / name).chmod(0o400)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Kill it when it has shown no life for as long as WatchdogSec says."""
        allowed = self._seconds("WatchdogSec")
        while (left := self._alive_at + allowed - time.monotonic()) > 0:
            await asyncio.sleep(left)
        process.kill()

    def hear(self, datagram: bytes) -> None:
        said = dict(line.partition("=")[::2] for line in datagram.decode().splitlines())
        self.told.append(said)
        if said.get("WATCHDOG") == "1":
            self._alive_at = time.monotonic()
        self._more.set()

    def _ready_times(self) -> int:
        """How often a process said that it is ready for the first time; after a reload it has no STATUS."""
        return sum("READY" in each and "STATUS" in each for each in self.told)

    async def _until_ready_again(self, heard: int) -> None:
        await self._until(lambda: self._ready_times() > heard, "starting")

    async def _until(self, holds: object, what: str) -> None:
        assert callable(holds)
        try:
            async with asyncio.timeout(WITHIN):
                while not holds():
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{what}: told {self.told[-10:]}, ended {self.ended}\n{self.said()}") from None

    async def close(self) -> None:
        if self._supervising is not None:
            self._supervising.cancel()
            await asyncio.wait([self._supervising])


@contextlib.asynccontextmanager
async def standing_in(machine: Machine) -> AsyncIterator[StandIn]:
    steward = StandIn(machine)
    loop = asyncio.get_running_loop()
    place = machine.at("/run/notify")
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.setblocking(False)
        listening.bind(str(place))

        def hear() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    steward.hear(listening.recv(65536))

        loop.add_reader(listening, hear)
        try:
            yield steward
        finally:
            await steward.close()
            loop.remove_reader(listening)
