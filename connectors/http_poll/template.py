"""Questions with gaps: ``{cursor}`` and its like are filled in, every other brace is the server's business. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

PLACEHOLDERS = frozenset({"cursor", "now", "offset", "limit", "page", "next"})
_GAP = re.compile(r"\{(" + "|".join(sorted(PLACEHOLDERS)) + r")\}")
_WORD = re.compile(r"\{(\w+)\}")


def words(text: str) -> set[str]:
    """Everything in a text that looks like a gap."""
    return set(_WORD.findall(text))


def used(values: Sequence[JsonValue]) -> set[str]:
    """The gaps that stand anywhere in these."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, str):
            found |= set(_GAP.findall(value))
        elif isinstance(value, dict):
            found |= used([*value.values()])
        elif isinstance(value, list):
            found |= used(value)
    return found


def filled(value: JsonValue, given: Mapping[str, str | int]) -> JsonValue:
    """The same with its gaps filled; a text that is one gap alone becomes what is given, a number too."""
    if isinstance(value, str):
        alone = _GAP.fullmatch(value)
        return given[alone[1]] if alone is not None else _GAP.sub(lambda found: str(given[found[1]]), value)
    if isinstance(value, dict):
        return {key: filled(each, given) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, given) for each in value]
    return value
