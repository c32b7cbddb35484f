"""YAML text → a tree whose every key and value knows its line and column.

Read with libyaml's events (PyYAML's C parser; the pure one where that is missing): measured 0.05 s per 1,000 sensors
with all marks, against 0.3 s when PyYAML composes its own nodes and 1.0 s with ruamel. Scalars are judged here, by the
YAML 1.2 core schema (https://yaml.org/spec/1.2.2/#103-core-schema): NO, on, yes and 12:30:00 are text, 0o17 is 15.
Keys are always text as written. Duplicate keys, merge keys, tags and a second document are errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec
import yaml

from bridge.config.broken import broken
from bridge.config.errors import Located, SiteErrors
from bridge.config.excerpt import excerpt, line_of, structure

Plain: TypeAlias = "str | int | float | bool | dict[str, Plain] | list[Plain] | None"
Place: TypeAlias = tuple[int, int]
"""Line and column, both from 1."""

DEEPEST = 100
"""Levels of nesting; far beyond any site, far below what exhausts the stack of whoever walks the tree."""
SPARE = 100_000
"""Nodes that aliases may add. Without aliases a document never has more nodes than characters."""

_Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_RADIX = re.compile(r"0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMERIC = frozenset("-+.0123456789")
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")


class Node(msgspec.Struct, gc=False):
    """One value of a document and where it stands.

    ``value``: text, number, bool or None for a scalar, ``dict[str, Node]`` or ``list[Node]``. ``keys``: where each key
    of a mapping stands, None for anything else.
    """

    value: str | int | float | bool | dict[str, Node] | list[Node] | None
    line: int
    column: int
    keys: dict[str, Place] | None = None


class Document(msgspec.Struct):
    """A file as read. ``root`` is None when its YAML is broken; ``errors`` holds what was found in either case."""

    file: str
    text: str
    root: Node | None
    errors: tuple[Located, ...]
    _lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Line ``number`` (from 1) of the text, "" beyond its end."""
        if self._lines is None:
            self._lines = self.text.splitlines()
        return line_of(self._lines, number)

    def told(self, place: Place, path: str) -> tuple[Document, Place, str]:
        """Where a fault at this place stands for people: a row of a table has part of what it says elsewhere."""
        return self, place, path

    def written(self, node: Node) -> tuple[str, Node]:
        """The file a value stands in, and the value as it is written there."""
        return self.file, node

    def shown(self, place: Place, hidden: Sequence[tuple[int, str]], safe: bool) -> tuple[str, int]:
        """What people may see of a line, and the column in it that the place became. ``hidden``: the values on it not
        to be seen; not ``safe``: nor any other of this document."""
        line, column = place
        return excerpt(self.line(line), column, hidden) if safe else structure(self.line(line), column)


def parse(text: str, file: str) -> Node:
    """The root node of ``text``; raises SiteErrors with every fault of the YAML itself."""
    document = read(text, file)
    if document.errors or document.root is None:
        raise SiteErrors(document.errors)
    return document.root


def read(text: str, file: str) -> Document:
    """Like ``parse``, but goes on after duplicate keys and the like (the first counts), to find all faults at once."""
    reader = _Reader(text, file)
    try:
        root = reader.document()
    except _Broken:
        root = None
    return Document(file, text, root, tuple(reader.errors))


