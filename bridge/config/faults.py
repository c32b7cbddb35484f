"""The faults of a site while it is read: collected, so that all are said at once, and shown without secrets."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import msgspec

from bridge.config.document import Document, Node, Place
from bridge.config.errors import Located, SiteErrors, nearest
from bridge.config.excerpt import excerpt

MOST_SEARCHED = 100_000
"""Names compared with wrong ones to find what was meant, all in all: a second or two."""

_NO_NAME = re.compile(r"ey[A-Za-z0-9+/_=-]{40,}|[A-Za-z0-9+_=-]{80,}")
"""What is never a name, and may be a token that was written in the place of one."""


class Entry(msgspec.Struct, frozen=True):
    """One named thing of a section: where its key stands, and what is below it."""

    source: Document
    path: str
    place: Place
    node: Node

    @property
    def where(self) -> str:
        return f"{self.source.file}:{self.place[0]}:{self.place[1]}"


class Faults:
    """What is wrong so far. A value that may be a secret is ``hide``-den from every excerpt."""

    def __init__(self) -> None:
        self._found: list[tuple[Document, Place, str, str]] = []
        self._ready: list[Located] = []
        self._meant: dict[str, str] = {}
        self._searched = 0
        self._hidden: dict[str, dict[int, list[tuple[int, str]]]] = {}

    def __bool__(self) -> bool:
        return bool(self._found or self._ready)

    def add(self, source: Document, place: Place, path: str, message: str) -> None:
        self._found.append((*source.told(place, path), message))

    def take(self, errors: tuple[Located, ...]) -> None:
        """Faults that were found and made showable elsewhere (of the YAML itself, of a profile)."""
        self._ready.extend(errors)

    def of_file(self, file: Path | str, message: str) -> None:
        self._ready.append(Located(str(file), 0, 0, "", message))

    def hide(self, source: Document, node: Node) -> None:
        """Show no scalar of this part of a document."""
        value = node.value
        if isinstance(value, dict):
            for child in value.values():
                self.hide(source, child)
        elif isinstance(value, list):
            for child in value:
                self.hide(source, child)
        elif value not in (None, "", True, False):
            file, written = source.written(node)
            hidden = self._hidden.setdefault(file, {}).setdefault(written.line, [])
            if (written.column, str(written.value)) not in hidden:
                hidden.append((written.column, str(written.value)))

    def meant(self, wrong: str, known: Collection[str]) -> str:
        """The known name that ``wrong`` may stand for, "" when none is near, or after too much searching: ten thousand
        wrong references to ten thousand names would take minutes."""
        found = self._meant.get(wrong)
        if found is None:
            self._searched += len(known)
            found = self._meant[wrong] = nearest(wrong, known) if self._searched <= MOST_SEARCHED else ""
        return found

    def errors(self) -> SiteErrors:
        located = list(self._ready)
        whole = {source.file: source for source, *_ in self._found}
        safe = {file: self._hides_whole_values(source) for file, source in whole.items()}
        for source, (line, column), path, message in self._found:
            hidden = self._hidden.get(source.file, {}).get(line, [])
            shown, caret = source.shown((line, column), hidden, safe[source.file])
            path, message, shown = (_NO_NAME.sub("…", each) for each in (path, message, shown))
            located.append(Located(source.file, line, column, path, message, shown, caret))
        return SiteErrors(located)

    def _hides_whole_values(self, source: Document) -> bool:
        """Whether every hidden value is found on its line; one that runs over several could show on any of them."""
        try:
            for number, values in self._hidden.get(source.file, {}).items():
                excerpt(source.line(number), 1, values)
        except ValueError:
            return False
        return True
