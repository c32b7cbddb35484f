"""What connectors tell a firewall: lines for a port they listen on, or for a server they connect to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from bridge.model import Reach
from connectors.base import Address
from connectors.listening import parse_bind
from connectors.sources import Sources

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "mqtt": 1883, "mqtts": 8883}


def listens(
    bind: str, addresses: Iterable[Address], *, speaks: str, how_often: str, how_large: str, why: str
) -> tuple[Reach, ...]:
    """One line for each place that some address names with ``from``, or one for anybody."""
    _, port = parse_bind(bind)
    return tuple(
        Reach(
            inbound=True, peer=peer, port=port, bind=bind, speaks=speaks, how_often=how_often, how_large=how_large,
            why=why,
        )
        for peer in _senders(addresses)
    )  # fmt: skip


def connects(url: str, *, speaks: str, how_often: str, how_large: str, why: str) -> Reach:
    parts = urlsplit(url)
    return Reach(
        inbound=False, peer=parts.hostname or "?", port=parts.port or _PORTS.get(parts.scheme), speaks=speaks,
        how_often=how_often, how_large=how_large, why=why,
    )  # fmt: skip


def _senders(addresses: Iterable[Address]) -> Sequence[str]:
    """The places that addresses name, sorted; anybody as soon as one of them names none."""
    named: set[str] = set()
    for address in addresses:
        sources = getattr(address, "from_", None)
        if not isinstance(sources, Sources):
            return [""]
        named.update(sources.texts)
    return sorted(named) or [""]
