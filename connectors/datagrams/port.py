"""A UDP port that is heard on: opened, and looked at without taking anything."""

from __future__ import annotations

import socket

from bridge.model import Finding
from bridge.units import said_size
from connectors.datagrams.receiving import deepen
from connectors.listening import parse_bind


def open_port(bind: str) -> socket.socket:
    """A bound socket that does not wait; port 0 takes any free one, ``[::]`` takes IPv4 too.

    Raises OSError whose ``strerror`` says which port could not be had and why.
    """
    host, port = parse_bind(bind)
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if opened.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        opened.bind((host, port))
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise OSError(error.errno, f"cannot hear on {bind}: {error.strerror or error}") from error
    return opened


def find_port(bind: str, buffer: int, where: str, others: str = "") -> tuple[Finding, ...]:
    """Whether the port can be had now, and the kernel's buffer with it. ``others``: programs that often have it."""
    try:
        opened = open_port(bind)
    except OSError as error:
        named = f", {others}" if others else ""
        more = f"stop what uses this port (a running bridge{named}), or bind another"
        if isinstance(error.__cause__, PermissionError):
            more = "give the service CAP_NET_BIND_SERVICE for ports below 1024, or bind another and redirect it there"
        return (Finding(False, error.strerror or str(error), where, more),)
    try:
        depth = deepen(opened, buffer)
    finally:
        opened.close()
    if depth < buffer:
        found = Finding(
            True,
            f"{bind} is free; the kernel keeps only {said_size(depth)} of a storm, {said_size(buffer)} were asked for",
            where,
            "raise net.core.rmem_max, or give the service CAP_NET_ADMIN",
        )
        return (found,)
    return (Finding(True, f"{bind} is free", where),)
