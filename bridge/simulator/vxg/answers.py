"""Answers in the shapes of the reference's section 12: errors, list envelopes, times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from bridge.simulator.http_server import Answer

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?")
_DEFAULT_LIMIT = 20
_LARGEST_LIMIT = 1000
Shape = TypeVar("Shape")
encode = msgspec.json.encode


class Refused(Exception):
    """A request that gets an error for an answer; the words are ours, nobody should match on them."""

    def __init__(self, status: int, kind: str, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.answer = error(status, kind, detail, headers)


def error(status: int, kind: str, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, encode({"status": status, "errorType": kind, "errorDetail": detail}), headers=headers)


def not_authorized() -> Refused:
    return Refused(401, "not_authorized", "Invalid access token")


def forbidden(detail: str = "Access 'all' is required") -> Refused:
    return Refused(403, "forbidden", detail)


def bad_request(detail: str) -> Refused:
    return Refused(400, "bad_request", detail)


def not_found(what: str) -> Refused:
    return Refused(404, "not_found", f"{what} not found")


def ok(body: object) -> Answer:
    return Answer(200, encode(body))


def created(body: object) -> Answer:
    return Answer(201, encode(body))


DELETED = Answer(204)


def read(body: bytes, shape: type[Shape]) -> Shape:
    """A body. Raises Refused."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad_request(str(error)) from None


def parse_time(text: str, name: str, zulu: bool = False) -> datetime:
    """A naive UTC time (as aware UTC); ``zulu``: a trailing Z is accepted too. Raises Refused."""
    if zulu and text.endswith("Z"):
        text = text[:-1]
    if _TIME.fullmatch(text) is None:
        raise bad_request(f"{name}: invalid format")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise bad_request(f"{name}: invalid format") from None


def show_time(time: datetime) -> str:
    """Naive UTC with microseconds, as every time the API gives."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond:06d}"


def soon() -> str:
    """Until when the links of a page are good."""
    return show_time(datetime.now(UTC) + timedelta(hours=2))


def number(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number that is not negative. Raises Refused."""
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise bad_request(f"{name}: a number is expected")
    return int(text)


def page(path: str, query: Mapping[str, str], total: int, objects: Sequence[object], expire: bool = False) -> Answer:
    """The list envelope. ``objects``: those of this page, cut by ``window`` of the same query.

    ``next`` and ``previous`` are host-relative and drop ``include_meta``, as the real ones may (reference 3).
    """
    limit, offset = window(query)
    kept = {name: value for name, value in query.items() if name not in ("token", "include_meta", "limit", "offset")}

    def at(start: int) -> str:
        return f"{path}?{urlencode({'limit': limit, 'offset': start, **kept})}"

    meta: dict[str, object] = {
        "limit": limit,
        "offset": offset,
        "total_count": total,
        "next": at(offset + limit) if offset + limit < total else None,
        "previous": at(max(0, offset - limit)) if offset > 0 else None,
    }
    if expire:
        meta["expire"] = soon()
    return ok({"meta": meta, "objects": objects})


def window(query: Mapping[str, str]) -> tuple[int, int]:
    """(limit, offset): 20 when not given, 1000 at most."""
    limit = min(number(query, "limit", _DEFAULT_LIMIT), _LARGEST_LIMIT)
    return max(1, limit), number(query, "offset", 0)
