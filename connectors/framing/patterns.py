"""Messages whose end a regular expression describes. Pure.

A message ends with the first byte up to which the expression has matched. That does not depend on how the stream was
cut, for what matches is of bounded length and looks at nothing around it; so of what has been searched already only
that length is searched again, and RE2 (package ``google-re2``) does it in time linear in the bytes. Python's ``re``
goes back, and a stream could be made to hold it for hours.
"""

from __future__ import annotations

import importlib
import re
from typing import Protocol, cast

LONGEST_MATCH = 1024
"""Bytes that an expression may match, counted from above: its own length times how often things repeat in it."""

MOST_STEPS = 2000

_TOKEN = re.compile(
    r"(?P<class>\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\])"
    r"|(?P<assertion>[$^]|\\[AzZbBQE])"
    r"|(?P<escape>\\(?:[pPx]\{[^}]*\}|.))"
    r"|(?P<endless>[*+]|\{\d+,\})"
    r"|\{(?:\d+,)?(?P<most>\d+)\}"
    r"|.",
    re.DOTALL,
)
_BLANKS = b" \t\r\n\0"


class _Match(Protocol):
    def start(self) -> int: ...

    def end(self) -> int: ...


class _Regexp(Protocol):
    programsize: int

    def search(self, text: bytes) -> _Match | None: ...


class Compiled:
    """``longest``: no match has more bytes."""

    def __init__(self, regexp: _Regexp, longest: int) -> None:
        self.search = regexp.search
        self.longest = longest


def compiled(pattern: str) -> Compiled:
    """Raises ValueError: what cannot be in such an expression, or the package that is missing."""
    longest = _longest(pattern)
    try:
        re2 = importlib.import_module("re2")
    except ImportError:
        raise ValueError(
            "a regex needs the package google-re2: install it, or vms-bridge with its extra regex"
        ) from None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 4 * 1024 * 1024
    options.never_capture = True
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, whatever they mean
    try:
        regexp = cast("_Regexp", re2.compile(pattern.encode("utf-8"), options))
    except re2.error as error:
        said = error.args[0] if error.args else error
        raise ValueError(
            f"this is no RE2 pattern: {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
        ) from None
    if regexp.programsize > MOST_STEPS:
        raise ValueError(f"this makes a program of {regexp.programsize} steps, and {MOST_STEPS} is the most")
    if regexp.search(b"") is not None:
        raise ValueError("this matches nothing at all, so that every byte would end a message")
    return Compiled(regexp, longest)


def _longest(pattern: str) -> int:
    longest = len(pattern.encode("utf-8"))
    for token in _TOKEN.finditer(pattern):
        if token["endless"]:
            raise ValueError(f"{token[0]} has no end: write how many there are at most, for example {{0,80}}")
        if token["assertion"]:
            raise ValueError(f"{token[0]} looks at what stands around a match: write what is matched instead, like \\n")
        if token["most"]:
            longest *= max(1, int(token["most"]))
    if not 0 < longest <= LONGEST_MATCH:
        raise ValueError(f"this may match {longest} bytes, and 1 to {LONGEST_MATCH} are allowed: repeat less in it")
    return longest


class PatternFramer:
    """See ``framed.Framed``. The end of the stream ends the last message too."""

    def __init__(self, pattern: Compiled, most: int, keep: bool) -> None:
        self.garbage = self.dropped = self.oversize = 0
        self.trouble, self.broken = "", False
        self._search = pattern.search
        self._longest = pattern.longest
        self._most = most
        self._keep = keep
        self._buffer = bytearray()
        self._start = 0  # of the message
        self._seen = 0  # nothing has matched that ends up to here
        self._skipping = False

    @property
    def held(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        found: list[bytes] = []
        while self._step(found):
            pass
        del self._buffer[: self._start]
        self._seen -= self._start
        self._start = 0
        return found

    def finish(self) -> list[bytes]:
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._start = self._seen = 0
        if self._skipping:
            self.dropped += len(rest)
            return []
        return [rest] if rest.strip(_BLANKS) else []

    def _step(self, found: list[bytes]) -> bool:
        buffer = self._buffer
        # Nothing beyond the longest message is looked at, so that what is too long is so however it was cut.
        limit = len(buffer) if self._skipping else min(len(buffer), self._start + self._most)
        match = self._first(max(self._start, self._seen - self._longest + 1), limit)
        if match is not None:
            self._ended(*match, found)
            return True
        self._seen = limit
        if self._skipping:
            self._drop_to(max(self._start, limit - self._longest + 1))
        elif limit == self._start + self._most:
            self.oversize += 1
            self.trouble = f"a message is longer than {self._most} bytes and left out"
            self._skipping = True
            return limit < len(buffer)
        return False

    def _first(self, begin: int, end: int) -> tuple[int, int] | None:
        """Where the match that ends first begins and ends."""
        window = bytes(memoryview(self._buffer)[begin:end])
        match = self._search(window)
        if match is None:
            return None
        low, high = match.start(), match.end()
        window = window[low:high]
        short, long = 0, high - low  # the first `long` bytes of it hold a match, the first `short` do not
        while long - short > 1:
            middle = (short + long) // 2
            if self._search(window[:middle]) is None:
                short = middle
            else:
                long = middle
        first = self._search(window[:long])
        assert first is not None
        return begin + low + first.start(), begin + low + long

    def _ended(self, begin: int, end: int, found: list[bytes]) -> None:
        if self._skipping:
            self._skipping = False
            self._drop_to(end)
        else:
            message = bytes(memoryview(self._buffer)[self._start : end if self._keep else begin])
            if message.strip(_BLANKS):
                found.append(message)
        self._start = self._seen = end

    def _drop_to(self, end: int) -> None:
        self.dropped += end - self._start
        self._start = end
