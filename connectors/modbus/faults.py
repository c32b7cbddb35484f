"""What is wrong on a line, said once: the line itself, or of several units those that do not answer, or refuse."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.base import Link

LISTED = 3


class Faults:
    """``say`` makes the link and its parts tell what is known now; of what was said already nothing is said again."""

    def __init__(self, link: Link, line: str) -> None:
        self._link = link
        self._line = line
        self._works = ""
        self._units: frozenset[int] = frozenset()
        self._gone = ""
        self._silent: dict[int, str] = {}
        self._heard: set[int] = set()
        self._refused: dict[int, dict[str, str]] = {}
        self._said: str | None = None
        self._parts: dict[str, str] = {}

    def watch(self, units: Iterable[int], works: str) -> None:
        """These are the units from now on; ``works``: what to say of the line while all is well."""
        self._units, self._works = frozenset(units), works
        for known in (self._silent, self._refused):
            for unit in [each for each in known if each not in self._units]:
                del known[unit]
        self._heard &= self._units
        if self._said == "":
            self._said = None
        self._say()

    def gone(self, why: str) -> None:
        """There is no connection."""
        self._gone = why
        self._say()

    def silent(self, unit: int, why: str) -> None:
        self._gone = ""
        self._silent[unit] = why
        self._say()

    def answers(self, unit: int) -> None:
        """Whatever it says."""
        if self._gone or unit in self._silent or unit not in self._heard:
            self._gone = ""
            self._heard.add(unit)
            self._silent.pop(unit, None)
            self._say()

    def refuses(self, unit: int, what: str, why: str) -> None:
        """The unit answers, but not about this."""
        known = self._refused.setdefault(unit, {})
        if known.get(what) != why:
            known[what] = why
            self._say()

    def gives(self, unit: int, what: str) -> None:
        known = self._refused.get(unit)
        if known is not None and known.pop(what, None) is not None:
            if not known:
                del self._refused[unit]
            self._say()

    def _say(self) -> None:
        down = self._gone or self._all_silent()
        if down:
            if down != self._said:
                self._link.down(down)
                self._said = down
        elif self._said != "" and (self._heard - self._silent.keys() or not self._units):
            self._link.up(self._works if self._units else f"nothing on {self._line} is asked for by any sensor")
            self._said = ""
        if not self._gone:  # of what cannot be asked nothing new is known
            self._say_parts({} if down else self._wrong())

    def _all_silent(self) -> str:
        if not self._units or self._silent.keys() < self._units:
            return ""
        units = ", ".join(map(str, sorted(self._units)))
        why = next(iter(self._silent.values()))
        return f"{self._line} is there, but unit {units} {why}"

    def _wrong(self) -> dict[str, str]:
        found = {f"unit {unit}": why for unit, why in self._silent.items()}
        for unit, refused in self._refused.items():
            shown = "; ".join(f"{what}: {why}" for what, why in list(refused.items())[:LISTED])
            more = f"; and {len(refused) - LISTED} more" if len(refused) > LISTED else ""
            found[f"unit {unit} points"] = shown + more
        return found

    def _say_parts(self, wrong: dict[str, str]) -> None:
        for name in [each for each in self._parts if each not in wrong]:
            del self._parts[name]
            self._link.part(name).up()
        for name, why in wrong.items():
            if self._parts.get(name) != why:
                self._parts[name] = why
                self._link.part(name).down(why)
