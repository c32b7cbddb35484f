"""Ports that nobody else was given.

Those that a system gives away by itself (from 32768, or 49152) may have been another test's a moment ago, and a client
of that test's connector, which tries for ever, comes to us: a case compares every byte and would hear it.
"""

from __future__ import annotations

import itertools
import os
import socket

_EACH = 100
_FIRST = 20_000 + os.getpid() % 120 * _EACH
"""Of this process, so that two that run at once do not choose the same."""

_next = itertools.cycle(range(_FIRST, _FIRST + _EACH))


def own_port() -> int:
    """One of 127.0.0.1 that is free, for TCP and UDP. Raises OSError when none is."""
    for port in itertools.islice(_next, _EACH):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"all ports from {_FIRST} to {_FIRST + _EACH} are taken")
