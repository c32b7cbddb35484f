"""Masking what a profile names as secret, before anything is stored; and user and password in URLs, always.

Where a document can be read it is masked by path: JSON here, also where it stands as text in another document, other
forms by ``bridge.profiles.masking``. Where it cannot (it goes to quarantine all the same), every value after a key of
that name is masked in the text.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import msgspec

from bridge.model import Message
from bridge.profiles.decode import encode, fields, is_json, read, too_deep, too_many
from bridge.profiles.masking import MASK, in_groups, in_lines, in_xml, without_users
from bridge.profiles.patterns import Pattern
from bridge.profiles.pictures import picture_type
from bridge.profiles.unwrap import wrapped
from bridge.profiles.xml import may_be_xml

_PART = re.compile(r"([^.\[\]]+)((?:\[\])*)(?:\.|$)")


class PathError(ValueError):
    """The path cannot be used; the message says why."""


def parse_path(text: str) -> tuple[str, ...]:
    """``users[].pin`` → ("users", "[]", "pin"); raises PathError."""
    found: list[str] = []
    place = 0
    while place < len(text):
        match = _PART.match(text, place)
        if match is None:
            break
        found.append(match[1])
        found += ["[]"] * (len(match[2]) // 2)
        place = match.end()
    if not found or place < len(text) or text.endswith(".") or found[-1] == "[]":
        raise PathError("write a path such as camera.stream or users[].pin")
    return tuple(found)


class Forms(msgspec.Struct, frozen=True):
    """How the profile's messages may be written, beside JSON. ``patterns``: each with whether it is for each line."""

    literal: bool = False
    xml: bool = False
    lines: bool = False
    patterns: tuple[tuple[Pattern, bool], ...] = ()
    unwraps: tuple[tuple[str, ...], ...] = ()


def redactor(
    paths: Sequence[tuple[str, ...]], forms: Forms, split: Sequence[tuple[str, ...]] = ()
) -> Callable[[Message], Message]:
    """Gives the message with the values at ``paths`` masked, and user and password in every URL; the same object when
    there are none. ``paths`` are those of a document, or of an element of the list at one of ``split``.
    """
    return _Redactor([*paths, *((*around, "[]", *path) for around in split for path in paths)], forms).redact


class _Redactor:
    def __init__(self, paths: Sequence[tuple[str, ...]], forms: Forms) -> None:
        self._paths = tuple(paths)
        self._forms = forms
        self._named = bool(paths or forms.unwraps)
        keys = sorted({path[-1].lstrip("@#") for path in paths})
        groups = {name for pattern, _ in forms.patterns for name in pattern.names}
        self._anywhere = bool(forms.unwraps) or any(path[0] in groups for path in paths)
        self._needles = tuple(key.encode() for key in keys)
        self._pattern = _in_text(keys)
        self._fields = {path[0] for path in paths if len(path) == 1}

    def redact(self, message: Message) -> Message:
        body = message.body
        if body and (self._named or b"@" in body or b"%40" in body):
            body = self._masked(body)
        parts = message.parts
        for index, part in enumerate(parts):
            data = part.data
            if self._named or b"@" in data or b"%40" in data:
                data = self._field(part.name, data)
            if data is not part.data:
                parts = (*parts[:index], msgspec.structs.replace(part, data=data), *parts[index + 1 :])
        if body is message.body and parts is message.parts:
            return message
        return msgspec.structs.replace(message, body=body, parts=parts)

    def _field(self, name: str, data: bytes) -> bytes:
        """A form field, or a part, may itself be what a path names."""
        if picture_type(data) is not None:
            return data
        return MASK.encode() if name in self._fields else self._masked(data)

    def _masked(self, data: bytes) -> bytes:
        if self._named:
            data = self._by_path(data)
        return without_users(data)

    def _by_path(self, data: bytes) -> bytes:
        if not (
            self._anywhere or b"\\u" in data or b"\0" in data[:8] or any(needle in data for needle in self._needles)
        ):
            return data
        if picture_type(data) is not None:
            return data
        if is_json(data):
            if not too_many(data):
                documents, wrong = read(data, self._forms.literal)
                if not wrong and not any(map(too_deep, documents)):
                    changed = [self._document(document) for document in documents]
                    return b"\n".join(map(encode, documents)) if any(changed) else data
        else:
            found = self._otherwise(data)
            if found is not None:
                return found
        return self._in_text(data)

    def _in_text(self, data: bytes) -> bytes:
        return self._pattern.sub(rb"\1" + b'"' + MASK.encode() + b'"', data) if self._paths else data

    def _document(self, document: object) -> bool:
        changed = [mask(document, path) for path in self._paths]
        return True in changed + [within(document, path, without_users) for path in self._forms.unwraps]

    def _otherwise(self, data: bytes) -> bytes | None:
        """What is no JSON, in the forms that the profile names; None when it can be read in none of them."""
        forms = self._forms
        if not self._paths and not forms.patterns:
            return data
        if forms.xml and may_be_xml(data):
            return in_xml(data, self._paths)
        for pattern, each_line in forms.patterns:
            found = in_groups(data, pattern, each_line, self._group)
            if found is not None:
                return found
        if forms.lines:
            return in_lines(data, self._paths)
        form = [] if data.lstrip()[:1] == b"<" else fields(data)
        if not form:
            return None
        masked = [(name, self._form_field(name, value)) for name, value in form]
        return data if masked == form else urlencode(masked).encode()

    def _form_field(self, name: str, value: str) -> str:
        if name in self._fields:
            return MASK
        data = value.encode()
        return (self._by_path(data) if is_json(data) else self._in_text(data)).decode("utf-8", "replace")

    def _group(self, name: str, value: bytes) -> bytes | None:
        if name in self._fields:
            return MASK.encode()
        below = {name: value.decode("utf-8", "replace")}
        return below[name].encode() if self._document(below) else None


