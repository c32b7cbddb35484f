"""The addresses of one port, compiled: which of them a request may be for, found by one look-up of its path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from bridge.secret import SecretRef
from connectors.base import Address
from connectors.http.settings import AUTHORIZATION, HttpAddress
from connectors.sources import Sources

_REMEMBERED_PEERS = 1024


class Claim(msgspec.Struct, frozen=True):
    """What one address asks of a request beyond its path: source, plain headers, and a credential in ``header``."""

    sources: Sources | None
    texts: tuple[tuple[bytes, str], ...]
    secret: SecretRef | None
    header: bytes
    basic: bool


class Near(msgspec.Struct, frozen=True):
    """The addresses that match a request's path and source.

    ``guarded``: some of them ask for a credential. ``headers``: where credentials may stand.
    """

    claims: tuple[Claim, ...]
    guarded: bool
    selective: bool
    headers: tuple[bytes, ...]
    secrets: frozenset[SecretRef]


def _near(claims: Iterable[Claim]) -> Near:
    found = tuple(dict.fromkeys(claims))  # sensors told apart by identity alone ask for the same
    return Near(
        found,
        any(claim.secret is not None for claim in found),
        any(claim.texts for claim in found),
        tuple({claim.header: None for claim in found if claim.secret is not None}),
        frozenset(claim.secret for claim in found if claim.secret is not None),
    )


NOBODY = _near(())


class Place:
    """The addresses of one path, by the hosts they may come from."""

    def __init__(self) -> None:
        self._by_host: dict[str, list[Claim]] = {}
        self._wider: list[Claim] = []
        self._peers: dict[str, Near] = {}

    def add(self, claim: Claim) -> None:
        if claim.sources is None or claim.sources.networks:
            self._wider.append(claim)
        else:
            for host in claim.sources.hosts:
                self._by_host.setdefault(host, []).append(claim)

    def near(self, peer: str) -> Near:
        found = self._peers.get(peer)
        if found is None:
            if len(self._peers) >= _REMEMBERED_PEERS:
                self._peers.clear()
            wider = [claim for claim in self._wider if claim.sources is None or claim.sources.cover(peer)]
            found = self._peers[peer] = _near([*self._by_host.get(peer, ()), *wider])
        return found


class Table:
    """Immutable once made; a reload makes another one. Takes the port's addresses, all of them ``HttpAddress``.

    ``wanted``: names of the headers that some address looks at. ``attributes``: those of them that a message's origin
    carries; a header in which some address expects a secret only where its value is a text another address expects.
    """

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._places: dict[str, Place] = {}
        self._anywhere = Place()
        self._listens_anywhere = False
        texts: dict[bytes, set[str]] = {}
        secret: set[bytes] = set()
        for address in addresses:
            if not isinstance(address, HttpAddress):
                raise TypeError(f"an http connector has addresses of its own kind, not {type(address).__name__}")
            claim = _claim(address)
            for name, value in claim.texts:
                texts.setdefault(name, set()).add(value)
            if claim.secret is not None:
                secret.add(claim.header)
            if address.path is None:
                self._listens_anywhere = True
                self._anywhere.add(claim)
            else:
                self._places.setdefault(address.path, Place()).add(claim)
        self.wanted = frozenset({*texts, *secret})
        self.attributes: Mapping[bytes, tuple[str, frozenset[str] | None]] = {
            name: (name.decode("latin-1"), frozenset(values) if name in secret else None)
            for name, values in texts.items()
        }

    def knows(self, path: str) -> bool:
        """Whether some sensor listens on this path."""
        return self._listens_anywhere or path in self._places

    def near(self, path: str, peer: str) -> Near:
        """The addresses of this path and source; where there are none, those of this source that name no path."""
        place = self._places.get(path)
        if place is not None:
            found = place.near(peer)
            if found.claims:
                return found
        return self._anywhere.near(peer) if self._listens_anywhere else NOBODY


def _claim(address: HttpAddress) -> Claim:
    header = next((name for name, value in address.header.items() if isinstance(value, SecretRef)), AUTHORIZATION)
    return Claim(
        address.from_,
        tuple((name.encode("latin-1", "replace"), value) for name, value in address.texts.items()),
        address.secret,
        header.encode("latin-1", "replace"),
        address.basic is not None,
    )
