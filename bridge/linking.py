"""Links to pictures: which ones a message has, and the message with what they brought. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from bridge.model import Draft, Item, Part
from bridge.routing import Routed, RoutedItem

MOST_OF_AN_ITEM = 8
MOST_OF_A_MESSAGE = 32
"""Pictures fetched; of what a message links beyond, its events say so."""

Brought = Mapping[str, Part | str]
"""By URL: the picture, or why there is none."""


def links_of(routed: Routed) -> tuple[str, ...]:
    """The URLs of the pictures that its events would have, each once. Items that raise nothing have none."""
    found: list[str] = []
    for each in routed.items:
        draft = each.draft
        if type(draft) is Draft and draft.links and draft.quiet is None and each.sensor is not None:
            found += [link.url for link in draft.links[:MOST_OF_AN_ITEM]]
    return tuple(dict.fromkeys(found))[:MOST_OF_A_MESSAGE] if found else ()


def with_pictures(routed: Routed, brought: Brought) -> Routed:
    """The message with its pictures where they were brought, and with a mark for each that was not."""
    return msgspec.structs.replace(routed, items=tuple([_with_pictures(each, brought) for each in routed.items]))


def _with_pictures(routed: RoutedItem, brought: Brought) -> RoutedItem:
    item, draft = routed.item, routed.draft
    if not isinstance(item, Item) or not isinstance(draft, Draft) or not draft.links or draft.quiet is not None:
        return routed
    media, marks = [*item.media], [*draft.marks]
    roles = [*draft.roles[: len(media)], *([""] * (len(media) - len(draft.roles)))]
    for link in draft.links:
        found = brought.get(link.url, "not fetched")
        if isinstance(found, Part):
            media.append(found)
            roles.append(link.role)
        else:
            marks.append(f"no picture{f' ({link.role})' if link.role else ''} from {host_shown(link.url)}: {found}")
    return msgspec.structs.replace(
        routed,
        item=msgspec.structs.replace(item, media=tuple(media)),
        draft=msgspec.structs.replace(draft, roles=tuple(roles), marks=tuple(dict.fromkeys(marks))),
    )


def host_shown(url: str) -> str:
    """The host of a link, for people: the rest of it may hold a token. It comes from a device and may be anything."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    return host[:100] if host.isprintable() and host else "a link without a host"
