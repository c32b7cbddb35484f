"""Topics and the filters that choose among them (MQTT 5.0 section 4.7). Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

LONGEST = 65_535
"""Bytes of a topic or a filter (section 1.5.4)."""

_SHARE = "$share/"


def checked(text: str) -> str:
    """The filter, when it is one. Raises ValueError with what to write."""
    if text.startswith(_SHARE):
        group, slash, rest = text[len(_SHARE) :].partition("/")
        if not group or not slash or not rest or set(group) & {"+", "#"}:
            raise ValueError("a shared subscription is written $share/GROUP/TOPIC")
    levels = plain(text).split("/")
    if not text or "\0" in text or len(text.encode("utf-8", "replace")) > LONGEST:
        raise ValueError("a topic has 1 to 65,535 bytes and no NUL")
    for place, level in enumerate(levels):
        if "#" in level and (level != "#" or place != len(levels) - 1):
            raise ValueError("# stands alone and at the end, for everything below: zigbee2mqtt/#")
        if "+" in level and level != "+":
            raise ValueError("+ stands alone between slashes, for any one level: shellies/+/online")
    return text


def exact(text: str) -> str:
    """The same for a topic without wildcards."""
    if "+" in checked(text) or "#" in text or text.startswith(_SHARE):
        raise ValueError("write one topic, without + and #")
    return text


def plain(filter: str) -> str:
    """The filter without its share group."""
    return filter[len(_SHARE) :].partition("/")[2] if filter.startswith(_SHARE) else filter


def has_wildcard(filter: str) -> bool:
    return "+" in filter or "#" in filter


@functools.lru_cache(maxsize=4096)
def levels(filter: str) -> tuple[str, ...]:
    return tuple(plain(filter).split("/"))


@functools.lru_cache(maxsize=16384)
def matches(filter: str, topic: str) -> bool:
    """Whether the filter, its share group aside, chooses the topic."""
    wanted, said = levels(filter), topic.split("/")
    if topic[:1] == "$" and wanted[0] in ("+", "#"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True  # a/# is also a itself
        if place >= len(said) or level not in ("+", said[place]):
            return False
    return len(said) == len(wanted) or (len(wanted) == len(said) + 1 and wanted[-1] == "#")


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic that ``narrow`` chooses is chosen by ``wide``, of the same share group or none."""
    if (wide.startswith(_SHARE) or narrow.startswith(_SHARE)) and _group(wide) != _group(narrow):
        return False
    wanted, said = levels(wide), levels(narrow)
    if said[0][:1] == "$" and wanted[0] in ("+", "#"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(said) or said[place] == "#" or (level != "+" and level != said[place]):
            return False
    return len(said) == len(wanted)


def fewest(filters: Iterable[str]) -> tuple[str, ...]:
    """The filters without those that another covers: a broker may send twice what two of them choose."""
    found: list[str] = []
    wild: list[str] = []
    for filter in sorted(set(filters), key=lambda each: (not has_wildcard(each), levels(each))):
        if not any(covers(each, filter) for each in wild):
            wild = [each for each in wild if not covers(filter, each)]
            found.append(filter)
            if has_wildcard(filter):
                wild.append(filter)
    return tuple(sorted(each for each in found if not _covered(each, wild)))


def _covered(filter: str, wild: Sequence[str]) -> bool:
    return any(each != filter and covers(each, filter) for each in wild)


def _group(filter: str) -> str:
    return filter[len(_SHARE) :].partition("/")[0] if filter.startswith(_SHARE) else ""
