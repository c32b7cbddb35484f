"""Which profile reads what a speaker says: every one there is is tried on each of its samples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from bridge.learning.speakers import Heard, Speaker
from bridge.model import Draft, Item, Message
from bridge.profiles.profile import Profile, SaysWays

_UTC = ZoneInfo("UTC")
_FRAMINGS = ("json", "lines")
_LONGEST = 16 * 2**20
KEYS = 8


class Reading(msgspec.Struct, kw_only=True):
    """What was found out about a speaker. ``profile`` "": none reads it. ``types`` of events, ``identities`` that its
    messages name, ``keys`` the first of what stands in them, ``framing`` of a TCP stream."""

    profile: str = ""
    kind: str = ""
    framing: str = ""
    types: tuple[str, ...] = ()
    identities: tuple[Mapping[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Profiles that read it too, but less of it."""


def profiles_in(*folders: Path) -> dict[str, Profile]:
    """Every profile that compiles, by name; those of the first folder go before those of the next."""
    from bridge.profiles.compile import ProfileErrors, compile_profile

    found: dict[str, Profile] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.yaml")):
            try:
                found.setdefault(file.stem, compile_profile(file.read_text("utf-8"), str(file)))
            except (ProfileErrors, OSError, UnicodeDecodeError):
                continue  # ``profile list`` says what is wrong with it
    return found


def read(speaker: Speaker, profiles: Mapping[str, Profile]) -> Reading:
    """Try all profiles of devices that speak this way; the one that reads most, and most of it, is suggested."""
    best: tuple[tuple[float, float], str, Reading] | None = None
    rest = []
    framing, messages = messages_of(speaker)
    if speaker.way != "tls":
        for name, profile in profiles.items():
            if isinstance(profile, SaysWays) and profile.heard_by and speaker.way not in profile.heard_by:
                continue
            tried = _tried(profile, messages)
            if tried is None:
                continue
            rest.append(name)
            if best is None or tried[0] > best[0]:
                best = tried[0], name, tried[1]
    keys = _keys(messages)
    if best is None or not messages:
        return Reading(framing=framing, keys=keys)
    _, name, reading = best
    others = tuple(each for each in rest if each != name)
    return replace(reading, profile=name, kind=profiles[name].kind, framing=framing, keys=keys, others=others)


def messages_of(speaker: Speaker) -> tuple[str, list[Message]]:
    """(framing, messages): of a stream those that a framing finds in it."""
    whole = [heard.message for heard in speaker.samples]
    if speaker.way != "tcp":
        return "", whole
    from connectors.framing.framed import framed

    for framing in _FRAMINGS:
        found = []
        wrong = 0
        for message in whole:
            frames = framed(framing, _LONGEST)  # type: ignore[arg-type]
            bodies = [*frames.feed(message.body), *frames.finish()]
            wrong += frames.garbage + frames.dropped + frames.broken
            found += [replace(message, body=body) for body in bodies]
        if found and not wrong:
            return framing, found
    return "", whole


def _tried(profile: Profile, messages: Sequence[Message]) -> tuple[tuple[float, float], Reading] | None:
    """(how well: share of the messages read, values found in each), and what was read; None when nothing was."""
    read_whole = 0
    values = 0
    types: dict[str, None] = {}
    identities: list[Mapping[str, str]] = []
    for message in messages:
        items = profile.items(profile.redact(message))
        drafts = [profile.draft(item, _UTC) for item in items if isinstance(item, Item)]
        if not items or len(drafts) < len(items) or not all(isinstance(draft, Draft) for draft in drafts):
            continue
        read_whole += 1
        for item, draft in zip(items, drafts, strict=True):
            assert isinstance(item, Item)
            assert isinstance(draft, Draft)
            types[draft.quiet or draft.type] = None
            identity = {name: value for name, value in profile.identity(item).items() if value}
            if identity and identity not in identities:
                identities.append(identity)
            values += sum(value not in (None, "") for value in draft.fields.values()) + len(identity)
    if not read_whole or not values:  # a profile that finds nothing in it has not understood it
        return None
    score = (read_whole / len(messages), values / read_whole)
    return score, Reading(types=tuple(types), identities=tuple(identities))


def _keys(messages: Sequence[Message]) -> tuple[str, ...]:
    """The first keys of what stands in the first message that has any."""
    from bridge.profiles.sketch import NothingRead, sketch

    for message in messages[:2]:
        try:
            (item, *_) = sketch("learned", "device", "learned", message).items
        except (NothingRead, ValueError):
            continue
        return tuple(key for key in item.document if not key.startswith(("#", "@")))[:KEYS]
    return ()


def captured(heard: Heard) -> tuple[str, bytes]:
    """(the ending of a file's name, what goes into it) for ``profile new``: the request without its credentials."""
    if heard.way != "http":
        return ".tcp", heard.message.body
    kind = heard.message.content_type
    raw = heard.message.body if heard.from_query else heard.raw
    lines = [f"POST {heard.message.origin.place} HTTP/1.1", "Host: bridge", f"Content-Length: {len(raw)}"]
    if kind:
        lines.append("Content-Type: " + re.sub(r"[\r\n]", " ", kind))
    return ".http", "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + raw
