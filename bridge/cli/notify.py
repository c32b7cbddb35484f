"""Telling systemd how the service is: sd_notify(3), one datagram each, where ``NOTIFY_SOCKET`` says so.

The watchdog is fed only while the pipeline moves (``bridge.metrics.pulse``): a process that is there but keeps nothing
is killed and started anew. https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger("bridge.run")


class Notifier:
    """``beats_every``: seconds between two signs of life, None when nobody waits for them."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.beats_every = _interval(environment) if self._address else None

    def tell(self, *lines: str) -> None:
        """``READY=1``, ``STATUS=…``. Without a socket, or when nobody reads it, nothing happens."""
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
                sending.setblocking(False)
                sending.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.warning("systemd could not be told %s: %s", lines[0], error.strerror)

    def reloading(self) -> None:
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    async def beat(self, stuck: Callable[[], str], sleep: Callable[[float], Awaitable[None]]) -> None:
        """Feed the watchdog until cancelled, as long as nothing is stuck; what is, is said once."""
        if self.beats_every is None:
            return
        said = False
        while True:
            why = stuck()
            if not why:
                self.tell("WATCHDOG=1")
            elif not said:
                log.error("%s: the watchdog is not fed any more", why)
                self.tell(f"STATUS={why}")
            said = bool(why)
            await sleep(self.beats_every)


def _interval(environment: Mapping[str, str]) -> float | None:
    """A third of the time systemd allows, if it is this process that it watches."""
    whose = environment.get("WATCHDOG_PID", "")
    allowed = environment.get("WATCHDOG_USEC", "")
    if not allowed.isdecimal() or int(allowed) == 0 or whose not in ("", str(os.getpid())):
        return None
    return int(allowed) / 1e6 / 3
