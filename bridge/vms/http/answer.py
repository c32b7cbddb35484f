"""What comes of a request: an answer, or one of two failures that are never confused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

Told = TypeVar("Told")


class SendingError(Exception):
    """A request brought no answer. ``why`` in words, without headers or bodies: they may hold secrets."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NotSent(SendingError):
    """Not a byte of the request was written: surely not taken.

    ``busy``: only because every connection of ours was in use, which says nothing about the other side. ``after``:
    seconds that it wants to be left alone.
    """

    def __init__(self, why: str, busy: bool = False, after: float = 0.0) -> None:
        super().__init__(why)
        self.busy = busy
        self.after = after


class AnswerLost(SendingError):
    """Some of the request may have been written and no whole answer came: it may have been taken.

    ``silent``: nothing was heard within the time, as against a connection that was cut or an answer that is no HTTP.
    """

    def __init__(self, why: str, silent: bool = False) -> None:
        super().__init__(why)
        self.silent = silent


class Unsendable(SendingError, ValueError):
    """The request cannot be written as HTTP (a line break in a header, say); nothing was written."""


class Answer:
    """A whole answer. ``body`` is empty and ``cut`` true when it was larger than the sender takes."""

    __slots__ = ("body", "cut", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, cut: bool = False) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.cut = cut

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name (given in lower case)."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def told(self, decode: Callable[[bytes], Told]) -> Told | None:
        """Its body as ``decode`` of a ``msgspec.json.Decoder`` has it; None when it is no such thing."""
        try:
            return decode(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people: a log-in, a captive portal, an error that something in between tells, under
        200 too."""
        return self.body.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html"))


LONGEST_WAIT = 3600.0
"""Seconds; a server that asks for more is asked again after this."""


def retry_after(answer: Answer, now: datetime) -> float:
    """Seconds the server asks us to wait, 0 when it does not say: a number or an HTTP date (RFC 9110, 10.2.3)."""
    value = answer.header(b"retry-after")
    if value is None:
        return 0.0
    text = value.decode("latin-1").strip()
    if text.isdecimal() and text.isascii():
        return min(float(text[:9]), LONGEST_WAIT)
    from email.utils import parsedate_to_datetime  # costs 20 ms, and a date is rare

    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if until.tzinfo is None:  # "-0000": UTC of unknown zone
        until = until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), LONGEST_WAIT)
