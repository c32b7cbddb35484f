"""What a test says it shows: ``@pytest.mark.shows("connector:mqtt", "reconnects", peer="mosquitto")``.

The subject of a parametrised test may name its parameters as ``str.format`` does: ``"profile:{file.stem}"``.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import pytest

MARK = "shows"


class Claim(NamedTuple):
    """``peer``: the program that is not ours, where the quality is ``peer``; else empty."""

    subject: str
    quality: str
    peer: str = ""


def claims_of(item: pytest.Item) -> list[Claim]:
    """Never raises: what cannot be read of a mark is left as it stands, and no row has such a name."""
    given = getattr(getattr(item, "callspec", None), "params", {})
    found: list[Claim] = []
    for mark in item.iter_markers(MARK):
        subject, *qualities = (str(word) for word in mark.args or ("",))
        with contextlib.suppress(AttributeError, IndexError, KeyError, ValueError):  # then the braces stay in it
            subject = subject.format_map(given)
        peer = str(mark.kwargs.get("peer", ""))
        if peer and "peer" not in qualities:
            qualities.append("peer")
        found += [Claim(subject, quality, peer if quality == "peer" else "") for quality in qualities]
    return list(dict.fromkeys(found))
