"""A site file whose keys and values are changed where they stand: comments, order and layout stay as they are.

Nothing is dumped: the text of a key or value is exchanged between its marks. What came out is read again and compared
with what was meant, and a file that is laid out too unusually is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
import yaml

from bridge.config.document import Plain, parse, plain
from bridge.config.editing import CannotEdit, Value, written
from bridge.config.errors import SiteErrors

Path: TypeAlias = "tuple[str | int, ...]"
"""Keys and positions from the root: ``("sensors", "gate", "cameras", 0)``; () is the root itself."""

_Event: TypeAlias = Any
"""One of PyYAML's events; what it has depends on its kind, which its stubs cannot say."""


class _Span(msgspec.Struct):
    """Where a value stands in the text, and its key, and what is in it."""

    begin: int
    end: int
    flow: bool = False
    key: tuple[int, int] = (0, 0)
    inside: dict[str | int, _Span] = msgspec.field(default_factory=dict)


class Rewriting:
    """``text`` as it is by now; ``changes``: in words, what was done to it. Each change raises CannotEdit where the
    file cannot take it, and then nothing was changed; SiteErrors when the text is no YAML of ours."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.changes: list[str] = []
        self._file = file
        self._said = plain(parse(text, file))

    @property
    def said(self) -> Plain:
        """What the file says by now. Not to be changed."""
        return self._said

    def at(self, path: Path) -> Plain:
        """The value there; None when there is none."""
        found = self._said
        for part in path:
            if isinstance(found, dict) and isinstance(part, str):
                found = found.get(part)
            elif isinstance(found, list) and isinstance(part, int) and part < len(found):
                found = found[part]
            else:
                return None
        return found

    def rename(self, path: Path, name: str) -> None:
        """Another name for the key at the end of ``path``; its value and place stay."""
        begin, end = self._span(path).key
        text = self.text[:begin] + written(name) + self.text[end:]

        def meant(above: dict[str, Plain]) -> dict[str, Plain]:
            return {name if key == path[-1] else key: value for key, value in above.items()}

        self._take(text, path, meant, f"{_shown(path)} is called {name} now")

    def put(self, path: Path, value: Value) -> None:
        """Another value for the key at the end of ``path``, which has a scalar."""
        span = self._span(path)
        before = self.at(path)
        if isinstance(before, dict | list):
            raise self._cannot(path)
        gap = "" if span.begin > span.key[1] + 1 else " "  # nothing stands behind the colon
        text = self.text[: span.begin] + gap + written(value) + self.text[span.end :]

        def meant(above: dict[str, Plain]) -> dict[str, Plain]:
            return {**above, str(path[-1]): value}

        self._take(text, path, meant, f"{_shown(path)} is {written(value)} now")

    def add(self, path: Path, name: str, value: Value) -> None:
        """A key before the others of the mapping at ``path``."""
        above = self._span(path)
        if not above.inside or self.at((*path, name)) is not None:
            raise self._cannot((*path, name))
        at = next(iter(above.inside.values())).key[0]
        column = at - (self.text.rfind("\n", 0, at) + 1)
        behind = ", " if above.flow else self._line_end() + " " * column
        text = f"{self.text[:at]}{name}: {written(value)}{behind}{self.text[at:]}"

        def meant(found: dict[str, Plain]) -> dict[str, Plain]:
            return {**found, name: value}

        self._take(text, (*path, name), meant, f"{_shown((*path, name))} is new: {written(value)}")

    def remove(self, path: Path) -> None:
        """The key at the end of ``path`` with all that is below it; what is written above it in comments stays."""
        span, beside = self._span(path), self._span(path[:-1])
        names = list(beside.inside)
        at = names.index(path[-1])
        begin, end = span.key[0], span.end
        if beside.flow:
            if at + 1 < len(names):
                end = beside.inside[names[at + 1]].key[0]
            elif at:
                begin = beside.inside[names[at - 1]].end
        else:
            line = self.text.rfind("\n", 0, begin) + 1
            following = self.text.find("\n", max(begin, end - 1))
            end = len(self.text) if following < 0 else following + 1
            if self.text[line:begin].strip():  # the first key behind a dash
                end += len(self.text[end:]) - len(self.text[end:].lstrip(" "))
            else:
                begin = line

        def meant(above: dict[str, Plain]) -> dict[str, Plain]:
            return {key: value for key, value in above.items() if key != path[-1]}

        self._take(self.text[:begin] + self.text[end:], path, meant, f"{_shown(path)} is gone")

    def _take(self, text: str, path: Path, change: Callable[[dict[str, Plain]], dict[str, Plain]], words: str) -> None:
        meant = _changed(self._said, path[:-1], change)
        try:
            said = plain(parse(text, self._file))
        except SiteErrors as errors:
            raise self._cannot(path) from errors
        if said != meant:
            raise self._cannot(path)
        self.text, self._said = text, said
        self.changes.append(words)

    def _span(self, path: Path) -> _Span:
        found = _spans(self.text)
        for part in path:
            if part not in found.inside:
                raise self._cannot(path)
            found = found.inside[part]
        return found

    def _cannot(self, path: Path) -> CannotEdit:
        return CannotEdit(f"{self._file} is laid out so that {_shown(path)} cannot be changed in it; change it by hand")

    def _line_end(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"


def _shown(path: Path) -> str:
    return ".".join(map(str, path))


def _changed(value: Plain, path: Path, change: Callable[[dict[str, Plain]], dict[str, Plain]]) -> Plain:
    """The same with the mapping at ``path`` changed."""
    if not path:
        return change(value) if isinstance(value, dict) else value
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {key: _changed(each, rest, change) if key == first else each for key, each in value.items()}
    if isinstance(value, list):
        return [_changed(each, rest, change) if at == first else each for at, each in enumerate(value)]
    return value


def _spans(text: str) -> _Span:
    """Where everything stands. Read by the pure parser: its marks have an index."""
    events = iter(yaml.parse(text, Loader=yaml.SafeLoader))
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            return _value(next(events), events)
    return _Span(0, 0)


def _value(event: _Event, events: Iterator[_Event]) -> _Span:
    span = _Span(event.start_mark.index, event.end_mark.index)
    if not isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
        return span
    span.flow = bool(event.flow_style)
    named = type(event) is yaml.MappingStartEvent
    inner: _Event
    for inner in events:
        kind: object = type(inner)  # as an object, or mypy narrows the event to stubs where marks may be None
        if kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            # A block's end mark stands where the next thing begins, behind the comments in between.
            last = max((each.end for each in span.inside.values()), default=span.end)
            span.end = inner.end_mark.index if span.flow else last
            return span
        if not named:
            span.inside[len(span.inside)] = _value(inner, events)
            continue
        key = _value(inner, events)
        below = _value(next(events), events)
        below.key = (key.begin, key.end)
        span.inside[str(getattr(inner, "value", ""))] = below
    return span


def entries(said: Plain, section: str) -> Mapping[str, Mapping[str, Plain]]:
    """The named things of a section of a file, name → what stands there; empty when it has none."""
    found = said.get(section) if isinstance(said, dict) else None
    if not isinstance(found, dict):
        return {}
    return {name: each for name, each in found.items() if isinstance(each, dict)}
