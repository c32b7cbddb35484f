"""The decoders a profile names, tried in order: the first that finds a document in a message reads all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from bridge.model import Message, Part
from bridge.profiles import lines, xml
from bridge.profiles.decode import MOST_VALUES, Unreadable, decode, fields, is_json, lenient, texts, too_many
from bridge.profiles.patterns import NoMatch, Pattern
from bridge.profiles.pictures import picture_type

Found: TypeAlias = "tuple[object, bytes | None] | str"
"""A document with its own bytes where those are clean JSON, or what is wrong with something."""

Decoder: TypeAlias = Callable[[Message], list[Found]]
"""Everything that a message holds in this form; raises Unreadable when there is no document."""

TOO_MANY = f"the message cannot be read: it holds more than {MOST_VALUES} values"

_NO_TEXT = ("image/", "audio/", "video/", "application/octet-stream")


def in_turn(decoders: Sequence[Decoder]) -> Callable[[Message], list[Found]]:
    """Reads a message with the first decoder that finds a document; else gives what each says is wrong."""

    def read(message: Message) -> list[Found]:
        wrong: list[str] = []
        first: list[Found] = []
        for decoder in decoders:
            try:
                found = decoder(message)
            except Unreadable as unreadable:
                wrong.append(str(unreadable))
                continue
            if len(decoders) == 1 or any(type(each) is tuple for each in found):
                return found
            first = first or found
        return first or [f"the message cannot be read: {'; '.join(dict.fromkeys(wrong))}"]

    return read


def json_decoder(literal: bool) -> Decoder:
    """JSON as ``bridge.profiles.decode`` reads it; ``literal``: texts in single quotes too."""

    def read(message: Message) -> list[Found]:
        found: list[Found] = []
        for data in texts(message):
            found += _json(data, literal)
        return found

    return read


def _json(data: bytes, literal: bool) -> list[Found]:
    if too_many(data):
        return [TOO_MANY]
    try:
        return [(decode(data), data)]
    except (ValueError, RecursionError):
        documents, wrong = lenient(data, literal)
        found: list[Found] = [(document, None) for document in documents]
        return [*found, f"the message cannot be read: {wrong}"] if wrong else found


def form_decoder(literal: bool) -> Decoder:
    """The fields of a form by their names, one told twice as a list; a field that is JSON is read instead of them.

    ``application/x-www-form-urlencoded``, or the parts of ``multipart/form-data`` that are no files.
    """

    def read(message: Message) -> list[Found]:
        told = _form_parts(message.parts) if message.parts else fields(message.body)
        if not told:
            raise Unreadable("it is no form")
        found = [each for _, value in told if is_json(value[:256].encode()) for each in _json(value.encode(), literal)]
        if any(type(each) is tuple for each in found):
            return found
        made: dict[str, object] = {}
        for name, value in told:
            before = made.get(name)
            if before is None:
                made[name] = value
            elif isinstance(before, list):
                before.append(value)
            else:
                made[name] = [before, value]
        return [(made, None)]

    return read


def _form_parts(parts: Sequence[Part]) -> list[tuple[str, str]]:
    return [
        (part.name, lines.decoded(part.data)) for part in parts if part.name and not part.filename and _is_text(part)
    ]


def xml_decoder(message: Message) -> list[Found]:
    """XML as ``bridge.profiles.xml`` reads it, in the body or in every part that looks like it."""
    places = [data for data in _places(message) if xml.may_be_xml(data)]
    if not places:
        raise Unreadable("it is no XML" if not message.parts else f"none of its {len(message.parts)} parts holds XML")
    found: list[Found] = []
    for data in places:
        try:
            found += [(document, None) for document in xml.read(data)]
        except xml.NotXml as wrong:
            found.append(f"the message cannot be read: {wrong}")
    return found


def values_decoder(message: Message) -> list[Found]:
    """``name=value`` lines: one document for the body, or for each part that has such lines."""
    return _each(message, lambda data: [(lines.key_values(data), None)])


def text_decoder(beside_json: bool) -> Decoder:
    """Each line as ``{line: ...}``. ``beside_json``: of devices that send JSON too, so that what begins like an object
    of it is no text: a report that was cut off is to be seen, not to be taken for words that mean nothing."""

    def read(data: bytes) -> list[Found]:
        if beside_json and data.lstrip()[:1] == b"{":
            raise lines.NotLines("it is no text: it begins like JSON")
        found = lines.split(data)
        if not found:
            raise lines.NotLines("it is empty")
        return [({"line": line}, None) for line in found]

    return lambda message: _each(message, read)


def pattern_decoder(pattern: Pattern, each_line: bool) -> Decoder:
    """The named groups of a regex, matched with the whole or with each line."""

    def read(data: bytes) -> list[Found]:
        if each_line:
            return [made if isinstance(made, str) else (made, None) for made in pattern.lines(data)]
        return [(pattern.message(data), None)]

    return lambda message: _each(message, read)


def _each(message: Message, read: Callable[[bytes], list[Found]]) -> list[Found]:
    """What is read in all places with text; raises Unreadable, with the first reason, when it is nothing."""
    found: list[Found] = []
    wrong = ""
    for data in _places(message):
        if len(data) > lines.LONGEST:
            wrong = wrong or f"it is a text of {len(data)} bytes, and {lines.LONGEST} is the most that is read"
            continue
        try:
            found += read(data)
        except (lines.NotLines, NoMatch) as why:
            wrong = wrong or str(why)
    if not found:
        raise Unreadable(wrong or "it holds no text")
    return found


def _places(message: Message) -> list[bytes]:
    """The body, or every part that is text."""
    if message.parts:
        return [part.data for part in message.parts if _is_text(part)]
    return [message.body] if message.body and picture_type(message.body) is None else []


def _is_text(part: Part) -> bool:
    return picture_type(part.data) is None and (
        not part.content_type.startswith(_NO_TEXT) or part.data[:1] in (b"<", b"{", b"[")
    )
