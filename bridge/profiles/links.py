"""Addresses of pictures that a device keeps. They are only read here; whether one is fetched the site decides."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bridge.model import Link
from bridge.profiles.values import Pick, Seen

MOST = 8
"""Links of one item."""

LONGEST = 2048
_URL = re.compile(r"https?://[^\s\x00-\x20\x7f\"<>\\^`{|}/?#][^\s\x00-\x20\x7f\"<>\\^`{|}]*", re.IGNORECASE)


def links_of(places: Sequence[tuple[str, Pick]], seen: Seen) -> tuple[Link, ...]:
    """The links at these places, each with its role; a list of texts gives several.

    What is no http or https URL is none.
    """
    found: dict[Link, None] = {}
    for role, pick in places:
        value = pick(seen)
        for each in value[:MOST] if isinstance(value, list) else (value,):
            if isinstance(each, str) and len(each) <= LONGEST and _URL.fullmatch(url := each.strip()):
                found[Link(url, role)] = None
                if len(found) == MOST:
                    return tuple(found)
    return tuple(found)
