"""The ports the site listens on: free, or held by our own running service; else by whom."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Collection
from pathlib import Path

from bridge.config.places import Places
from bridge.config.site import Site
from bridge.ports import reaches_of
from bridge.proving.destinations import place_of
from bridge.proving.lines import Line, Topic, ok, wrong
from connectors.listening import open_listener, parse_bind

_TABLES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}


def of_site(site: Site, places: Places, held: Collection[str], process: int | None) -> list[Line]:
    """``held``: the addresses that the running service says it listens on; ``process``: its id."""
    lines = []
    seen = set()
    for part, reach in reaches_of(site):
        if not reach.inbound or not reach.bind or (reach.bind, reach.protocol) in seen:
            continue
        seen.add((reach.bind, reach.protocol))
        where = place_of(places, part, "bind")
        lines.append(look(reach.bind, reach.protocol, where, held, process))
    return lines


def look(bind: str, protocol: str, where: str, held: Collection[str] = (), process: int | None = None) -> Line:
    """Bind it for a moment, without listening."""
    _, port = parse_bind(bind)
    if port == 0:
        return ok(Topic.PORTS, f"{bind} takes any free port", where)
    try:
        (_open_datagrams(bind) if protocol == "udp" else open_listener(bind)).close()
    except OSError as error:
        return _refused(bind, port, protocol, where, error, held, process)
    if process is not None and bind in held:
        return ok(Topic.PORTS, f"{bind} is held by our own running service", where)
    return ok(Topic.PORTS, f"{bind} ({protocol}) is free", where)


def _refused(
    bind: str, port: int, protocol: str, where: str, error: OSError, held: Collection[str], process: int | None
) -> Line:
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(port, protocol)
        if bind in held or (process is not None and holder is not None and holder[0] == process):
            return ok(Topic.PORTS, f"{bind} ({protocol}) is held by our own running service", where)
        by = f" by {holder[1]} (process {holder[0]})" if holder is not None else " by another program"
        remedy = f"stop what uses it (ss -lnp 'sport = :{port}' names it, as root), or bind another"
        return wrong(Topic.PORTS, f"{bind} ({protocol}) is taken{by}", where, remedy)
    if error.errno in (errno.EACCES, errno.EPERM):
        what = f"{bind} ({protocol}) is not allowed for this user: ports below 1024 are the system's"
        remedy = "take a port from 1024, or give the service CAP_NET_BIND_SERVICE (see docs/deploy.md)"
        return wrong(Topic.PORTS, what, where, remedy)
    if error.errno == errno.EADDRNOTAVAIL:
        what = f"{bind}: this machine does not have that address"
        return wrong(Topic.PORTS, what, where, "write an address of this machine (ip address), or 0.0.0.0 for all")
    return wrong(Topic.PORTS, f"{bind} ({protocol}) cannot be had: {error.strerror}", where, "bind another")


def _open_datagrams(bind: str) -> socket.socket:
    host, port = parse_bind(bind)
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.bind((host, port))
    except BaseException:
        opened.close()
        raise
    return opened


def holder_of(port: int, protocol: str, proc: Path = Path("/proc")) -> tuple[int, str] | None:
    """(process, its name) of who listens there; None where it cannot be seen: another user's, or not Linux."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port, protocol, proc)}
    if not wanted:
        return None
    for folder in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for link in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(link) in wanted:
                        return int(folder.name), (folder / "comm").read_text("utf-8", "replace").strip()
    return None


def _inodes(port: int, protocol: str, proc: Path) -> set[str]:
    """Of the sockets that are bound to it and, for TCP, listen (state 0A; proc(5), /proc/net/tcp)."""
    found = set()
    for name in _TABLES.get(protocol, ()):
        with contextlib.suppress(OSError):
            for line in (proc / "net" / name).read_text("ascii").splitlines()[1:]:
                words = line.split()
                if words[1].endswith(f":{port:04X}") and (protocol == "udp" or words[3] == "0A"):
                    found.add(words[9])
    return found
