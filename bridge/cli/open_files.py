"""How many files and sockets a service may have open at once."""

from __future__ import annotations

import contextlib

ENOUGH = 65_536


def allow_enough() -> None:
    """Take what the system lets this user have, up to ``ENOUGH``.

    Shells and systemd begin with 1,024, and one port alone takes 2,000 connections: whoever opened a thousand of them
    would leave none for other senders, for the VMS and for pictures. A lower limit that cannot be raised stays.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    with contextlib.suppress(OSError, ValueError):
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = ENOUGH if most == resource.RLIM_INFINITY else min(ENOUGH, most)
        if now != resource.RLIM_INFINITY and now < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
