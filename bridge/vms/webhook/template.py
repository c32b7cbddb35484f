"""Bodies of one's own: text with ``{{path}}`` and ``{{json path}}``, and nothing more.

``{{event.title}}`` becomes the value as text, escaped to stand between the quotes of a JSON string: no value can break
out of them. ``{{json event.fields}}`` becomes the value as JSON, quotes and all. What is not there becomes nothing
(``null`` as JSON). The paths are those of the default document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

Document = Mapping[str, object]

KNOWN: Mapping[str, frozenset[str]] = {
    "version": frozenset(),
    "action": frozenset(),
    "possible_duplicate": frozenset(),
    "camera": frozenset({"name", "key", "id"}),
    "sensor": frozenset({"id", "name", "kind"}),
    "event": frozenset(
        {
            *("id", "revision", "site", "message", "type", "title", "state", "condition", "closes", "urgency"),
            *("occurred_at", "arrived_at", "clock", "clock_offset", "fields", "detail", "media", "changes", "marks"),
            "test",
        }
    ),
}
"""What a path may begin with; below ``event.fields`` and ``event.detail`` anything."""

_HOLE = re.compile(r"\{\{\s*(json\s+)?([A-Za-z_][\w.-]*)\s*\}\}")


class TemplateWrong(ValueError):
    """A placeholder that can never be filled; says which."""


class Template:
    """Raises TemplateWrong."""

    def __init__(self, text: str) -> None:
        self._pieces: list[tuple[str, bool, tuple[str, ...]]] = []
        at = 0
        for hole in _HOLE.finditer(text):
            path = tuple(hole[2].split("."))
            _judge(path)
            self._pieces.append((text[at : hole.start()], hole[1] is not None, path))
            at = hole.end()
        self._end = text[at:]
        if any("{{" in piece for piece, _, _ in self._pieces) or "{{" in self._end:
            raise TemplateWrong("write a placeholder as {{event.title}} or {{json event.fields}}")

    def fill(self, document: Document) -> bytes:
        made = []
        for before, as_json, path in self._pieces:
            made.append(before)
            value = _at(document, path)
            made.append(_json(value) if as_json else _text(value))
        made.append(self._end)
        return "".join(made).encode("utf-8", "replace")


def _judge(path: tuple[str, ...]) -> None:
    below = KNOWN.get(path[0])
    if below is None:
        raise TemplateWrong(f"there is no {path[0]} to write; there is {', '.join(KNOWN)}")
    if not below and len(path) > 1:
        raise TemplateWrong(f"{path[0]} has nothing below it; write {{{{{path[0]}}}}}")
    if below and len(path) > 1 and path[1] not in below:
        raise TemplateWrong(f"{path[0]} has no {path[1]}; it has {', '.join(sorted(below))}")


def _at(value: object, path: tuple[str, ...]) -> object:
    for name in path:
        if isinstance(value, msgspec.Raw):
            value = msgspec.json.decode(value)
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(str(value).encode("utf-8", "replace").decode()).decode()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _json(value)[1:-1]
    text = _json(value)
    return text if isinstance(value, bool | int | float) else _json(text)[1:-1]
