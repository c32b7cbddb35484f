"""What goes wrong at a port, said so that it is read and never as a storm of its own."""

from __future__ import annotations

import logging
import time
from collections import Counter

from bridge.model import ConnectorId

log = logging.getLogger("connectors.datagrams")

_MOST_SAID = 1024
_KEPT_EACH = 10
_KEPT_WITHIN = 60.0
_KEPT_OF_ALL = 100


class Trouble:
    """``counts``: has what was lost, by name. ``what``: what is lost, in the plural."""

    def __init__(self, name: ConnectorId, counts: Counter[str], what: str = "datagrams") -> None:
        self._name = name
        self._what = what
        self._counts = counts
        self._said: set[tuple[str, str]] = set()
        self._lost: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self._since = time.monotonic()

    def say(self, peer: str, what: str) -> None:
        """Into the log, once for each sender and kind of trouble."""
        kind = (peer, what.partition(":")[0])
        if kind in self._said:
            return
        if len(self._said) >= _MOST_SAID:
            self._said.clear()
        self._said.add(kind)
        log.warning("%s, from %s: not taken: %s; said once", self._name, peer, what)

    def worth_keeping(self, peer: str) -> bool:
        """Whether one more thing that cannot be read shall go to quarantine. Senders are easily forged, so that the
        quarantine's own limit for each is not enough: ten a minute of each, a hundred of all."""
        now = time.monotonic()
        if now - self._since >= _KEPT_WITHIN:
            self._kept.clear()
            self._since = now
        if self._kept[peer] >= _KEPT_EACH or self._kept.total() >= _KEPT_OF_ALL:
            return False
        self._kept[peer] += 1
        return True

    def lost(self, why: str, total: int) -> bool:
        """Say that more was lost than before; whether it was. ``total``: since this port was opened."""
        more = total - self._lost[why]
        if more <= 0:
            return False
        self._lost[why] = total
        self._counts[why] += more
        log.error("%s: %d %s were lost, %s; %d so far", self._name, more, self._what, why, self._counts[why])
        return True
