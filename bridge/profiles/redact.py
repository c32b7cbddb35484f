"""Masking what a profile names as secret, before anything is stored.

Where a document can be read it is masked by path. Where it cannot (it goes to quarantine all the same), every value
after a key of that name is masked in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import msgspec

from bridge.model import Message
from bridge.profiles.decode import encode, fields, is_json, read, too_deep, too_many
from bridge.profiles.pictures import picture_type

MASK = "(masked)"

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


def redactor(paths: Sequence[tuple[str, ...]], literal: bool) -> Callable[[Message], Message]:
    """Gives the message with the values at ``paths`` of every item masked; the same object when there are none."""
    if not paths:
        return lambda message: message
    keys = sorted({path[-1] for path in paths})
    needles = tuple(key.encode() for key in keys)
    pattern = _in_text(keys)
    fields_named = {path[0] for path in paths if len(path) == 1}

    def masked(data: bytes) -> bytes:
        if not any(needle in data for needle in needles) and b"\\u" not in data:
            return data
        if picture_type(data) is not None:
            return data
        if is_json(data) and not too_many(data):
            documents, wrong = read(data, literal)
            if not wrong and not any(map(too_deep, documents)):
                changed = [mask(document, path) for document in documents for path in paths]
                return b"\n".join(map(encode, documents)) if any(changed) else data
        elif not is_json(data) and (form := fields(data)):
            masked_form = [
                (name, masked_field(name, value.encode()).decode("utf-8", "replace")) for name, value in form
            ]
            return data if masked_form == form else urlencode(masked_form).encode()
        return pattern.sub(lambda found: found[1] + b'"' + MASK.encode() + b'"', data)

    def masked_field(name: str, data: bytes) -> bytes:
        """A form field, or a part, may itself be what a path names."""
        return MASK.encode() if name in fields_named and picture_type(data) is None else masked(data)

    def redact(message: Message) -> Message:
        body = masked(message.body) if message.body else message.body
        parts = message.parts
        if parts:
            data = [masked_field(part.name, part.data) for part in parts]
            if any(new is not part.data for new, part in zip(data, parts, strict=True)):
                parts = tuple(
                    part if new is part.data else msgspec.structs.replace(part, data=new)
                    for new, part in zip(data, parts, strict=True)
                )
        if body is message.body and parts is message.parts:
            return message
        return msgspec.structs.replace(message, body=body, parts=parts)

    return redact


def mask(value: object, path: Sequence[str]) -> bool:
    """Mask what stands at ``path`` in this document (in each element of a list at its top), in place."""
    if isinstance(value, list) and (not path or path[0] != "[]"):
        return True in [mask(each, path) for each in value]
    key = path[0]
    if key == "[]":
        return isinstance(value, list) and True in [mask(each, path[1:]) for each in value]
    if not isinstance(value, dict) or key not in value:
        return False
    if len(path) == 1:
        value[key] = MASK
        return True
    return mask(value[key], path[1:])


def _in_text(keys: Sequence[str]) -> re.Pattern[bytes]:
    """A key, quoted or not, and the value after it: a text with its quotes, or what follows up to a separator."""
    names = "|".join(map(re.escape, keys))
    value = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^"'\s,;&}\])<][^\s,;&}\])<]*)"""
    return re.compile(rf"""((?<![\w-])["']?(?:{names})["']?\s*[:=>]\s*){value}""".encode(), re.DOTALL)
