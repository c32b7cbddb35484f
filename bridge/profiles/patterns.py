"""Regular expressions with named groups → documents, in time linear in the message's length (RE2).

Why RE2 by its package ``google-re2`` (BSD-3-Clause; no wheel for musl as of 2026): Python's ``re`` goes back and
can be made to work for hours by a message, and CEL's own ``matches`` gives no groups. It is loaded only by a profile
that has a regex.

Linear is not quick by itself: without its fast ways RE2 takes about 1 ns for each character and each step of the
pattern's program (measured: ``(.{0,900})(.*)(.{0,900})`` 0.6 s for 40 kB). So a pattern may have 2,000 steps, and
characters times steps may be 8,000,000, which is 8 ms: 125 kB for a pattern of 64 steps as Dahua's lines need one.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from bridge.profiles.lines import decoded, split

LONGEST_PATTERN = 4096
MOST_STEPS = 2000
MOST_WORK = 8_000_000
MOST_MEMORY = 4 * 1024 * 1024


class PatternError(ValueError):
    """The pattern cannot be used; the message says why."""


class NoMatch(Exception):
    """The message is not of this form; the message says why."""


class _Match(Protocol):
    def span(self, group: int = 0) -> tuple[int, int]: ...


class _Regexp(Protocol):
    programsize: int
    groupindex: dict[str, int]

    def fullmatch(self, text: bytes) -> _Match | None: ...


class Pattern:
    """A compiled pattern; raises PatternError."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_PATTERN:
            raise PatternError(f"a pattern may have {LONGEST_PATTERN} characters")
        try:
            re2 = importlib.import_module("re2")
        except ImportError:
            raise PatternError(
                "a regex needs the package google-re2: install it, or vms-bridge with its extra regex"
            ) from None
        options = re2.Options()
        options.log_errors = False
        options.max_mem = MOST_MEMORY
        try:
            self._regexp = cast("_Regexp", re2.compile(text, options))
        except re2.error as error:
            said = error.args[0] if error.args else error
            raise PatternError(
                f"this is no RE2 pattern: {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
            ) from None
        if self._regexp.programsize > MOST_STEPS:
            raise PatternError(
                f"the pattern makes a program of {self._regexp.programsize} steps, and {MOST_STEPS} is the most: "
                "count less in it"
            )
        self._names = tuple(self._regexp.groupindex.items())
        self.names = frozenset(self._regexp.groupindex)
        if not self._names:
            raise PatternError("the pattern names no group; write for example (?P<door>[0-9]+)")

    def message(self, data: bytes) -> dict[str, object]:
        """The named groups of the whole message, without line ends around it; raises NoMatch."""
        text = decoded(data.strip(b"\r\n\x00")).encode("utf-8")
        self._afford(len(text))
        found = self._groups(text)
        if found is None:
            raise NoMatch("it does not match the regex from end to end")
        return found

    def lines(self, data: bytes) -> list[dict[str, object] | str]:
        """The named groups of each line that is not blank, or what is wrong with it; raises NoMatch, NotLines."""
        lines = [line.encode("utf-8") for line in split(data)]
        self._afford(sum(map(len, lines)))
        found = [self._groups(line) or f"the line does not match the regex: {line[:60].decode('utf-8', 'replace')!r}"
                 for line in lines]  # fmt: skip
        if all(isinstance(each, str) for each in found):
            raise NoMatch("none of its lines matches the regex from end to end")
        return found

    def spans(self, text: bytes) -> dict[str, tuple[int, int]]:
        """Where the named groups stand in these bytes of UTF-8; empty when they do not match."""
        if len(text) * self._regexp.programsize > MOST_WORK:
            return {}
        match = self._regexp.fullmatch(text)
        if match is None:
            return {}
        return {name: span for name, index in self._names if (span := match.span(index))[0] >= 0}

    def _groups(self, text: bytes) -> dict[str, object] | None:
        match = self._regexp.fullmatch(text)
        if match is None:
            return None
        found: dict[str, object] = {}
        for name, index in self._names:
            start, end = match.span(index)
            if start >= 0:
                found[name] = text[start:end].decode("utf-8", "replace")
        return found

    def _afford(self, length: int) -> None:
        most = MOST_WORK // max(1, self._regexp.programsize)
        if length > most:
            raise NoMatch(f"it has {length} bytes, and the regex is run on {most} at most")
