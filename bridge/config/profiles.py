"""Where a site's profiles are: beside the site file, or among those that come with the bridge."""

from __future__ import annotations

from pathlib import Path

import mappings
from bridge.config.document import Node
from bridge.config.errors import Located
from bridge.config.excerpt import excerpt, line_of
from bridge.config.faults import Entry, Faults
from bridge.profiles.profile import Profile

BUILT_IN = mappings.PROFILES


class Profiles:
    """The profiles that sensors name, each compiled once. A profile of one's own goes before a built-in one."""

    def __init__(self, own: Path, faults: Faults) -> None:
        self._own = own
        self._found = [(folder, {file.stem for file in folder.glob("*.yaml")}) for folder in (own, BUILT_IN)]
        self._names = sorted({name for _, names in self._found for name in names})
        self._faults = faults
        self._compiled: dict[str, Profile | None] = {}

    @property
    def used(self) -> dict[str, Profile]:
        return {name: profile for name, profile in self._compiled.items() if profile is not None}

    def named(self, name: str, entry: Entry, node: Node) -> Profile | None:
        """The compiled profile; None after saying at ``node`` that there is none, or once what is wrong in it."""
        if name not in self._compiled:
            file = self._file(name)
            if file is None:
                near = self._faults.meant(name, self._names)
                instead = f"did you mean {near}?" if near else f"there is {', '.join(self._names) or 'none yet'}"
                message = f"there is no profile {name} here or in {self._own}; {instead}"
                self._faults.add(entry.source, (node.line, node.column), f"{entry.path}.profile", message)
                return None
            self._compiled[name] = self._compile(file)
        return self._compiled[name]

    def _file(self, name: str) -> Path | None:
        """Never a path that a name spells: one with a slash or dots in it is in no folder."""
        for folder, names in self._found:
            if name in names:
                return folder / f"{name}.yaml"
        return None

    def _compile(self, file: Path) -> Profile | None:
        from bridge.profiles.compile import ProfileErrors, compile_profile

        try:
            text = file.read_text("utf-8")
        except OSError as error:
            self._faults.of_file(file, f"cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError:
            self._faults.of_file(file, "this is not UTF-8; save the file as UTF-8")
            return None
        try:
            return compile_profile(text, str(file))
        except ProfileErrors as errors:
            lines = text.splitlines()
            self._faults.take(
                tuple(
                    Located(str(file), line, column, "", message, *excerpt(line_of(lines, line), column))
                    for line, column, message in errors.errors
                )
            )
            return None
