"""Values that do not leave the site: masked, replaced by a pseudonym, or left out.

Covered is everything of an event that a VMS is told: the fields named; every other field, title, condition and mark in
which such a value stands; and the detail, whose every value in which it stands is hidden whole, however it is spelt
(case, accents, spaces and signs do not matter, nor URL escapes). A value of one or two letters, or of digits alone, is
found where it stands as a word of its own. ``detail.a.b`` hides what stands there whatever it is, ``detail`` all of it.

Not covered: pictures; the message as the journal keeps it; what the profile has translated (a card number that became
a name is to be hidden by its place, ``detail.card.number``); text that is encoded once more (base64).

``hash`` is BLAKE2b keyed with the site's id: the same value gives the same pseudonym, so that one can count and follow.
That is no anonymity: who knows the site's id can try out all number plates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from urllib.parse import unquote

import msgspec

from bridge.decide.rules import Hide, Hiding, Rule
from bridge.model import Scalar, SensorEvent, SiteId

MASK = "***"
_STRENGTH = (Hiding.LEAVE_OUT, Hiding.MASK, Hiding.HASH)
_GONE = object()
_NO_SIGNS = {code: None for code in range(128) if not chr(code).isalnum()}

LARGEST = 32 * 1024
"""Bytes of a detail that is searched for values; of a larger one nothing is let out. Every other sensor waits for the
search: a detail of this size in small values takes about 5 ms."""


def hidden(site: SiteId, rules: Iterable[Rule], event: SensorEvent) -> SensorEvent:
    """The event without what its sensor's rules hide; the very same where they hide nothing."""
    wanted: dict[str, Hiding] = {}
    for rule in rules:
        if type(rule) is Hide:
            for name in rule.fields:
                if name not in wanted or _STRENGTH.index(rule.how) < _STRENGTH.index(wanted[name]):
                    wanted[name] = rule.how
    return _Veil(site, wanted, event).event() if wanted else event


class _Text:
    """A text as values are looked for in it: folded, and as letters and digits alone; URL escapes undone too."""

    __slots__ = ("forms",)

    def __init__(self, text: str) -> None:
        self.forms = [(text.casefold(), _plain(text))]
        if "%" in text and (read := unquote(text)) != text:
            self.forms.append((read.casefold(), _plain(read)))


class _Secret:
    """One value, and what stands for it."""

    def __init__(self, site: SiteId, how: Hiding, value: str | int | float) -> None:
        self.text = str(int(value)) if type(value) is float and value.is_integer() else str(value)
        self.how = how
        plain = _plain(self.text)
        self.instead = {Hiding.MASK: MASK, Hiding.LEAVE_OUT: "", Hiding.HASH: ""}[how]
        if how is Hiding.HASH:
            self.instead = pseudonym(site, plain or self.text)
        digits = plain.isdigit()
        self.plain = plain.lstrip("0") or "0" if digits else plain
        self._folded = self.text.casefold()
        self._folded_end = self.plain if digits and self.text.isalnum() else self._folded
        told = rf"0*{self.plain}(\.0+)?" if digits and self.text.isalnum() else re.escape(self._folded)
        self._word = re.compile(rf"(?<![^\W_]){told}(?![^\W_])")
        self._inside = len(plain) > 2 and not digits

    def stands_in(self, text: _Text) -> bool:
        for folded, plain in text.forms:
            if self._inside and self.plain in plain:
                return True
            if (plain.lstrip("0") or "0" if plain.isdigit() else plain) == self.plain and (
                plain or folded == self._folded
            ):
                return True
            if self._folded_end in folded and self._word.search(folded):
                return True
        return False

    def out_of(self, text: str) -> str:
        """A text for people without the value; "" when it cannot be taken out of it."""
        taken = re.sub(self._word.pattern, lambda _: self.instead, text, flags=re.IGNORECASE)
        if self._inside:
            taken = re.sub(re.escape(self.text), lambda _: self.instead, taken, flags=re.IGNORECASE)
        taken = " ".join(taken.split())
        return "" if self.stands_in(_Text(taken.replace(self.instead, " ") if self.instead else taken)) else taken


