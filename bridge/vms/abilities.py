"""What the bridge can do with a VMS as it is set up, in words: for ``check``, the commands, and the table in the docs.

Read from the target alone, its ``Capabilities`` and which of the optional protocols it has; it is asked nothing.
"""

from __future__ import annotations

import msgspec

from bridge.vms.base import VmsTarget
from bridge.vms.credentials import Discovers
from bridge.vms.declaring import Declares
from bridge.vms.recorded import MakesClips, Records

TYPES_DECLARED, TYPES_ANY = "declared by the bridge", "any"


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """``search``: an event whose answer was lost is found again by its id. ``backdate``: an event stands at its own
    time. ``amend``: one that was raised is corrected. ``picture``: it takes an event's pictures. ``cameras``: it tells
    its cameras (``cameras list|import``). ``record``: it tells its events (``events search|show``, ``selftest``).
    ``media``: what of them it gives back (``events media``). ``clips``: it can be asked to make clips. ``types``: how
    it comes to know the types of events (``plan|apply``)."""

    search: bool
    backdate: bool
    amend: bool
    picture: bool
    cameras: bool
    record: bool
    media: tuple[str, ...]
    clips: bool
    types: str


COLUMNS = ("search", "back-date", "amend", "picture", "cameras list", "events search, show", "media", "clips", "types")
"""Of the table in ``docs/vms/README.md``, and of one row of it in the page of each VMS."""


def abilities_of(target: VmsTarget) -> Abilities:
    """Pure."""
    can = target.can
    kind: object = type(target)
    types = f"by hand: {can.by_hand}" if can.by_hand else TYPES_ANY
    return Abilities(
        search=can.search,
        backdate=can.backdate,
        amend=can.amend,
        picture=can.picture,
        cameras=isinstance(kind, Discovers) and can.lists,
        record=tells_its_events(target),
        media=can.media,
        clips=isinstance(target, MakesClips),
        types=TYPES_DECLARED if isinstance(target, Declares) else types,
    )


def tells_its_events(target: VmsTarget) -> bool:
    """Where what it was told cannot be searched for, neither can it be looked up by a person's command."""
    return isinstance(target, Records) and target.can.search


def said(found: Abilities) -> str:
    """``can: back-date, amend, …; cannot: be searched, …; types: any``: nothing is left out."""
    all_of_it = (
        ("be searched", found.search),
        ("back-date", found.backdate),
        ("amend", found.amend),
        ("take pictures", found.picture),
        ("list its cameras", found.cameras),
        ("tell its events", found.record),
        (f"give back {_listed(found.media) or 'pictures and video'}", bool(found.media)),
        ("make clips", found.clips),
    )
    can = ", ".join(word for word, able in all_of_it if able) or "take events"
    cannot = ", ".join(word for word, able in all_of_it if not able)
    return f"can: {can}; " + (f"cannot: {cannot}; " if cannot else "") + f"event types: {found.types}"


def row(found: Abilities) -> tuple[str, ...]:
    """Under ``COLUMNS``."""
    yes = [found.search, found.backdate, found.amend, found.picture, found.cameras, found.record]
    told = ["yes" if each else "no" for each in yes]
    return (*told, _listed(found.media) or "no", "yes" if found.clips else "no", found.types)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words)
