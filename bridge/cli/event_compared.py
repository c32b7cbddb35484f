"""An event in the journal and in the VMS, side by side. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

PIECES = "detail_"
"""Tags in which the whole message stands in pieces, and the one that names the document it stands in instead."""
DOCUMENT = "detail_document"
DETAIL = "detail"


class Compared(msgspec.Struct, frozen=True):
    """One tag. ``verdict``: "" when both have the same, "differs", "only in the journal", "only in the VMS"."""

    tag: str
    journal: str | None
    vms: str | None
    verdict: str

    @property
    def wrong(self) -> bool:
        """What is only in the VMS may have been added there."""
        return self.verdict not in ("", "only in the VMS")


def compared(ours: Mapping[str, object], theirs: Mapping[str, object]) -> list[Compared]:
    """Ours first, in their order; the pieces of the whole message as one, by what they say."""
    left, left_detail = _taken_apart(ours)
    right, right_detail = _taken_apart(theirs)
    found = [_one(tag, left.get(tag), right.get(tag)) for tag in dict.fromkeys([*left, *right])]
    if left_detail is not None or right_detail is not None:
        found.append(_detail(left_detail, right_detail, DOCUMENT in right))
    return found


def _one(tag: str, ours: str | None, theirs: str | None) -> Compared:
    if ours is None:
        verdict = "only in the VMS"
    elif theirs is None:
        verdict = "only in the journal"
    else:
        verdict = "" if ours == theirs else "differs"
    return Compared(tag, ours, theirs, verdict)


def _detail(ours: str | None, theirs: str | None, in_document: bool) -> Compared:
    if theirs is None and in_document:
        return Compared(DETAIL, ours, None, "")  # the document is named by a tag of its own
    if ours is not None and theirs is not None and _read(ours) == _read(theirs):
        return Compared(DETAIL, ours, theirs, "")
    return _one(DETAIL, ours, theirs)


def _taken_apart(tags: Mapping[str, object]) -> tuple[dict[str, str], str | None]:
    """(tags but the pieces of the message, these joined)."""
    plain: dict[str, str] = {}
    pieces: dict[int, str] = {}
    for tag, value in tags.items():
        number = tag.removeprefix(PIECES)
        if tag != number and number.isdecimal():
            pieces[int(number)] = _text(value)
        else:
            plain[tag] = _text(value)
    return plain, "".join(text for _, text in sorted(pieces.items())) if pieces else None


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def differences(rows: Sequence[Compared]) -> int:
    return sum(each.wrong for each in rows)
