"""What is left of one message that says very much, once its first piece is decided."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from bridge.config.site import Site
from bridge.fetching import Fetcher, Pictures
from bridge.intake import receipts
from bridge.linking import links_of, with_pictures
from bridge.model import Decision, Fate, Instant, Item, Malformed, Piece, Quarantined, Receipt, SensorId
from bridge.routing import Routed, RoutedItem


class Rest:
    """``routed``: its items, those that are decided left out. ``site``: by which they were read, and given their
    pictures; None: they have none yet. ``arrived``: as of when they are decided. ``done``: the indexes of the items
    that are decided. ``first``: the commit that keeps the message, None when it is kept already. ``pictures``: what
    its links brought; let go with the rest."""

    def __init__(
        self,
        routed: Routed,
        site: Site | None,
        arrived: Instant,
        piece: Piece,
        *,
        done: Collection[int] = (),
        first: asyncio.Future[None] | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self._done = set(done)
        self.routed = self._left_of(routed)
        self.site = site
        self.arrived = arrived
        self.piece = piece
        self.first = first
        self.pictures = pictures or Pictures()
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """For the sender: "", or why it will take a while."""
        self._fates: set[Fate] = set()
        self._quarantined: tuple[Quarantined, ...] = ()
        """The first one, if there is any: it says why."""

    async def read_as(self, routed: Routed, site: Site, fetcher: Fetcher | None) -> None:
        """The whole message as this site reads it: what is left gets its pictures, like any message's items; those
        that were brought before are not fetched again."""
        left = self._left_of(routed)
        if fetcher is not None:
            of_all = set(links_of(routed))
            await self.pictures.fetch(fetcher, [url for url in links_of(left) if url in of_all])
        brought = self.pictures.brought
        self.routed = with_pictures(left, brought) if brought else left
        self.site = site

    def _left_of(self, routed: Routed) -> Routed:
        """What is not decided of it. Where it can be read no more, or nobody listens any more, that is said of what is
        left as if it were one item."""
        left = tuple([each for each in routed.items if each.item.index not in self._done])
        if not left:
            next = max(self._done) + 1
            why = routed.items[0].why if routed.items else "it says nothing any more"
            malformed = bool(routed.items) and isinstance(routed.items[0].item, Malformed)
            left = (RoutedItem(Malformed(next, why) if malformed else Item(next, {}), why=why),)
        return Routed(routed.message, left)

    @property
    def sensors(self) -> set[SensorId]:
        """Whose order the rest is part of."""
        return {each.sensor.id for each in self.routed.items if each.sensor is not None}

    def decided(self, decision: Decision) -> None:
        """One piece more."""
        assert decision.piece is not None
        self.piece = decision.piece
        self._fates.update(verdict.fate for verdict in decision.verdicts)
        self._quarantined = self._quarantined or decision.quarantined[:1]
        self._done.update(verdict.index for verdict in decision.verdicts)
        self.routed = Routed(self.routed.message, self.routed.items[len(decision.verdicts) :])

    def receipt(self) -> Receipt:
        """For what became of all of it, as far as it was decided here."""
        return receipts.kept(self._fates, self._quarantined, self.piece.message)
