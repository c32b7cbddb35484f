"""Tells when the machine itself stands still: a datagram echoed by a process beside the bridge, on its core and before
it. What delays this is not the bridge's doing, so a round in which it happens is measured again.

As a program: the one who echoes; its port is given back with ``ready``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time

from tests.benchmarks.process import Child

LATE = 0.003
"""Seconds; on a machine that has time an echo takes a tenth of a millisecond."""

EVERY = 0.005
"""Seconds between two of them."""


class Canary(asyncio.DatagramProtocol):
    """``took``: seconds of each echo since it was cleared."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self._sent: dict[bytes, float] = {}
        self._number = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def sing(self) -> None:
        self._number += 1
        name = b"%d" % self._number
        self._sent[name] = time.monotonic()
        self._transport.sendto(name)

    def datagram_received(self, data: bytes, address: object) -> None:
        self.took.append(time.monotonic() - self._sent.pop(data))

    def clear(self) -> None:
        self.took.clear()

    @property
    def well(self) -> bool:
        """Whether fewer than one echo in two hundred was late: half of what moves a p99."""
        late = sum(took > LATE for took in self.took) + sum(at < time.monotonic() - 1 for at in self._sent.values())
        return late * 200 <= len(self.took)


async def canary(child: Child) -> Canary:
    port = int(child.ready_line.split()[1])
    _, made = await asyncio.get_running_loop().create_datagram_endpoint(Canary, remote_addr=("127.0.0.1", port))
    return made


def main() -> None:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echoing:
        echoing.bind(("127.0.0.1", 0))
        print("ready", echoing.getsockname()[1], flush=True)
        while True:
            data, source = echoing.recvfrom(64)
            echoing.sendto(data, source)


if __name__ == "__main__":
    main()
