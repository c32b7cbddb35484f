"""An answer's body as a document, and the values a dotted path leads to in it. Pure.

XML becomes mappings as profiles read it: local names, the root's children as keys and its own name as ``@root``,
repeated elements as lists, attributes as ``@name``, text as the value, or as ``#text`` beside attributes and children.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

import msgspec

DEEPEST = 64
_SLICE = 16 * 1024
_BARE_AND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)")
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_STEP = re.compile(r"([^.\[\]]+)|\[(\*|\d{1,6})\]")


class Unreadable(ValueError):
    """The body is not what it should be; says why."""


def document(body: bytes) -> object:
    """JSON or XML, told apart by the first byte. Raises Unreadable."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        return _xml(start)
    try:
        return msgspec.json.decode(start)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"the answer is neither JSON nor XML: {error}") from None


def _xml(body: bytes) -> object:
    """Entities of its own are refused; a bare & is taken for what it is (CAMMRA's search.cgi sends some)."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        if re.match(rb"<!doctype\s+html", body, re.IGNORECASE):
            raise Unreadable("the answer is a web page")
        raise Unreadable("the answer declares a document type, which is not read")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("latin-1")  # whatever is declared: devices of old send it so
    text = _CONTROL.sub("", _BARE_AND.sub("&amp;", _DECLARATION.sub("", text, count=1)))
    parser = ElementTree.XMLParser()  # noqa: S314 - entities are refused above
    try:
        for start in range(0, len(text), _SLICE):  # between two slices other threads have their turn
            parser.feed(text[start : start + _SLICE])
        root = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unreadable(f"the answer is no XML: {error}") from None
    if _local(root.tag).lower() == "html":
        raise Unreadable("the answer is a web page")
    return _mapping(root, 0)


def _mapping(element: ElementTree.Element, depth: int) -> object:
    if depth > DEEPEST:
        raise Unreadable(f"the answer is nested deeper than {DEEPEST}")
    text = (element.text or "").strip()
    found: dict[str, object] = {} if depth else {"@root": _local(element.tag)}
    found |= {f"@{_local(name)}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = _local(child.tag), _mapping(child, depth + 1)
        there = found.get(name)
        if isinstance(there, list):
            there.append(value)
        else:
            found[name] = value if name not in found else [there, value]
    if not found and depth:
        return text
    if text:
        found["#text"] = text
    return found


def _local(name: str) -> str:
    return name.rpartition("}")[2]


class Path:
    """``data.events[*].date``: names with dots between, ``[*]`` for each of a list, ``[0]`` for one of it.

    A name asked of a list is asked of each of its elements, and one thing is as good as a list of one: in XML a single
    element cannot be told from a list. An empty path is the whole answer.
    """

    def __init__(self, text: str) -> None:
        """Raises ValueError for what is no path."""
        self.text = text
        steps = [(found.start(), found[1], found[2]) for found in _STEP.finditer(text)]
        if re.fullmatch(r"(?:[^.\[\]]+|\[(?:\*|\d{1,6})\])(?:\.[^.\[\]]+|\[(?:\*|\d{1,6})\])*", text or "x") is None:
            raise ValueError("write a path like data.events[*].date")
        self._steps: tuple[str | int | None, ...] = tuple(
            name if name is not None else None if index == "*" else int(index) for _, name, index in steps
        )

    def values(self, document: object) -> list[object]:
        """All it leads to, in order; nothing where it leads nowhere."""
        return [value for value in _follow([document], self._steps) if value is not None]

    def elements(self, document: object) -> list[object] | None:
        """What stands in the list, or lists, it leads to; None where it leads nowhere."""
        found = list(_follow([document], self._steps))
        if not found:
            return None
        return [one for each in found for one in (each if isinstance(each, list) else [each]) if one is not None]


def _follow(values: Sequence[object], steps: Sequence[str | int | None]) -> Iterator[object]:
    for step in steps:
        if step is None:
            values = [one for each in values for one in (each if isinstance(each, list) else [each])]
        elif isinstance(step, int):
            values = [each[step] for each in map(_list, values) if step < len(each)]
        else:
            flat = [one for each in values for one in (each if isinstance(each, list) else [each])]
            values = [one[step] for one in flat if isinstance(one, dict) and step in one]
    return iter(values)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
