"""What is wrong in a file, where, and what to write instead; all of it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec


class Located(msgspec.Struct, frozen=True):
    """One fault. ``line`` and ``column`` count from 1; line 0 is the file as a whole.

    ``path`` says where in the document ("sensors.gate-lpr.address"). ``excerpt`` is the line as it may be shown:
    what could be a secret is left out of it; "" shows none. ``caret`` is the column in the excerpt, from 1.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    excerpt: str = ""
    caret: int = 1

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        """One line: ``site.yaml:12:5: sensors.gate-lpr.kindd: there is no key ...``."""
        return f"{self.where}: {self.path}: {self.message}" if self.path else f"{self.where}: {self.message}"


class SiteErrors(Exception):
    """A file, or the site made of several, cannot be used. ``errors`` holds every fault found, in file order."""

    def __init__(self, errors: Iterable[Located]) -> None:
        unique = dict.fromkeys(errors)
        self.errors = tuple(sorted(unique, key=lambda error: (error.file, error.line, error.column)))
        super().__init__("\n".join(map(str, self.errors)))

    def render(self) -> str:
        """For people: each fault with the line it is on and a caret under its column, and how many there are."""
        told = []
        for error in self.errors:
            told.append(str(error))
            if error.excerpt:
                indent = len(error.excerpt) - len(error.excerpt.lstrip())
                told.append(f"    {error.excerpt.strip()}")
                told.append(f"    {' ' * max(0, error.caret - 1 - indent)}^")
        count = len(self.errors)
        told.append(f"{count} error{'' if count == 1 else 's'}")
        return "\n".join(told)


def nearest(wrong: str, known: Iterable[str]) -> str:
    """The known name that was most likely meant, "" when none is near."""
    by_lower = {choice.lower(): choice for choice in known}
    near = difflib.get_close_matches(wrong.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else ""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """``"; did you mean gate-in?"``, or "" when nothing known is near."""
    near = nearest(wrong, known)
    return f"; did you mean {near}?" if near else ""
