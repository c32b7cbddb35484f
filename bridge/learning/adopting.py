"""The YAML that adopts speakers: connectors, and a sensor for each of them, to be pasted into a site."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from bridge.learning.reading import Reading
from bridge.learning.speakers import Speaker

MOST_IDENTITIES = 50
_PLAIN = re.compile(r"[A-Za-z0-9/_-][A-Za-z0-9/_.-]*")
_SHOWN = {"basic": "basic", "bearer": "bearer", "digest": "digest", "token": "token"}


def adopting(found: Sequence[tuple[Speaker, Reading]], bind: str, camera: str = "CAMERA") -> str:
    """The two sections; "" when no profile reads anybody. ``camera`` is what has to be filled in."""
    known = _by_address([(speaker, reading) for speaker, reading in found if reading.profile])
    if not known:
        return ""
    ways = {speaker.way: reading.framing for speaker, reading in known}
    lines = ["connectors:"]
    for way, framing in ways.items():
        more = f", framing: {framing}" if way == "tcp" and framing != "json" else ""
        lines.append(f"  {_connector(way)}: {{type: {way}, bind: {_text(bind)}{more}}}")
    if len(ways) > 1:
        lines.append("  # One port has one connector: let one of the two listen on another, and tell its devices.")
    lines.append("sensors:")
    names: set[str] = set()
    for speaker, reading in known:
        several = len(reading.identities) > 1
        for identity in reading.identities[:MOST_IDENTITIES] if several else ({},):
            lines += _sensor(speaker, reading, identity, names, camera)
        if len(reading.identities) > MOST_IDENTITIES:
            lines.append(f"  # and {len(reading.identities) - MOST_IDENTITIES} more: see docs/mapping.md for tables")
    return "\n".join(lines) + "\n"


def _by_address(found: Sequence[tuple[Speaker, Reading]]) -> list[tuple[Speaker, Reading]]:
    """One for each address and profile: a device that sends forms and JSON is one device."""
    made: dict[tuple[str, str, str, str], tuple[Speaker, Reading]] = {}
    for speaker, reading in found:
        key = (speaker.way, speaker.peer, speaker.place, reading.profile)
        before = made.get(key)
        if before is not None:
            known = before[1].identities
            more = (*known, *(each for each in reading.identities if each not in known))
            made[key] = before[0], replace(before[1], identities=more)
        else:
            made[key] = speaker, reading
    return list(made.values())


def _connector(way: str) -> str:
    return f"learned-{way}"


def _sensor(speaker: Speaker, reading: Reading, identity: Mapping[str, str], names: set[str], camera: str) -> list[str]:
    said = [f"from: {_text(speaker.peer)}"]
    if speaker.way == "http":
        said.insert(0, f"path: {_text(speaker.place)}")
    if speaker.from_query:
        said.append("from_query: true")
    if identity:
        said.append("identity: {" + ", ".join(f"{key}: {_quoted(value)}" for key, value in identity.items()) + "}")
    name = _name(f"{reading.profile}-{'-'.join(identity.values()) or speaker.peer}", names)
    lines = [
        f"  {name}:",
        f"    profile: {reading.profile}",
        f"    connector: {_connector(speaker.way)}",
        f"    address: {{{', '.join(said)}}}",
        f"    cameras: [{camera}]",
    ]
    if speaker.shows in _SHOWN:
        lines.insert(4, f"    # it shows {speaker.shows} credentials: add {_SHOWN[speaker.shows]}: secret:NAME there")
    return lines


def _name(wanted: str, names: set[str]) -> str:
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip("-.")[:56] or "sensor"
    name, number = base, 2
    while name in names:
        name, number = f"{base}-{number}", number + 1
    names.add(name)
    return name


def _text(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    """JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=True)
