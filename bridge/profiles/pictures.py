"""Pictures: told by their first bytes, taken out of documents, and named by what they show."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence

import msgspec

from bridge.model import Part

SMALLEST = 64
"""Characters of base64; a picture is never shorter."""

_BASE64 = ("/9j/", "iVBORw0KGgo", "Qk", "data:image/")
_LETTERS = re.compile("[A-Za-z]+")


def picture_type(data: bytes) -> str | None:
    """``image/jpeg``, ``image/png`` or ``image/bmp`` by the first bytes (reference source-cammra-lpr section 4)."""
    start = data[:14]
    if start[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if start[:4] == b"\x89PNG":
        return "image/png"
    if start[:2] == b"BM" and len(start) == 14 and start[6:10] == b"\0\0\0\0":  # "BM" alone could begin a text
        return "image/bmp"
    return None


def in_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts that are pictures, in order; what their bytes say is trusted over their label."""
    found: list[Part] = []
    for part in parts:
        kind = picture_type(part.data)
        if kind is None and part.data[:2] == b"BM" and part.content_type.startswith("image/"):
            kind = "image/bmp"  # two letters are proof enough when the label agrees
        if kind is not None:
            found.append(part if part.content_type == kind else msgspec.structs.replace(part, content_type=kind))
    return tuple(found)


def may_hold(body: bytes) -> bool:
    """Whether a document of these bytes could hold a base64 picture: a quick look that never says no wrongly.

    Large bodies are not searched, they mostly do hold one and walking their document costs less than the search.
    """
    if len(body) > 16384:
        return True
    # A JPEG's first bytes (its slashes may be escaped), a PNG's, and the zeros in the header of a BMP.
    return b"/9j" in body or b"iVBORw0KGgo" in body or b"AAAAA" in body


def take_out(document: dict[str, object], labels: Sequence[str]) -> tuple[Part, ...]:
    """Take every base64 picture out of the document, in place, in order; a short note stays where it was.

    ``labels``: the keys beside a picture whose text says what it shows; it becomes the part's ``name``, and the
    picture's own key its ``filename``.
    """
    found: list[Part] = []

    def visit(inside: dict[str, object] | list[object]) -> None:
        places = inside.items() if isinstance(inside, dict) else enumerate(inside)
        for place, value in list(places):
            if isinstance(value, str):
                picture = _decoded(value)
                if picture is None:
                    continue
                kind, data = picture
                found.append(Part(kind, data, name=_label(inside, labels), filename=str(place)))
                note = f"(picture {len(found)}: {kind}, {len(data)} bytes)"
                inside[place] = note  # type: ignore[call-overload,index]
            elif isinstance(value, dict | list):
                visit(value)

    visit(document)
    return tuple(found)


def _decoded(text: str) -> tuple[str, bytes] | None:
    if len(text) < SMALLEST or not text.startswith(_BASE64):
        return None
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        data = binascii.a2b_base64(text if len(text) % 4 == 0 else text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    kind = picture_type(data)
    return None if kind is None else (kind, data)


def _label(inside: dict[str, object] | list[object], labels: Sequence[str]) -> str:
    if isinstance(inside, dict):
        for key in labels:
            text = inside.get(key)
            if isinstance(text, str) and text:
                return text
    return ""


def roles_of(
    media: Sequence[Part], words: Sequence[tuple[str, frozenset[str]]], order: Sequence[str]
) -> tuple[str, ...]:
    """What each picture shows. ``words``: per role, the words that say so; ``order``: what is said by position."""
    found: list[str] = []
    unnamed = 0
    for part in media:
        role = role_named(part.name, words) or _role_in(part.filename, words)
        if not role:
            role = role_named(order[unnamed], words) if unnamed < len(order) else ""
            unnamed += 1
        found.append(role)
    return tuple(found)


def role_named(label: str, words: Sequence[tuple[str, frozenset[str]]]) -> str:
    """The role whose word the label is; case does not count. "" when it is none."""
    label = label.strip().lower()
    return next((role for role, said in words if label in said), "")


def _role_in(filename: str, words: Sequence[tuple[str, frozenset[str]]]) -> str:
    """The role one of whose words stands in a file name by itself. Case counts: "LP" may be part of a plate."""
    spoken = set(_LETTERS.findall(filename))
    return next((role for role, said in words if spoken & said), "")
