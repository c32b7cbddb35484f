"""A compiled profile at work: items, identity, draft. Pure, bounded, and on the hot path.

Measured with the CAMMRA profile and reference sample S1 (1.1 kB, 23 fields), one core, Python 3.11: items 6.5 µs,
identity 2.0, draft 21.6; redact + items + identity + draft 31 µs as a JSON body, 39 µs as multipart with a picture. A
body with 6 MB of base64 takes 15 ms, 12 of them decoding the base64.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec

from bridge.model import Collapse, Draft, Item, Malformed, Message, ProfileId, Scalar, State, Urgency
from bridge.profiles import pictures
from bridge.profiles.conditions import CompleteBy
from bridge.profiles.decode import encode
from bridge.profiles.links import links_of
from bridge.profiles.reading import Reader, ReadItem
from bridge.profiles.times import TimeOf
from bridge.profiles.values import Pick, Read, Seen, as_text, plain

LONGEST_KEY = 200
LONGEST_NAME = 64
MOST_MORE = 32
MOST_LOOKED_AT = 256
_NO_NAME = re.compile("[^a-z0-9]+")


class Dedup(msgspec.Struct, frozen=True):
    """``kind``: the name the key begins with."""

    kind: str
    key: Callable[[Seen], str | None]
    also: Callable[[Seen], str]
    window: float


class Hold(msgspec.Struct, frozen=True):
    when: Callable[[Seen], bool]
    seconds: float
    rank: int
    begins: Callable[[Seen], str | None] | None = None


class CollapseBy(msgspec.Struct, frozen=True):
    key: Callable[[Seen], str | None]
    window: float
    amend: tuple[str, ...]
    cases: tuple[Hold, ...]
    loose: Callable[[Seen], str | None] | None = None
    says_less: bool = False
    """Messages of this kind never say whose the thing is: ``key`` and ``loose`` are written alike."""
    told: tuple[tuple[str, Pick], ...] = ()
    """Of ``amend``, those that have a value where the message has none: what the message says there, if only that
    there is none (an empty text)."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of message, ready to read: everything is a closure over the variables seen."""

    name: str
    when: Callable[[Seen], bool]
    type: Callable[[Seen], str]
    title: Callable[[Seen], str]
    state: Callable[[Seen], State]
    urgency: Callable[[Seen], Urgency]
    condition: Callable[[Seen], str | None] | None
    fields: tuple[tuple[str, Read], ...]
    times: tuple[TimeOf, ...]
    dedup: Dedup | None
    collapse: CollapseBy | None
    quiet: Callable[[Seen], str | None]
    complete: CompleteBy | None = None
    best: tuple[tuple[str, Pick], ...] = ()
    more: Pick | None = None
    ends_after: float | None = None
    types: tuple[str, ...] = ()
    """All that ``type`` may say."""
    always_quiet: bool = False


class MediaBy(msgspec.Struct, frozen=True):
    """``words``: per role; ``order``: what is shown by position; ``links``: per role, where an address stands."""

    words: tuple[tuple[str, frozenset[str]], ...]
    order: tuple[Pick, ...]
    links: tuple[tuple[str, Pick], ...] = ()