class _Veil:
    def __init__(self, site: SiteId, wanted: dict[str, Hiding], event: SensorEvent) -> None:
        self._site = site
        self._wanted = wanted
        self._event = event
        self._found: dict[object, object] = {}
        values = [(event.fields[name], how) for name, how in wanted.items() if name in event.fields]
        self._secrets = [_Secret(site, how, value) for value, how in values if value is not None and value != ""]

    def event(self) -> SensorEvent:
        event = self._event
        fields = {name: value for name, value in map(self._field, event.fields.items()) if value is not _GONE}
        return msgspec.structs.replace(
            event,
            title=self._told(event.title) or event.type,
            condition=self._condition(event.condition),
            marks=tuple([self._told(mark) or "something could not be shown" for mark in event.marks]),
            fields=fields,
            changes=tuple([name for name in event.changes if name in fields]),
            detail=self._detail(event.detail),
        )

    def _field(self, field: tuple[str, Scalar]) -> tuple[str, Scalar]:
        name, value = field
        how = self._wanted.get(name)
        if how is Hiding.LEAVE_OUT:
            return name, _GONE  # type: ignore[return-value]
        if value is None or value == "":
            return field
        if how is not None:
            return name, _Secret(self._site, how, value).instead
        return name, self._leaf(value)  # type: ignore[return-value]

    def _told(self, text: str) -> str:
        for secret in self._secrets:
            text = secret.out_of(text)
        return text

    def _condition(self, condition: str | None) -> str | None:
        """A condition is a key: hidden whole, and the same for active and restore."""
        if condition is None or not any(secret.stands_in(_Text(condition)) for secret in self._secrets):
            return condition
        return pseudonym(self._site, condition)

    # ------------------------------------------------------------------------------------------------------ detail

    def _detail(self, detail: bytes) -> bytes:
        if self._wanted.get("detail") is not None:
            return b"{}"
        if len(detail) > LARGEST:
            return b'{"hidden":"the detail is too large to be searched for what is hidden"}'
        places = [(name.split(".")[1:], how) for name, how in self._wanted.items() if name.startswith("detail.")]
        if not detail or not (self._secrets or places):
            return detail
        try:
            document: object = msgspec.json.decode(detail)
        except msgspec.DecodeError:
            return b"{}"  # nothing that cannot be read is let out unread
        for path, how in places:
            document = self._placed(document, path, how)
        return msgspec.json.encode(self._tree(document))

    def _placed(self, node: object, path: Sequence[str], how: Hiding) -> object:
        """What stands at ``path`` hidden; a list on the way stands for all its elements."""
        if isinstance(node, list):
            return [each for each in (self._placed(one, path, how) for one in node) if each is not _GONE]
        if not path:
            if how is Hiding.LEAVE_OUT:
                return _GONE
            return pseudonym(self._site, _plain(str(node)) or str(node)) if how is Hiding.HASH else MASK
        if not isinstance(node, dict) or path[0] not in node:
            return node
        below = self._placed(node[path[0]], path[1:], how)
        kept = {key: value for key, value in node.items() if key != path[0] or below is not _GONE}
        return {**kept, path[0]: below} if below is not _GONE else kept

    def _tree(self, node: object) -> object:
        if isinstance(node, dict):
            made = {}
            for key, value in node.items():
                name, below = self._leaf(key), self._tree(value)
                if name is not _GONE and below is not _GONE:
                    made[str(name)] = below
            return made
        if isinstance(node, list):
            return [each for each in map(self._tree, node) if each is not _GONE]
        return self._leaf(node)

    def _leaf(self, value: object) -> object:
        """The value, what stands for it, or _GONE."""
        if value is None:
            return value
        key = value if type(value) is str else (value, type(value))
        found = self._found.get(key, self)
        if found is self:
            found = self._found[key] = self._looked_into(value)
        return found

    def _looked_into(self, value: object) -> object:
        text = _Text(value if type(value) is str else str(value))
        for secret in self._secrets:
            if secret.stands_in(text):
                return _GONE if secret.how is Hiding.LEAVE_OUT else secret.instead
        return value


def pseudonym(site: SiteId, value: str) -> str:
    key = blake2b(site.encode(), digest_size=32).digest()
    return "~" + blake2b(value.encode("utf-8", "surrogatepass"), key=key, digest_size=6).hexdigest()


def _plain(text: str) -> str:
    """Letters and digits alone, without case and accents: how a value is compared."""
    if text.isascii():
        return text.lower().translate(_NO_SIGNS)
    parts = unicodedata.normalize("NFKD", text).casefold()
    return "".join([sign for sign in parts if sign.isalnum()])