def plain(node: Node) -> Plain:
    """The same as ordinary dicts, lists and scalars."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    return value


def locate(node: Node, path: Sequence[str | int]) -> Node:
    """The value at ``path`` (a pydantic ``loc``).

    A part that is not in the document (a missing key, the name of a union's branch, "[key]") is passed over, so the
    answer is the nearest value that exists.
    """
    for part in path:
        value = node.value
        if isinstance(value, dict):
            node = value.get(str(part), node)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            node = value[part]
    return node


def locate_key(node: Node, path: Sequence[str | int]) -> Place:
    """Line and column of the last key of ``path``; of the nearest value where that key is not in the document."""
    above = locate(node, path[:-1])
    return (above.keys or {}).get(str(path[-1]) if path else "", (above.line, above.column))


def scalar(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text.replace(".", "") if text[-1] in "fFnN" else text)
    return text


class _Broken(Exception):
    """What follows cannot be read; the fault is among the errors."""


class _Mark(Protocol):
    line: int
    column: int


_Event: TypeAlias = Any
"""One of PyYAML's events; what it has depends on its kind, which its stubs cannot say."""


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.errors: list[Located] = []
        self._text = text
        self._file = file
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._open: set[str] = set()
        self._count = 0
        self._lines: list[str] | None = None

    def document(self) -> Node:
        try:
            self._next: Callable[[], _Event] = _Parser(self._text).get_event
            self._next()  # the stream
            event = self._next()
            if isinstance(event, yaml.StreamEndEvent):
                return Node(None, 1, 1)
            root = self._node(self._next(), DEEPEST)
            self._next()  # the end of the document
            event = self._next()
            if not isinstance(event, yaml.StreamEndEvent):
                self._fault(event.start_mark, "a second document begins here; write one document per file, without ---")
        except yaml.YAMLError as error:
            place, message = broken(error, self._text)
            self._say(*place, message)
            raise _Broken from error
        return root

    def _node(self, event: _Event, levels: int) -> Node:
        """The node that begins with this event. Scalars, the many, are judged in place by the callers below."""
        kind: object = type(event)
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        if kind is yaml.AliasEvent:
            return self._alias(event)
        mark = event.start_mark
        if levels == 0:
            self._fault(mark, f"this is nested more than {DEEPEST} levels deep; write it flatter")
            raise _Broken
        if event.tag is not None and event.tag != "!":
            self._tag(event)
        anchor = event.anchor
        if anchor is not None:
            self._open.add(anchor)
        before = self._count
        node = Node(None, mark.line + 1, mark.column + 1)
        if kind is yaml.MappingStartEvent:
            node.keys = {}
            node.value = self._mapping(node.keys, levels - 1)
        else:
            node.value = self._sequence(levels - 1)
        self._count += 1
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = (node, self._count - before)
        return node

    def _mapping(self, keys: dict[str, Place], levels: int) -> dict[str, Node]:
        values: dict[str, Node] = {}
        following: Callable[[], _Event] = self._next
        while True:
            event = following()
            kind: object = type(event)  # as an object, or mypy narrows the event to stubs where marks may be None
            if kind is yaml.MappingEndEvent:
                return values
            mark = event.start_mark
            key = self._key(event, levels)
            event = following()
            kind = type(event)
            if kind is yaml.ScalarEvent and event.anchor is None and event.tag is None:
                at = event.start_mark
                text = event.value
                value = Node(scalar(text) if event.implicit[0] else text, at.line + 1, at.column + 1)
                self._count += 2
            else:
                value = self._node(event, levels)
            if key is None:
                continue
            if key in values:
                line, column = keys[key]
                self._fault(mark, f"{key} is written twice; the first is at line {line}, column {column}: keep one")
                continue
            values[key] = value
            keys[key] = (mark.line + 1, mark.column + 1)

    def _sequence(self, levels: int) -> list[Node]:
        values: list[Node] = []
        while True:
            event = self._next()
            if type(event) is yaml.SequenceEndEvent:
                return values
            values.append(self._node(event, levels))

    def _key(self, event: _Event, levels: int) -> str | None:
        """A key as written; None when it is none, after saying so and reading past it."""
        kind: object = type(event)
        if kind is yaml.ScalarEvent:
            if event.value == "<<" and event.implicit[0]:
                self._fault(event.start_mark, "merge keys (<<) are not part of YAML 1.2; write the keys out here")
                return None
            if event.anchor is not None or event.tag is not None:
                self._scalar(event)
            return str(event.value)
        node = self._node(event, levels)
        if isinstance(node.value, str):
            return node.value
        self._fault(
            event.start_mark, "a key has to be a name, not a list or a mapping; put quotes around a text that begins so"
        )
        return None

    def _scalar(self, event: _Event) -> Node:
        mark, text = event.start_mark, event.value
        self._count += 1
        if event.tag is not None and event.tag not in _TEXT_TAGS:
            self._tag(event)
        plain_scalar = event.implicit[0] and event.tag is None
        node = Node(scalar(text) if plain_scalar else text, mark.line + 1, mark.column + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, 1)
        return node

    def _alias(self, event: _Event) -> Node:
        """What the alias names, standing where the alias stands; its inside is shared, not copied."""
        mark, name = event.start_mark, event.anchor
        if name in self._open:
            self._fault(mark, "this alias stands inside what it names and would never end; write it out")
            raise _Broken
        if name not in self._anchors:
            self._fault(mark, "this alias names nothing above it; put quotes around a text that begins with *")
            return Node(None, mark.line + 1, mark.column + 1)
        node, weight = self._anchors[name]
        self._count += weight
        if self._count > len(self._text) + SPARE:
            self._fault(mark, f"aliases make this document more than {SPARE:,} values longer; write fewer of them")
            raise _Broken
        return Node(node.value, mark.line + 1, mark.column + 1, node.keys)

    def _tag(self, event: _Event) -> None:
        # Not repeated: it may be a secret that happens to begin with an exclamation mark.
        self._fault(event.start_mark, "tags mean nothing here; put quotes around a text that begins with !")

    def _fault(self, mark: _Mark, message: str) -> None:
        self._say(mark.line + 1, mark.column + 1, message)

    def _say(self, line: int, column: int, message: str) -> None:
        if self._lines is None:
            self._lines = self._text.splitlines()
        shown, caret = structure(line_of(self._lines, line), column)
        self.errors.append(Located(self._file, line, column, "", message, shown, caret))
