"""Message → items: decoded, unwrapped, split, pictures taken out. Pure, bounded, and on the hot path.

Where JSON is read first, a message that is one document with nothing to unwrap or split goes the quick way: decoded by
msgspec and looked at only by counting. Everything else, and whatever that way refuses, goes through ``_every``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from bridge.model import Item, Malformed, Message, Part
from bridge.profiles import entries as entered
from bridge.profiles import pictures, splitting, unwrap
from bridge.profiles.decode import DEEPEST, MOST_ITEMS, decode, too_deep, too_many
from bridge.profiles.decoders import TOO_MANY, Found
from bridge.profiles.entries import Entries

_NOTHING: dict[str, object] = {}


class ReadItem(Item, frozen=True):
    """``raw``: the item's own bytes where they may be kept as its detail as they are.

    ``around``: what stands around it where it was split from a document, in which it was element ``place``.
    ``origin``: where the message came from, in the words of expressions, for profiles that ask.
    """

    raw: bytes | None = None
    around: splitting.Around | None = None
    place: int = 0
    origin: Mapping[str, object] = _NOTHING

    @property
    def outer(self) -> Mapping[str, object]:
        return _NOTHING if self.around is None else self.around.outer


class Reader:
    """Reads the messages of one profile. ``json``: JSON is tried first, by the quick way. ``origins``: its expressions
    ask where a message came from."""

    def __init__(
        self,
        *,
        json: bool,
        decoded: Callable[[Message], list[Found]],
        unwrapper: unwrap.Unwrapper,
        split: Sequence[tuple[str, ...]],
        labels: Sequence[str],
        entries: Entries | None = None,
        origins: bool = False,
    ) -> None:
        self._decoded = decoded
        self._unwrapper = unwrapper
        self._split = tuple(split)
        self._labels = tuple(labels)
        self._heads = tuple({path[0] for path in (*unwrapper.paths, *split)})
        self._entries = entries
        self._read = self._quickly if json else self._every
        self.items = self._with_origin if origins else self._read
        """What a message says, in order; at most 1,000 items. Never raises."""

    def _with_origin(self, message: Message) -> Sequence[Item | Malformed]:
        origin = {"place": message.origin.place, "peer": message.origin.peer, **message.origin.attributes}
        items = self._read(message)
        for item in items:
            if type(item) is ReadItem:
                msgspec.structs.force_setattr(item, "origin", origin)  # nobody has seen it yet
        return items

    def _quickly(self, message: Message) -> Sequence[Item | Malformed]:
        if message.parts:
            return self._ordinary(message.parts) or self._every(message)
        body = message.body
        if too_many(body):
            return self._every(message)
        try:
            document = decode(body)
        except (ValueError, RecursionError):
            return self._every(message)
        if type(document) is dict:
            if self._entries is not None:
                return self._numbered([(document, body)], ())
            if not pictures.may_hold(body) and _is_flat(body) and self._is_whole(document):
                return (ReadItem(0, document, (), _as_detail(body)),)
            return self._numbered([(document, body)], ())
        return self._numbered([(document, body)], ()) if type(document) is list else self._every(message)

    def _is_whole(self, document: dict[str, object]) -> bool:
        """Whether nothing is there that could be unwrapped or split."""
        for head in self._heads:  # noqa: SIM110 - on the hot path
            if head in document:
                return False
        return True

    def _ordinary(self, parts: Sequence[Part]) -> Sequence[Item | Malformed]:
        """The item of the ordinary multipart message: one clean document, and pictures. Empty when it is another."""
        documents = [part.data for part in parts if part.data[:1] in (b"{", b"[")]
        if len(documents) != 1 or self._entries is not None:
            return ()
        data = documents[0]
        if too_many(data):
            return (Malformed(0, TOO_MANY),)
        try:
            document = decode(data)
        except (ValueError, RecursionError):
            return ()
        if type(document) is not dict or pictures.may_hold(data) or not _is_flat(data) or not self._is_whole(document):
            return ()
        return (ReadItem(0, document, pictures.in_parts(parts), _as_detail(data)),)

    def _every(self, message: Message) -> Sequence[Item | Malformed]:
        return self._numbered(self._decoded(message), pictures.in_parts(message.parts))

    def _numbered(self, found: Sequence[Found], shown: tuple[Part, ...]) -> Sequence[Item | Malformed]:
        """Documents as items, or, where they are split, their elements; pictures of parts go with the first."""
        items: list[Item | Malformed] = []
        left = unwrap.allowance()
        for each in found:
            if isinstance(each, str):
                if len(items) >= MOST_ITEMS:
                    return _cut(items)
                items.append(Malformed(len(items), each))
                continue
            document, data = each
            several = isinstance(document, list)
            inline = data is None or pictures.may_hold(data)
            for one in document if isinstance(document, list) else (document,):
                own = None if several else data
                looked = inline
                if self._unwrapper and type(one) is dict and self._unwrapper.unwrap(one, left):
                    own, looked = None, True
                split = splitting.list_at(one, self._split) if self._split and type(one) is dict else None
                if self._entries is not None and type(one) is dict and (found_here := self._entries.found(one)):
                    if not self._entered(items, one, own, looked, found_here):
                        return _cut(items)
                elif split is None:
                    if len(items) == MOST_ITEMS:
                        return _cut(items)
                    items.append(self._item(len(items), one, own, looked, shown))
                    shown = () if isinstance(items[-1], Item) else shown
                elif not self._elements(items, one, split, looked, shown, left):  # type: ignore[arg-type]
                    return _cut(items)
                elif split[1]:
                    shown = ()
        return items

    def _entered(
        self,
        items: list[Item | Malformed],
        document: dict[str, object],
        own: bytes | None,
        inline: bool,
        found: Sequence[dict[str, object]],
    ) -> bool:
        """Add the entries of the document; False when there were too many of them."""
        if too_deep(document):
            items.append(Malformed(len(items), f"the message is nested more than {DEEPEST} levels deep"))
            return len(items) <= MOST_ITEMS
        shown = pictures.take_out(document, self._labels) if inline else ()
        raw = None if own is None or shown else _as_detail(own)
        shared, whole, most = entered.around(document, raw)
        for place, each in enumerate(found):
            if len(items) == MOST_ITEMS:
                return False
            items.append(ReadItem(len(items), each, shown, whole if place < most else None, shared, place))
            shown = ()
        return True

    def _item(
        self, index: int, document: object, data: bytes | None, inline: bool, shown: tuple[Part, ...]
    ) -> Item | Malformed:
        if type(document) is not dict:
            return Malformed(index, f"the item is {_called(document)}, not an object with keys")
        if too_deep(document):
            return Malformed(index, f"the item is nested more than {DEEPEST} levels deep")
        taken = pictures.take_out(document, self._labels) if inline else ()
        raw = None if data is None or taken else _as_detail(data)
        return ReadItem(index, document, (*shown, *taken), raw)

    def _elements(
        self,
        items: list[Item | Malformed],
        document: dict[str, object],
        split: tuple[tuple[str, ...], list[object]],
        inline: bool,
        shown: tuple[Part, ...],
        left: list[int],
    ) -> bool:
        """Add the elements of the document's list; False when there were too many of them."""
        path, elements = split
        _place(document, path, [])
        if too_deep(document):
            if len(items) < MOST_ITEMS:
                items.append(Malformed(len(items), f"the message is nested more than {DEEPEST} levels deep"))
            return len(items) < MOST_ITEMS
        if inline:
            shown = (*shown, *pictures.take_out(document, self._labels))
        around = splitting.around(document, path, elements)
        for place, element in enumerate(elements):
            if len(items) == MOST_ITEMS:
                return False
            looked = inline
            if self._unwrapper and type(element) is dict and self._unwrapper.unwrap(element, left):
                looked = True
            item = self._item(len(items), element, None, looked, shown)
            if isinstance(item, Item):
                item = ReadItem(item.index, item.document, item.media, None, around, place)
                shown = ()
            items.append(item)
        return True


def _cut(items: Sequence[Item | Malformed]) -> Sequence[Item | Malformed]:
    why = f"the message holds more than {MOST_ITEMS} items; those after them were not read"
    return (*items[:MOST_ITEMS], Malformed(MOST_ITEMS, why))


def _place(document: dict[str, object], path: Sequence[str], value: object) -> None:
    for key in path[:-1]:
        below = document[key]
        assert isinstance(below, dict)
        document = below
    document[path[-1]] = value


def _is_flat(body: bytes) -> bool:
    """Whether so few brackets open that nothing can be nested too deep; walking is dearer than counting."""
    return body.count(b"{") + body.count(b"[") <= DEEPEST


def _as_detail(data: bytes) -> bytes | None:
    """The bytes of a clean document when they are compact already, as its beginning and its line ends tell."""
    return None if b"\n" in data or b'": ' in data[:80] or data[:1] != b"{" else data


def _called(value: object) -> str:
    names = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "null")
