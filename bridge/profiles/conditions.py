"""Conditions: what is on or off, and messages that tell the whole state of something.

The keys of a condition are joined in one way for both, so that they can be compared as texts:

    condition [a, b, c]  →  "a|b|c"
    complete  scope [a, b], conditions [c, d]  →  scope "a|b|", conditions "a|b|c", "a|b|d"

A condition begins with a scope exactly when its first keys are the scope's: ``joined`` escapes the sign between keys.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bridge.model import Complete
from bridge.profiles.expression import ExpressionFailed
from bridge.profiles.splitting import Around
from bridge.profiles.values import Seen, key_text

MOST = 1000
"""Conditions of one message. One that names more says nothing of what is over."""


class CompleteBy(msgspec.Struct, frozen=True):
    """``shared``: the name under which the list is remembered for all items of a message; "" when they differ."""

    scope: Callable[[Seen], str | None]
    conditions: Callable[[Seen], object]
    shared: str = ""

    def read(self, seen: Seen, around: Around | None) -> Complete | None:
        """None when the scope is not known or the list cannot be read: then nothing is over."""
        scope = self.scope(seen)
        if scope is None:
            return None
        if around is None or not self.shared:
            return self._made(scope, self._read(seen))
        key = f"{self.shared} {scope}"  # the same object for all items of a message: it may name a thousand
        if key not in around.told:
            around.told[key] = self._made(scope, self._names(seen, around))
        return around.told[key]  # type: ignore[return-value]

    def _made(self, scope: str, names: tuple[str, ...] | None) -> Complete | None:
        return None if names is None else Complete(scope + "|", tuple([f"{scope}|{name}" for name in names]))

    def _names(self, seen: Seen, around: Around) -> tuple[str, ...] | None:
        if self.shared not in around.told:
            around.told[self.shared] = self._read(seen)
        return around.told[self.shared]  # type: ignore[return-value]

    def _read(self, seen: Seen) -> tuple[str, ...] | None:
        try:
            value = self.conditions(seen)
        except ExpressionFailed:
            return None
        if not isinstance(value, list) or len(value) > MOST:
            return None
        names = [key_text(each) for each in value]
        return None if None in names else tuple(dict.fromkeys(filter(None, names)))
