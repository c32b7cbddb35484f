"""Names and ways: does the name resolve, can the other end be connected to, and by which interface."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bridge.proving.destinations import Destination
from bridge.proving.lines import Line, Topic, ok, warn, wrong

RESOLVE = 5.0
CONNECT = 5.0
SLOW = 1.0
"""Seconds for a name, and for a connection; how long is called slow."""
_EACH = 3.0
"""Seconds for one of several addresses, as the service gives it."""
_SIOCGIFADDR = 0x8915


class Way(msgspec.Struct, frozen=True):
    """``address``: what a connection was made to; None when there was none."""

    lines: tuple[Line, ...]
    address: str | None = None


async def resolved(destination: Destination) -> tuple[list[Line], Sequence[str]]:
    """The addresses of its host, in the resolver's order; and a line about its name, where it is one."""
    if not destination.named:
        return [], [destination.host]
    host, where = destination.host, destination.where
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    try:
        async with asyncio.timeout(RESOLVE):
            found = await loop.getaddrinfo(host, destination.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        what = f"the name {host} was not resolved within {RESOLVE:g} s"
        return [wrong(Topic.NAMES, what, where, "see whether this machine's name servers answer (resolvectl)")], []
    except (OSError, UnicodeError) as error:
        what = f"the name {host} cannot be resolved: {getattr(error, 'strerror', None) or error}"
        remedy = "see whether it is written right, or let the name server know it; or write its address"
        return [wrong(Topic.NAMES, what, where, remedy)], []
    took = time.monotonic() - began
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    said = f"{host} is {', '.join(addresses[:4])}{' …' if len(addresses) > 4 else ''}"
    if took > SLOW:
        what = f"{said}, but finding that out took {took:.1f} s"
        return [warn(Topic.NAMES, what, where, "see which of this machine's name servers does not answer")], addresses
    return [ok(Topic.NAMES, said, where, took)], addresses


async def way_to(destination: Destination, addresses: Sequence[str]) -> Way:
    """Connect as the service would: to the first address that answers."""
    if destination.udp:
        return _udp(destination, addresses[0])
    where, lines = destination.where, []
    last = "it has no address"
    for address in addresses:
        began = time.monotonic()
        try:
            async with asyncio.timeout(_EACH if len(addresses) > 1 else CONNECT):
                local = await _connect(address, destination.port)
        except TimeoutError:
            last = "no answer: a firewall may swallow it, or nothing is there"
        except OSError as error:
            last = os.strerror(error.errno).lower() if error.errno else str(error)
            if error.errno == errno.ECONNREFUSED:
                last = "connection refused: the machine is there, and nothing listens on this port"
        else:
            took = time.monotonic() - began
            through = " (the proxy)" if destination.proxied else ""
            said = f"{destination.authority}{through} is reached{_by(address, destination.host)} {over(local)}"
            if took > SLOW:
                remedy = "see what is slow on the way"
                lines.append(warn(Topic.ROUTES, f"{said}, but connecting took {took:.1f} s", where, remedy))
            else:
                lines.append(ok(Topic.ROUTES, said, where, took))
            return Way(tuple(lines), address)
        if len(addresses) > 1:
            what = f"{destination.host} cannot be reached at {address}: {last}"
            lines.append(warn(Topic.ROUTES, what, where, "each new connection loses time there: mend it, or its name"))
    what = f"no connection to {destination.authority}: {last}"
    remedy = "see whether it runs, the port is right and the firewall lets it through (vms-bridge ports)"
    return Way((*lines, wrong(Topic.ROUTES, what, where, remedy)))


async def _connect(address: str, port: int) -> str:
    """Our own address on that connection. Raises OSError."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        opened.setblocking(False)
        await loop.sock_connect(opened, (address, port))
        return str(opened.getsockname()[0])


def _udp(destination: Destination, address: str) -> Way:
    """Which way it would go; nothing is sent, for nobody would have to answer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            opened.connect((address, destination.port))
            local = str(opened.getsockname()[0])
    except OSError as error:
        what = f"no way to {destination.authority}: {error.strerror}"
        return Way((wrong(Topic.ROUTES, what, destination.where, "see this machine's routes (ip route get)"),))
    said = f"the way to {destination.authority} (UDP) is {over(local)}; whether anybody listens, UDP does not tell"
    return Way((ok(Topic.ROUTES, said, destination.where),), address)


def over(local: str) -> str:
    """``over eth0 (10.0.0.7)``."""
    name = interface_of(local)
    return f"over {name} ({local})" if name else f"from {local}"


def _by(address: str, host: str) -> str:
    return "" if address == host else f" at {address}"


def interface_of(local: str) -> str:
    """The interface that has this address of ours, "" where it cannot be told (a second address, not Linux)."""
    with contextlib.suppress(OSError, ImportError, ValueError):
        return _of_ipv6(local) if ":" in local else _of_ipv4(local)
    return ""


def _of_ipv4(local: str) -> str:
    import fcntl

    wanted = socket.inet_aton(local)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # one without an address
                answer = fcntl.ioctl(asking, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                if answer[20:24] == wanted:
                    return name
    return ""


def _of_ipv6(local: str) -> str:
    wanted = socket.inet_pton(socket.AF_INET6, local.partition("%")[0]).hex()
    for line in Path("/proc/net/if_inet6").read_text("ascii").splitlines():
        words = line.split()
        if words[0] == wanted:
            return words[-1]
    return ""
