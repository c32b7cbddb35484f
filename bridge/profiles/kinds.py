"""The kinds of messages that a profile tells of: when a message is one, and what it then says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bridge.config.errors import did_you_mean
from bridge.model import State, Urgency
from bridge.profiles import grammar, titles, values
from bridge.profiles.best import best_of
from bridge.profiles.compiled import CollapseBy, Dedup, Hold, Kind
from bridge.profiles.conditions import CompleteBy
from bridge.profiles.lexer import tokens, uses
from bridge.profiles.scope import Path, Scope, never
from bridge.profiles.times import TimeOf, time_reader
from bridge.profiles.values import Pick, Seen


class Kinds:
    def __init__(self, scope: Scope, model: grammar.ProfileDocument) -> None:
        self._scope = scope
        self._model = model
        self._bests = any(kind.best for kind in model.messages.values())

    def kind(self, path: Path, name: str, kind: grammar.MessageKind) -> Kind:
        """What a message of this kind says, and of what it is an event."""
        self._scope.known.pop("fields", None)
        self._scope.known.pop("best", None)
        when = self._when((*path, "when"), kind.when)
        best = tuple((each, self._best((*path, "best", each), of)) for each, of in kind.best.items())
        if self._bests:
            self._scope.known["best"] = set(kind.best)
        known: set[str] = set()
        self._scope.known["fields"] = known
        fields = self._scope.values((*path, "fields"), kind.fields, known)
        condition = self._scope.keys((*path, "condition"), kind.condition)
        if not condition and any(case.is_ != "momentary" for case in kind.state):
            self._scope.fault((*path, "state"), "what is active or restored needs a condition: what is on or off")
        complete = self._complete((*path, "complete"), name, kind)
        if kind.ends_after is not None and not condition:
            self._scope.fault((*path, "ends_after"), "what ends after a while needs a condition: what is on or off")
        return Kind(
            name=name,
            when=when,
            type=self._scope.choice((*path, "type"), kind.type, lambda _, text: text),
            title=self._title((*path, "title"), kind.title, known),
            state=self._scope.choice((*path, "state"), kind.state, lambda _, text: State(text), State.MOMENTARY),
            urgency=self._scope.choice(
                (*path, "urgency"), kind.urgency, lambda _, text: Urgency[text.upper()], Urgency.NOTICE
            ),
            condition=values.joined(condition) if condition else None,
            fields=fields,
            times=tuple(self._time((*path, "time", index), time) for index, time in enumerate(kind.time)),
            dedup=self._dedup((*path, "dedup"), name, kind.dedup),
            collapse=self._collapse(path, kind, known),
            quiet=self._quiet((*path, "quiet"), kind.quiet),
            complete=complete,
            best=best,
            more=None
            if kind.more is None
            else values.first(self._scope.picks((*path, "more"), kind.more), self._scope.absent),
            ends_after=kind.ends_after,
            types=tuple(dict.fromkeys(case.is_ for case in kind.type)),
            always_quiet=any(case.when is None for case in kind.quiet),
        )

    def _best(self, path: Path, best: grammar.Best) -> Pick:
        ways = self._scope.paths((*path, "by"), best.by)
        return best_of(
            [values.first([pick], self._scope.absent) for pick in self._scope.picks((*path, "of"), best.of)], ways
        )

    def _complete(self, path: Path, name: str, kind: grammar.MessageKind) -> CompleteBy | None:
        complete = kind.complete
        if complete is None:
            return None
        if kind.condition and kind.condition[:-1] != complete.scope:
            self._scope.fault(
                (*path, "scope"), "these must be the keys of condition but its last one, which conditions lists"
            )
        scope = values.joined(self._scope.keys((*path, "scope"), complete.scope))
        if self._model.split:
            self._scope.known["items"] = None
        conditions = self._scope.expression((*path, "conditions"), complete.conditions)
        self._scope.known.pop("items", None)
        used, _, elements = uses(tokens(complete.conditions))
        shared = {use.name for use in used} <= {"items", "outer"} | elements
        return CompleteBy(scope, conditions.evaluate, name if shared else "")

    def _when(self, path: Path, when: grammar.When | None) -> Callable[[Seen], bool]:
        if when is None:
            return lambda _: True
        if (when.expression is None) == (when.any is None):
            self._scope.fault(path, "write an expression, or {any: [item.one, item.other]}")
            return lambda _: False
        if when.any is None:
            return self._scope.true(path, when.expression)
        present = values.first(self._scope.picks((*path, "any"), when.any), self._scope.absent)
        return lambda seen: present(seen) is not None

    def _title(self, path: Path, cases: Sequence[grammar.Case[str]], known: set[str]) -> Callable[[Seen], str]:
        def make(here: Path, template: str) -> Callable[[titles.Fields], str]:
            for name in titles.names_in(template):
                if name and name not in known:
                    self._scope.fault(here, f"there is no field {name}{did_you_mean(name, known)}")
            try:
                return titles.compile_title(template)
            except titles.TitleError as error:
                self._scope.fault(here, str(error))
                return lambda _: ""

        choose = self._scope.choice(path, cases, make)
        return lambda seen: choose(seen)(seen["fields"])

    def _time(self, path: Path, time: grammar.Time) -> TimeOf:
        expression = self._scope.expression((*path, "from"), time.from_)
        return time_reader(values.first([values.pick(expression)], self._scope.absent), time.format, time.zone)

    def _dedup(self, path: Path, name: str, dedup: grammar.Dedup | None) -> Dedup | None:
        if dedup is None:
            return None
        if dedup.of is not None and dedup.of not in self._model.messages:
            self._scope.fault(
                (*path, "of"), f"there is no kind {dedup.of}{did_you_mean(dedup.of, self._model.messages)}"
            )
        return Dedup(
            dedup.of or name,
            values.joined(self._scope.keys((*path, "key"), dedup.key)),
            values.joined_present(self._scope.keys((*path, "also"), dedup.also)),
            dedup.window,
        )

    def _collapse(self, of: Path, kind: grammar.MessageKind, known: set[str]) -> CollapseBy | None:
        collapse, path = kind.collapse, (*of, "collapse")
        if collapse is None:
            return None
        for index, name in enumerate(collapse.amend):
            if name not in known:
                self._scope.fault((*path, "amend", index), f"there is no field {name}{did_you_mean(name, known)}")
        cases = [
            Hold(
                self._scope.true((*path, "cases", index, "when"), case.when),
                case.hold,
                case.rank,
                values.joined(self._scope.keys((*path, "cases", index, "begins"), case.begins))
                if case.begins
                else None,
            )
            for index, case in enumerate(collapse.cases)
        ]
        key = values.joined(self._scope.keys((*path, "key"), collapse.key))
        loose = values.joined(self._scope.keys((*path, "loose"), collapse.loose)) if collapse.loose else None
        told = tuple(
            (name, values.first(self._scope.picks((*of, "fields", name, "from"), value.from_), frozenset()))
            for name, value in kind.fields.items()
            if value.otherwise is not None and (name in collapse.amend or not collapse.amend) and self._scope.sound
        )
        says_less = collapse.loose == collapse.key
        return CollapseBy(key, collapse.window, tuple(collapse.amend), tuple(cases), loose, says_less, told)

    def _quiet(self, path: Path, cases: Sequence[grammar.Case[str]]) -> Callable[[Seen], str | None]:
        if not cases:
            return never
        reason: Callable[[Seen], str] = self._scope.choice(path, cases, lambda _, text: text, "")
        return lambda seen: reason(seen) or None
