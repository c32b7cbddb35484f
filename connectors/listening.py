"""A listening TCP port: how it is written in a setting, opened, and looked at without taking anything."""

from __future__ import annotations

import ipaddress
import re
import socket
import sys
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from bridge.model import Finding

_BIND = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})")


def parse_bind(text: str) -> tuple[str, int]:
    """``"0.0.0.0:8080"`` → ("0.0.0.0", 8080), ``"[::]:8080"`` → ("::", 8080). Raises ValueError with what to write."""
    found = _BIND.fullmatch(text.strip())
    wrong = ValueError("write address:port, for example 0.0.0.0:8080, or [::]:8080 for IPv6 and IPv4")
    if found is None or int(found[3]) > 65535:
        raise wrong
    try:
        host = ipaddress.IPv6Address(found[1]) if found[1] else ipaddress.IPv4Address(found[2])
    except ValueError:
        raise wrong from None
    return str(host), int(found[3])


def _bind(text: str) -> str:
    parse_bind(text)
    return text


Bind = Annotated[
    str,
    AfterValidator(_bind),
    WithJsonSchema({"type": "string", "pattern": r":\d{1,5}$", "examples": ["0.0.0.0:8080", "[::]:8080"]}),
]


def open_listener(bind: str) -> socket.socket:
    """A bound socket that does not listen yet; port 0 takes any free one, ``[::]`` takes IPv4 too.

    Raises OSError whose ``strerror`` says which port could not be had and why.
    """
    host, port = parse_bind(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is, and without it answers take 40 ms more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let two listen on one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        listener.bind((host, port))
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {bind}: {error.strerror or error}") from error
    return listener


def bound_to(listener: socket.socket) -> str:
    """The address it is really bound to, written like the setting: ``127.0.0.1:8080``, ``[::]:8080``."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def find_port(bind: str, where: str) -> Finding:
    """Whether the port can be had now."""
    try:
        open_listener(bind).close()
    except OSError as error:
        return Finding(
            False,
            error.strerror or str(error),
            where,
            "stop what uses this port (a running bridge does), or bind another",
        )
    return Finding(True, f"{bind} is free", where)
