"""The addresses of one port, compiled: which of them a request may be for, found by one look-up of its path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from bridge.secret import SecretRef
from connectors.base import Address
from connectors.http import answers
from connectors.http.address import HttpAddress
from connectors.http.answers import Answer
from connectors.http.methods import Credential, Method
from connectors.http.querying import WHOLE
from connectors.http.reply import Reply
from connectors.sources import Sources

READ_ALWAYS = frozenset({b"content-type", b"content-length", b"transfer-encoding", b"content-encoding"})

_REMEMBERED_PEERS = 1024


class Claim(msgspec.Struct, frozen=True):
    """What one address asks of a request beyond its path: source, plain headers, and one way to show its secret.

    ``reply``: what its sender reads. ``from_query``: the parameter its messages may stand in, or WHOLE; None: none.
    """

    sources: Sources | None
    texts: tuple[tuple[bytes, str], ...]
    credential: Credential | None
    reply: Reply | None = None
    from_query: str | None = None

    @property
    def secret(self) -> SecretRef | None:
        return None if self.credential is None else self.credential.secret


class Near(msgspec.Struct, frozen=True):
    """The addresses that match a request's path and source.

    ``guarded``: some of them ask for a credential. ``headers``: where credentials may stand that are the same in every
    request, and ``unchanging`` those credentials. ``methods``: all that are asked for. ``signatures``: claims whose
    credential is over the body. ``replies``: what to answer, by the secret that was shown.
    """

    claims: tuple[Claim, ...]
    guarded: bool
    selective: bool
    headers: tuple[bytes, ...]
    unchanging: frozenset[tuple[SecretRef, str]]
    methods: frozenset[Method]
    signatures: tuple[Claim, ...]
    replies: Mapping[SecretRef | None, Answer]
    from_query: tuple[str, ...]


def _near(claims: Iterable[Claim]) -> Near:
    found = tuple(dict.fromkeys(claims))  # sensors told apart by identity alone ask for the same
    asked = [claim.credential for claim in found if claim.credential is not None]
    unchanging = [each for each in asked if each.method not in (Method.DIGEST, Method.HMAC)]
    replies: dict[SecretRef | None, Answer] = {}
    for claim in found:
        if claim.reply is not None:
            replies.setdefault(claim.secret, answers.kept(claim.reply.content_type, claim.reply.body))
    return Near(
        found,
        bool(asked),
        any(claim.texts for claim in found),
        tuple({each.where: None for each in unchanging}),
        frozenset((each.secret, each.method.value) for each in unchanging),
        frozenset(each.method for each in asked),
        tuple(claim for claim in found if claim.credential is not None and claim.credential.method is Method.HMAC),
        replies,
        tuple({claim.from_query: None for claim in found if claim.from_query is not None}),
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

    ``wanted``: names of the headers that some address looks at; ``read``: those and what says how the body comes.
    ``attributes``: those that a message's origin carries; a header in which some address expects a secret only where
    its value is a text another address expects. ``in_query``: query parameters with secrets, as ``methods.in_query``
    writes them. ``queried``: some address takes messages out of the query.
    """

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._places: dict[str, Place] = {}
        self._anywhere = Place()
        self._listens_anywhere = False
        self.queried = False
        texts: dict[bytes, set[str]] = {}
        secret: set[bytes] = set()
        for address in addresses:
            if not isinstance(address, HttpAddress):
                raise TypeError(f"an http connector has addresses of its own kind, not {type(address).__name__}")
            for claim in _claims(address):
                for name, value in claim.texts:
                    texts.setdefault(name, set()).add(value)
                if claim.credential is not None:
                    secret.add(claim.credential.where)
                self.queried = self.queried or claim.from_query is not None
                place = self._anywhere if address.path is None else self._places.setdefault(address.path, Place())
                place.add(claim)
            self._listens_anywhere = self._listens_anywhere or address.path is None
        self.in_query = frozenset(where for where in secret if where[:1] == b"?")
        self.wanted = frozenset({*texts, *secret}) - self.in_query
        self.read = self.wanted | READ_ALWAYS
        self.attributes: Mapping[bytes, tuple[str, frozenset[str] | None]] = {
            name: (name.decode("latin-1"), frozenset(values) if name in secret else None)
            for name, values in texts.items()
        }

    def knows(self, path: str) -> bool:
        """Whether some sensor listens on this path."""
        return self._listens_anywhere or path in self._places

    def place(self, path: str) -> str:
        """The path as an address names it, or "" where none does: nothing a sender can make more of."""
        return path if path in self._places else ""

    def near(self, path: str, peer: str) -> Near:
        """The addresses of this path and source; where there are none, those of this source that name no path."""
        place = self._places.get(path)
        if place is not None:
            found = place.near(peer)
            if found.claims:
                return found
        return self._anywhere.near(peer) if self._listens_anywhere else NOBODY


def _claims(address: HttpAddress) -> list[Claim]:
    """One for each way to show its secret."""
    texts = tuple((name.encode("latin-1", "replace"), value) for name, value in address.texts.items())
    named = address.from_query
    from_query = named if isinstance(named, str) else WHOLE if named else None
    return [
        Claim(address.from_, texts, credential, address.reply, from_query)
        for credential in address.credentials or (None,)
    ]
