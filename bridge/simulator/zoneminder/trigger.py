"""zmtrigger's socket: lines in, without a word in reply; what begins and ends is told to everybody [2]."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from bridge.simulator.zoneminder.monitor import Monitor

_READ = 8192
_ACTION = re.compile(rb"^(on|off)(?:[ +](\d+))?$")


class Trigger:
    """``lines``: all that came, each as it was taken apart. ``lose``: so many of the next are lost, as some versions
    lose them (issue 4787 of ZoneMinder)."""

    def __init__(self, monitors: dict[int, Monitor], second: float = 1.0) -> None:
        self._monitors = monitors
        self._second = second
        self.lines: list[bytes] = []
        self.lose = 0
        self.on_line: Callable[[bytes], None] | None = None
        """Told of each as it comes."""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._timers: dict[int, asyncio.TimerHandle] = {}

    async def listen(self, host: str = "127.0.0.1") -> None:
        self._server = await asyncio.start_server(self._serve, host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As if killed: connections are cut, timed ends are forgotten."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    def tell(self, line: bytes) -> None:
        for writer in self._writers:
            writer.write(line + b"\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(_READ):
                for line in re.split(rb"\r?\n", data.rstrip(b"\n")):  # a line cut in two is taken for two
                    self._take(line)
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _take(self, line: bytes) -> None:
        self.lines.append(line)
        if self.on_line is not None:
            self.on_line(line)
        if self.lose:
            self.lose -= 1
            return
        line = line.removeprefix(b'"').removesuffix(b'"')
        parts = [*line.split(b"|"), b"", b"", b"", b""]
        if not parts[0].isdigit() or int(parts[0]) not in self._monitors:
            return
        monitor = self._monitors[int(parts[0])]
        action = _ACTION.match(parts[1])
        if parts[1] == b"cancel":
            monitor.cancel()
        elif action is not None and action[1] == b"on" and parts[2].isdigit() and int(parts[2]) > 0:
            monitor.force(int(parts[2]), parts[3], parts[4])
            if action[2]:
                self._end_in(monitor, int(action[2]))

    def _end_in(self, monitor: Monitor, seconds: int) -> None:
        pending = self._timers.pop(monitor.number, None)
        if pending is not None:
            pending.cancel()
        loop = asyncio.get_running_loop()
        self._timers[monitor.number] = loop.call_later(seconds * self._second, monitor.end)
