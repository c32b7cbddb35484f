"""Senders that are not let in: a fault where an address names them by themselves, else one line in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from bridge.model import ConnectorId
from connectors.base import Address, Link
from connectors.http.address import HttpAddress

log = logging.getLogger("connectors.http")

IN_A_ROW = 3
"""Refusals with nothing let in between, until something is said: many senders ask without credentials first, and some
on several connections at once."""

MOST_SENDERS = 1024
"""Anybody may send: so many are remembered who were refused lately, besides those whom an address names."""

MOST_SAID = 100
"""And so many of those whom no address names are told of in the log."""


class _Sender(msgspec.Struct):
    """``refused``: times in a row. ``part``: where its fault was told."""

    refused: int = 0
    part: Link | None = None


class Refusals:
    """``any``: whether somebody was refused and not let in since; only then ``let_in`` has anything to do."""

    def __init__(self, name: ConnectorId, addresses: Iterable[Address] = ()) -> None:
        self.any = False
        self._name = name
        self._link: Link | None = None
        self._senders: dict[tuple[str, str], _Sender] = {}
        self._said: set[str] = set()
        self._named: frozenset[tuple[str, str]] = frozenset()
        self.readdress(addresses)

    def begin(self, link: Link) -> None:
        """Where faults are told from now on; of what was before, the link knows nothing."""
        self._link = link
        self._senders.clear()

    def readdress(self, addresses: Iterable[Address]) -> None:
        """A fault of one whom no address names any more is of no concern; of the others, only faults are remembered:
        whom an address names from now on is counted from now on."""
        self._named = frozenset(
            (peer, address.path or "")
            for address in addresses
            if isinstance(address, HttpAddress) and address.credentials
            for peer in address.peers()
        )
        for key in [key for key, sender in self._senders.items() if not sender.part or key not in self._named]:
            self._end(self._senders.pop(key))

    def refused(self, peer: str, path: str) -> None:
        """``path``: as an address writes it, "" where none names one."""
        sender = self._senders.get((peer, path))
        if sender is None:
            if len(self._senders) >= MOST_SENDERS + len(self._named):
                self._senders = {key: each for key, each in self._senders.items() if key in self._named}
            sender = self._senders[peer, path] = _Sender()
        self.any = True
        sender.refused += 1
        if sender.refused != IN_A_ROW:
            return
        why = f"what {peer} sends to {path or 'any path'} is refused: wrong or missing credentials"
        if (peer, path) in self._named and self._link is not None:
            sender.part = self._link.part(f"{peer} {path}".rstrip())
            sender.part.down(why)
        elif peer not in self._said and len(self._said) < MOST_SAID:
            self._said.add(peer)
            log.warning("connector %s: %s; said once", self._name, why)

    def let_in(self, peer: str, path: str) -> None:
        sender = self._senders.pop((peer, path), None)
        if sender is not None:
            self._end(sender)
            self.any = bool(self._senders)

    def _end(self, sender: _Sender) -> None:
        if sender.part is not None:
            sender.part.up()
