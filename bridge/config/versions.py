"""The version of a site file's format: which one this program reads, and how an older file comes to it.

A migration is one step, from the version before to the next: a function over a file that keeps its comments
(``rewriting``). A step is appended when a key is renamed, moved or means something else, and never changed afterwards.
A key that is only added needs none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from bridge.config.document import Node

if TYPE_CHECKING:
    from bridge.config.rewriting import Rewriting

FIRST = 1
"""The format had no version before this one; a file that says none is taken for it."""


class Migration(msgspec.Struct, frozen=True):
    """One step. ``why``: a sentence for people. ``change``: does to one file of the site what the step is; it may be
    any of its files, so nothing need be in it, and done again it changes nothing."""

    why: str
    change: Callable[[Rewriting], None]


MIGRATIONS: tuple[Migration, ...] = ()
"""``MIGRATIONS[n]`` takes a file from version ``FIRST + n`` to the next. None yet: no key of a site has ever been
renamed, moved or taken away, and every example site of the project's history passes ``check`` as it was written."""

NEWEST = FIRST + len(MIGRATIONS)
"""What this program reads, and writes."""


def of(node: Node | None) -> int | None:
    """The version a file says; None when it says none, or none that could be one."""
    value = None if node is None else node.value
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def wrong(said: int | None, path: object, newest: int = NEWEST) -> str:
    """Why a file of this version is not read, and what to do; "" for the one that is."""
    if said is None or said < FIRST:
        known = str(FIRST) if newest == FIRST else f"{FIRST} to {newest}"
        return f"there is no such version; this bridge knows version {known}: write version: {newest}"
    if said > newest:
        return (
            f"this file is of version {said}, written for a newer vms-bridge; this one reads version {newest}: "
            "install the newer program, or take the file as it was before its migration"
        )
    if said < newest:
        return f"this file is of version {said}, this bridge reads version {newest}: run vms-bridge migrate {path}"
    return ""


def missing(path: object) -> str:
    """What to say of a site that names no version."""
    return f"says no version; vms-bridge migrate {path} writes it"