def within(document: object, path: Sequence[str], change: Callable[[bytes], bytes]) -> bool:
    """Change a document that stands as base64 at ``path``, in place. (One that is plain text is changed with all.)"""
    if isinstance(document, list) and (not path or path[0] != "[]"):
        return True in [within(each, path, change) for each in document]
    if path[0] == "[]":
        return isinstance(document, list) and True in [within(each, path[1:], change) for each in document]
    if not isinstance(document, dict) or path[0] not in document:
        return False
    value = document[path[0]]
    if len(path) > 1:
        return within(value, path[1:], change)
    data = wrapped(value) if isinstance(value, str) else None
    if data is None or is_json(value.encode("utf-8", "replace")):
        return False
    changed = change(data)
    document[path[0]] = b2a_base64(changed, newline=False).decode() if changed != data else value
    return changed != data


def mask(value: object, path: Sequence[str]) -> bool:
    """Mask what stands at ``path`` in this document (in each element of a list at its top), in place."""
    if isinstance(value, list) and (not path or path[0] != "[]"):
        return True in [mask(each, path) for each in value]
    key = path[0]
    if key == "[]":
        if isinstance(value, dict):  # one alone, where there might have been a list
            return mask(value, path[1:])
        return isinstance(value, list) and True in [mask(each, path[1:]) for each in value]
    if not isinstance(value, dict) or key not in value:
        return False
    if len(path) == 1:
        value[key] = MASK
        return True
    below = value[key]
    if not isinstance(below, str):
        return mask(below, path[1:])
    masked = _mask_text(below, path[1:])
    if masked is not None:
        value[key] = masked
    return masked is not None


def _mask_text(text: str, path: Sequence[str]) -> str | None:
    """A document that stands as text, or base64 of it, masked and written so again; None when there is nothing."""
    data = wrapped(text)
    if data is None or too_many(data):
        return None
    documents, wrong = read(data, False)
    if wrong or len(documents) != 1 or too_deep(documents[0]) or not mask(documents[0], path):
        return None
    made = encode(documents[0])
    return made.decode() if is_json(text.encode("utf-8", "replace")) else b2a_base64(made, newline=False).decode()


def _in_text(keys: Sequence[str]) -> re.Pattern[bytes]:
    """A key, quoted or not, and the value after it: a text with its quotes, or what follows up to a separator."""
    # The name first, so that the search goes from one to the next; what stands before it is looked at then.
    names = "|".join(rf"{re.escape(key)}(?<![\w-]{re.escape(key)})" for key in keys)
    value = r"""(?:(?<=>)[^<]+|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^"'\s,;&}\])<][^\s,;&}\])<]*)"""
    return re.compile(rf"""((?:{names})["']?\s*+[:=>]\s*+){value}""".encode(), re.DOTALL)
