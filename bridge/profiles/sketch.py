"""A captured message → a first profile for its device: every value found is a named field, and people cut it down.

What a key means is guessed from its name alone, and said in a comment beside it. The guess is a beginning: what it
makes of the message is written as an expectation that somebody has to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bridge.model import Item, Message

MOST_FIELDS = 60
LONGEST_SHOWN = 40

_DECODERS = ("json", "xml", "{lines: key=value}", "form", "{lines: text}")
_TRIAL = "{profile: trial, name: trial, kind: device, decode: [%s], messages: {any: {type: a.b, title: x}}}"
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"(?i)pass(word|wd)?$|secret|token$|api_?key|credential|^pin$")
_PICTURE = re.compile(r"(?i)image|picture|jpeg|snapshot")
_IDENTITY = re.compile(r"(?i)serial|^mac|mac_?addr|device_?id|camera_?id|sensor_?id|entity_?id|unit_?id|machine_?name")
_TIME = re.compile(r"(?i)time|date|stamp|^ts$|(^|_)utc|epoch|dttm")
_EVENT_ID = re.compile(r"(?i)^(event_?)?(uuid|guid|id)$|event_?id$|message_?id$")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")

_WORDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "lpr": {
        "plate": ("plate", "plate"), "license_plate": ("plate", "plate"), "plate_number": ("plate", "plate"),
        "license_plate_number": ("plate", "plate"), "best_plate_number": ("plate", "plate"),
        "plate_no": ("plate", "plate"), "country": ("country", "upper"), "region": ("region", "text"),
        "confidence": ("confidence", "confidence"), "confidence_level": ("confidence", "confidence"),
        "score": ("confidence", "confidence"), "direction": ("direction", "lower"), "lane": ("lane", "text"),
        "lane_no": ("lane", "text"), "make": ("make", "text"), "brand": ("make", "text"), "model": ("model", "text"),
        "color": ("colour", "lower"), "colour": ("colour", "lower"), "vehicle_color": ("colour", "lower"),
        "vehicle_type": ("vehicle_type", "lower"),
    },
}  # fmt: skip
"""Per kind, keys of devices (in small words) and the common name and normaliser they most likely mean."""

_TYPES = {
    "lpr": "vehicle.identified", "access": "door.event", "fire": "fire.event", "intrusion": "intrusion.event",
    "leak": "leak.event", "motion": "motion.event", "pos": "sale.event", "ai": "object.detected",
    "environment": "measurement.event", "device": "device.event",
}  # fmt: skip


class Leaf(msgspec.Struct, frozen=True):
    """One value of an item: the keys that lead to it, and what stood there."""

    path: tuple[str, ...]
    value: str | int | float | bool

    @property
    def expression(self) -> str:
        said = "item"
        for key in self.path:
            said += f".{key}" if _PLAIN_KEY.fullmatch(key) else f'["{_quoted(key)}"]'
        return said


class Sketch(msgspec.Struct, frozen=True):
    """``text``: the profile's YAML. ``items``: what the sketched profile's decoder found in the message."""

    text: str
    decoder: str
    items: tuple[Item, ...]


class NothingRead(Exception):
    """No decoder found an item in the message; the text says what was tried."""


def sketch(name: str, kind: str, title: str, message: Message) -> Sketch:
    """A profile called ``name`` for the device that sent ``message``. Raises NothingRead."""
    decoder, items = _decoded(message)
    leaves = _leaves(items[0])
    lists = _lists(items[0].document, ())
    return Sketch(_written(name, kind, title, decoder, leaves, lists), decoder, items)


def _decoded(message: Message) -> tuple[str, tuple[Item, ...]]:
    from bridge.profiles.compile import compile_profile

    why = []
    for decoder in _DECODERS:
        found = compile_profile(_TRIAL % decoder, "trial").items(message)
        items = tuple(each for each in found if isinstance(each, Item))
        if items and len(items) == len(found) and any(item.document for item in items):
            return decoder, items
        why += [f"{decoder}: {each.why}" for each in found if not isinstance(each, Item)][:1]
    raise NothingRead("; ".join(why) or "it is empty")


def _leaves(item: Item) -> list[Leaf]:
    found = _walk(item.document, ())
    return [leaf for leaf, _ in zip(found, range(MOST_FIELDS), strict=False)]


def _walk(value: object, path: tuple[str, ...]) -> Iterator[Leaf]:
    """Scalars of maps, depth first; what stands in lists is left to whoever writes the profile on."""
    if isinstance(value, dict):
        for key, below in value.items():
            if not key.startswith("#") and key != "@root":
                yield from _walk(below, (*path, key))
    elif isinstance(value, str | int | float | bool) and path:
        yield Leaf(path, value)


def _lists(value: object, path: tuple[str, ...]) -> list[str]:
    """Paths of lists of maps: each may be a list of items."""
    if not isinstance(value, dict):
        return []
    found = []
    for key, below in value.items():
        if isinstance(below, list) and below and all(isinstance(each, dict) for each in below):
            found.append(".".join((*path, key)))
        else:
            found += _lists(below, (*path, key))
    return found


# ------------------------------------------------------------------------------------------------------ the YAML text


def _written(name: str, kind: str, title: str, decoder: str, leaves: Sequence[Leaf], lists: Sequence[str]) -> str:
    secrets = [leaf for leaf in leaves if _is_secret(leaf)]
    open_to_see = [leaf for leaf in leaves if leaf not in secrets]
    identity = [leaf for leaf in open_to_see if _IDENTITY.search(leaf.path[-1])][:3]
    times = [leaf for leaf in open_to_see if _is_time(leaf)]
    ids = [leaf for leaf in open_to_see if _EVENT_ID.search(leaf.path[-1]) and leaf not in identity]
    named = _named(kind, [leaf for leaf in open_to_see if leaf not in times and not _is_picture(leaf)])
    telling = [field for field, (leaf, _) in named.items() if leaf not in identity and leaf not in ids]
    lines = [
        "# Sketched from one captured message: names and meanings are guesses. Read each line. See docs/profiles.md",
        f"profile: {name}",
        f"name: {_text(title)}",
        f"kind: {kind}",
        "about: >-",
        "  Which versions of the device this was seen on, and how the device is set up to send it.",
        "",
        f"decode: [{decoder}]",
    ]
    if lists:
        lines.append(f"# split: [{', '.join(lists)}]   # if each element of that list is an event of its own")
    if secrets:
        lines.append(f"redact: [{', '.join('.'.join(leaf.path) for leaf in secrets)}]")
    if identity:
        lines += ["", "identity:                 # which device it is, where several share one address"]
        lines += [f"  {_small(leaf.path[-1])}: {_text(leaf.expression)}   # {_shown(leaf)}" for leaf in identity]
    lines += ["", "messages:", "  event:", f"    type: {_TYPES[kind]}", f"    title: {_text(_title(telling))}"]
    lines.append("    # urgency: alarm          # notice when left out")
    if times:
        best = times[0]
        lines.append(f"    time: {_text(best.expression)}   # {_shown(best)}")
    if ids:
        lines += [
            f"    dedup: {{key: {_text(ids[0].expression)}, window: 1 h}}   # told twice counts once; is it unique?"
        ]
    lines.append("    fields:")
    for field, (leaf, how) in named.items():
        value = f"{{from: {_text(leaf.expression)}, as: {how}}}" if how else _text(leaf.expression)
        lines.append(f"      {field}: {value}   # {_shown(leaf)}")
    if not named:
        lines[-1] = "    fields: {}"
    return "\n".join(lines) + "\n"


def _named(kind: str, leaves: Sequence[Leaf]) -> dict[str, tuple[Leaf, str]]:
    """Fields by name, each once: the common name where the key is known, else the key, else the whole path."""
    words = _WORDS.get(kind, {})
    found: dict[str, tuple[Leaf, str]] = {}
    for leaf in leaves:
        field, how = words.get(_small(leaf.path[-1]), ("", ""))
        for candidate in (field, _small(leaf.path[-1]), _small("_".join(leaf.path))):
            if candidate and candidate not in found:
                found[candidate] = (leaf, how if candidate == field else "")
                break
    return found


def _title(fields: Sequence[str]) -> str:
    first, *others = list(fields)[:2] or [""]
    return (f"{{{first}}}" if first else "Event") + "".join(f"[ {{{each}}}]" for each in others)


def _small(key: str) -> str:
    """A key as a field is named: plateUTF8 → plate_utf8, "Mac Address" → mac_address."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key.lstrip("@"))
    small = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")[:60]
    return small if small[:1].isalpha() else f"field_{small}".rstrip("_")


def _is_secret(leaf: Leaf) -> bool:
    value = leaf.value
    return bool(_SECRET.search(leaf.path[-1])) or (
        isinstance(value, str) and re.search(r"://[^/\s@]+@", value) is not None
    )


def _is_time(leaf: Leaf) -> bool:
    if not _TIME.search(leaf.path[-1]) or isinstance(leaf.value, bool):
        return False
    if isinstance(leaf.value, str) and _ISO.match(leaf.value):
        return True
    try:
        number = float(leaf.value)
    except ValueError:
        return False
    while number > 1e11:
        number /= 1000
    return 1e9 < number < 4e9  # 2001 to 2096


def _is_picture(leaf: Leaf) -> bool:
    return isinstance(leaf.value, str) and len(leaf.value) > 200 and _PICTURE.search(leaf.path[-1]) is not None


def _shown(leaf: Leaf) -> str:
    text = str(leaf.value).replace("\n", " ")
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _text(text: str) -> str:
    """A scalar of YAML that is read as this text, whatever is in it."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\[\]]*", text) and "[" not in text:
        return text
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"
