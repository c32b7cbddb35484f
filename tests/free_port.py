"""A port to be named before somebody listens on it: in a site's file, on a program's command line.

The kernel gives ports of its own range to whoever asks for any, or connects, at any time: one that was free a moment
ago may be another test's by now, or a client's that tries to reach it (and then speaks to itself). So this one is from
below that range; other processes begin elsewhere.
"""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path

_FIRST = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _last() -> int:
    """The first of the kernel's own (ip(7): ip_local_port_range), where it says so and leaves us enough."""
    try:
        last = int(_RANGE.read_text().split()[0])
    except OSError:
        last = 0
    return last if last > _FIRST + 5_000 else 32_768


_ports = itertools.cycle(range(_FIRST, _last()))
for _ in range(random.SystemRandom().randrange(_last() - _FIRST)):
    next(_ports)


def free_port() -> int:
    """Of loopback, TCP and UDP; not given again by this process until all others were."""
    for port in _ports:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            try:
                stream.bind(("127.0.0.1", port))
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("it goes round")
