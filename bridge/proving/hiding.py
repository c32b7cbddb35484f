"""The last net: whatever a device or a VMS said, no value of a secret stands in what is printed or handed over."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

import msgspec

from bridge.config.secrets import SecretStores
from bridge.proving.lines import Grade, Topic
from bridge.secret import SecretMissing

SHORTEST = 5
"""Characters of a value that is looked for: shorter ones stand in any text by chance."""
HIDDEN = "(hidden)"
_WORDS = frozenset((*Grade, *Topic))
"""Of our own: they tell nobody a secret, even if one is such a word."""

T = TypeVar("T", bound=msgspec.Struct)


def values(names: Iterable[str], stores: SecretStores) -> tuple[str, ...]:
    """Every form in which these secrets could be told, the longest first: as they are, the password of a log-in, and
    as a header would carry them."""
    found: set[str] = set()
    for name in names:
        try:
            whole = stores.find(name).secret.reveal()
        except SecretMissing:
            continue
        _, colon, password = whole.partition(":")
        plain = [whole, *whole.splitlines(), *([password] if colon else [])]
        found.update(plain)
        found.update(base64.b64encode(text.encode()).decode().rstrip("=") for text in (whole, password) if text)
        found.update(_inside(whole))
    return tuple(sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True))


def _inside(whole: str) -> list[str]:
    """The texts in a token that is Base64 of JSON, as VXG's are; short ones are words, not secrets."""
    try:
        told = msgspec.json.decode(base64.b64decode(whole, validate=True))
    except (ValueError, msgspec.MsgspecError):
        return []
    if not isinstance(told, dict):
        return []
    return [each for key, each in told.items() if key == "token" and isinstance(each, str)]


def without(told: T, hidden: tuple[str, ...]) -> T:
    """The same, with nothing of this in any of its texts."""
    if not hidden:
        return told
    return msgspec.convert(_clean(msgspec.to_builtins(told, builtin_types=(datetime,)), hidden), type(told))


def _clean(value: object, hidden: tuple[str, ...]) -> object:
    if isinstance(value, str):
        if value in _WORDS:
            return value
        for each in hidden:
            if each in value:
                value = value.replace(each, HIDDEN)
        return value
    if isinstance(value, dict):
        return {key: _clean(each, hidden) for key, each in value.items()}
    return [_clean(each, hidden) for each in value] if isinstance(value, list | tuple) else value