class CompiledProfile:
    """Implements ``bridge.profiles.profile.Profile``."""

    def __init__(
        self,
        *,
        id: ProfileId,
        kind: str,
        heard_by: Collection[str],
        digest: str,
        reader: Reader,
        splits: bool,
        origins: bool,
        bests: bool,
        redact: Callable[[Message], Message],
        identity: Sequence[tuple[str, Read]],
        media: MediaBy,
        kinds: Sequence[Kind],
    ) -> None:
        self.id = id
        self.kind = kind
        self.heard_by = frozenset(heard_by)
        self.digest = digest
        self.redact = redact
        self.items: Callable[[Message], Sequence[Item | Malformed]] = reader.items
        """What a message says, in order; at most 1,000 items. Never raises."""
        self._splits = splits
        self._origins = origins
        self._bests = bests
        self.fields = tuple(dict.fromkeys(name for each in kinds for name, _ in each.fields))
        """The names of all its fields, in order."""
        self._identity = tuple(identity)
        self._media = media
        self._kinds = tuple(kinds)

    def types(self, quiet: bool) -> tuple[str, ...]:
        """Every event type it can name; ``quiet``: those too of which it never lets anything be raised by itself."""
        return tuple(
            dict.fromkeys(name for kind in self._kinds if quiet or not kind.always_quiet for name in kind.types)
        )

    def __repr__(self) -> str:
        return f"CompiledProfile({self.id!r}, {self.digest!r})"

    # --------------------------------------------------------------------------------------- identity and draft

    def identity(self, item: Item) -> Mapping[str, str]:
        """The names the profile can read in this item. Never raises."""
        seen: Seen = {"item": item.document}  # type: ignore[dict-item]
        if self._splits:
            seen["outer"] = item.outer if isinstance(item, ReadItem) else {}  # type: ignore[assignment]
        if self._origins:
            seen["origin"] = item.origin if isinstance(item, ReadItem) else {}  # type: ignore[assignment]
        return self._names(seen)

    def _names(self, seen: Seen) -> dict[str, str]:
        names = {}
        for name, read in self._identity:
            value = read(seen)
            if value is not None:
                names[name] = value if type(value) is str else as_text(value) or ""
        return names

    def draft(self, item: Item, zone: ZoneInfo) -> Draft | Malformed:
        """What the item means. Never raises."""
        try:
            return self._draft(item, zone)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the other sensors
            return Malformed(item.index, f"profile {self.id} could not read the item: {type(error).__name__}: {error}")

    def _draft(self, item: Item, zone: ZoneInfo) -> Draft | Malformed:
        fields: dict[str, Scalar] = {}
        seen: Seen = {"item": item.document, "fields": fields}  # type: ignore[dict-item]
        around = None
        if self._splits:
            around = item.around if isinstance(item, ReadItem) else None
            seen["outer"] = around.outer if around is not None else {}
            seen["items"] = around.elements if around is not None else []  # type: ignore[assignment]
        if self._origins:
            seen["origin"] = item.origin if isinstance(item, ReadItem) else {}  # type: ignore[assignment]
        seen["identity"] = self._names(seen)  # type: ignore[assignment]
        for kind in self._kinds:
            if kind.when(seen):
                break
        else:
            keys = ", ".join(list(item.document)[:8]) or "none"
            return Malformed(item.index, f"profile {self.id} knows no message with these keys: {keys[:200]}")
        if self._bests:
            seen["best"] = {name: found for name, pick in kind.best if (found := pick(seen)) is not None}
        for name, read in kind.fields:
            value = read(seen)
            if value is not None:
                fields[name] = value
        if kind.more is not None:
            _add_more(fields, kind.more(seen))
        occurred = None
        for time in kind.times:
            occurred = time(seen, zone)
            if occurred is not None:
                break
        dedup = kind.dedup
        state = kind.state(seen)
        return Draft(
            type=kind.type(seen),
            title=kind.title(seen),
            fields=fields,
            detail=_detail(item),
            state=state,
            urgency=kind.urgency(seen),
            condition=kind.condition(seen) if kind.condition is not None else None,
            occurred_at=occurred,
            dedup=None if dedup is None else _dedup_key(dedup, seen),
            dedup_window=3600.0 if dedup is None else dedup.window,
            collapse=None if kind.collapse is None else _collapse(kind.collapse, seen),
            roles=self._roles(item, seen) if item.media else (),
            quiet=kind.quiet(seen),
            complete=None if kind.complete is None else kind.complete.read(seen, around),
            ends_after=kind.ends_after if state is State.ACTIVE else None,
            links=links_of(self._media.links, seen) if self._media.links else (),
        )

    def kind_of(self, item: Item) -> str:
        """Which kind of message an item is, by its name here; "" for none. For people who ask, not for deciding."""
        seen: Seen = {"item": item.document, "fields": {}}  # type: ignore[dict-item]
        if self._splits:
            around = item.around if isinstance(item, ReadItem) else None
            seen["outer"] = around.outer if around is not None else {}
            seen["items"] = around.elements if around is not None else []  # type: ignore[assignment]
        if self._origins:
            seen["origin"] = item.origin if isinstance(item, ReadItem) else {}  # type: ignore[assignment]
        seen["identity"] = self._names(seen)  # type: ignore[assignment]
        try:
            return next((kind.name for kind in self._kinds if kind.when(seen)), "")
        except Exception:  # noqa: BLE001 - as in draft, which says what is wrong
            return ""

    def _roles(self, item: Item, seen: Seen) -> tuple[str, ...]:
        media = self._media
        return pictures.roles_of(item.media, media.words, [as_text(pick(seen)) or "" for pick in media.order])


def _detail(item: Item) -> bytes:
    """The item as its device wrote it, as JSON; a split one within what stands around it."""
    if isinstance(item, ReadItem):
        if item.raw is not None:
            return item.raw
        if item.around is not None:
            return item.around.detail(item.place, item.document)
    return encode(item.document)


def _add_more(fields: dict[str, Scalar], found: object) -> None:
    """The texts and numbers of a map as fields, under their names as names of fields are written."""
    added = 0
    for key, value in islice(found.items(), MOST_LOOKED_AT) if isinstance(found, dict) else ():
        name = _NO_NAME.sub("_", key[:LONGEST_NAME].lower()).strip("_")
        scalar = plain(value)
        if name and scalar is not None and scalar != "" and name not in fields:
            fields[name if name[0].isalpha() else f"x_{name}"] = scalar
            added += 1
            if added == MOST_MORE:
                break


def _dedup_key(dedup: Dedup, seen: Seen) -> str | None:
    key = dedup.key(seen)
    return None if key is None else _bounded(f"{dedup.kind}|{key}|{dedup.also(seen)}")


def _collapse(by: CollapseBy, seen: Seen) -> Collapse | None:
    for case in by.cases:
        if case.when(seen):
            key = by.key(seen)
            if key is None:
                return None
            begins = case.begins(seen) if case.begins is not None else None
            loose = by.loose(seen) if by.loose is not None else None
            if loose is None or (loose == key and not by.says_less):
                loose = ""
            key, loose = _bounded(key), _bounded(loose)
            assumed = tuple([name for name, pick in by.told if pick(seen) is None])
            return Collapse(key, case.seconds, by.window, case.rank, by.amend, begins or "", loose, assumed)
    return None


def _bounded(key: str) -> str:
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
