"""Expressions and values of a profile, compiled with what they may refer to at their place; faults are gathered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bridge.config.document import Document, locate
from bridge.config.errors import did_you_mean
from bridge.config.faults import Faults
from bridge.profiles import grammar, values
from bridge.profiles.evaluation import ExpressionFailed
from bridge.profiles.expression import Expression, ExpressionError, compile_expression
from bridge.profiles.lexer import tokens, uses
from bridge.profiles.redact import PathError, parse_path
from bridge.profiles.values import Pick, Read, Seen

T = TypeVar("T")
Out = TypeVar("Out")
Path = tuple[str | int, ...]


def never(_: Seen) -> None:
    return None


class Scope:
    """``known``: the variables that an expression may use here, and their members where those are known. ``origins``:
    whether any expression so far asks for the origin. ``absent``: what stands for no value."""

    def __init__(self, document: Document, faults: Faults, absent: Sequence[str]) -> None:
        self._document = document
        self._faults = faults
        self.absent = frozenset(absent)
        self.origins = False
        self.known: dict[str, set[str] | None] = {"item": None, "origin": None}

    def fault(self, path: Path, message: str) -> None:
        """Something is wrong at this place of the profile."""
        assert self._document.root is not None
        node = locate(self._document.root, path)
        said = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        self._faults.add(self._document, (node.line, node.column), said, message)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self._faults

    def expression(self, path: Path, text: str) -> Expression:
        """The compiled expression; one that is always null after saying what is wrong with it."""
        try:
            compiled = compile_expression(text, set(self.known))
        except ExpressionError as error:
            self.fault(path, str(error))
            return compile_expression("null == null")
        for use in uses(tokens(text))[0]:
            self.origins |= use.name == "origin"
            members = self.known.get(use.name)
            if members is not None and use.member is not None and use.member not in members:
                near = did_you_mean(use.member, members) or f"; so far there is {', '.join(sorted(members)) or 'none'}"
                self.fault(path, f"{use.name} has no {use.member} here{near}")
        return compiled

    def pick(self, path: Path, alternative: grammar.Alternative) -> Pick:
        if (alternative.expression is None) == (alternative.key_like is None):
            self.fault(path, "write an expression such as item.name, or {key_like: name}")
            return never
        if alternative.key_like is not None:
            return values.pick_like(alternative.key_like)
        assert alternative.expression is not None
        return values.pick(self.expression(path, alternative.expression))

    def picks(self, path: Path, alternatives: Sequence[grammar.Alternative]) -> list[Pick]:
        return [self.pick((*path, index), each) for index, each in enumerate(alternatives)]

    def value(self, path: Path, value: grammar.Value) -> Read:
        return values.reader(
            self.picks((*path, "from"), value.from_),
            values.cut_out(values.NORMALISERS[value.as_], value.after, value.before)
            if value.after or value.before
            else values.NORMALISERS[value.as_],
            self.absent,
            value.map,
            frozenset(value.absent),
            value.otherwise,
        )

    def values(
        self, path: Path, named: Mapping[str, grammar.Value], known: set[str] | None
    ) -> tuple[tuple[str, Read], ...]:
        """``known`` grows with each name, so that a value sees those before it."""
        found: list[tuple[str, Read]] = []
        for name, value in named.items():
            found.append((name, self.value((*path, name), value)))
            if known is not None:
                known.add(name)
        return tuple(found)

    def keys(self, path: Path, keys: Sequence[Sequence[grammar.Alternative]]) -> list[Pick]:
        return [
            values.first(self.picks((*path, index), alternatives), self.absent)
            for index, alternatives in enumerate(keys)
        ]

    def true(self, path: Path, text: str | None) -> Callable[[Seen], bool]:
        """Whether the expression is true; one that fails is not."""
        if text is None:
            return lambda _: True
        evaluate = self.expression(path, text).evaluate

        def holds(seen: Seen) -> bool:
            try:
                return evaluate(seen) is True
            except ExpressionFailed:
                return False

        return holds

    def choice(
        self,
        path: Path,
        cases: Sequence[grammar.Case[T]],
        make: Callable[[Path, T], Out],
        otherwise: Out | None = None,
    ) -> Callable[[Seen], Out]:
        """The first case that holds. Without ``otherwise`` the last one must hold always."""
        made: list[tuple[Callable[[Seen], bool], Out]] = []
        last: Out | None = otherwise
        for index, case in enumerate(cases):
            here = (*path, index)
            result = make(here, case.is_)
            if case.when is None:
                if index < len(cases) - 1:
                    self.fault((*here, "is"), "this is always so, and what follows is never reached; put it last")
                last = result
                break
            made.append((self.true((*here, "when"), case.when), result))
        else:
            if otherwise is None and cases:
                self.fault(path, "none may be true; end the list with a plain value that always holds")
        final: Out = last  # type: ignore[assignment]  # None only after a fault, or where None is meant
        if not made:
            return lambda _: final
        choices = tuple(made)

        def choose(seen: Seen) -> Out:
            for holds, result in choices:
                if holds(seen):
                    return result
            return final

        return choose

    def paths(self, path: Path, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Where in a document things are; those that cannot be read are left out, after saying so."""
        found: list[tuple[str, ...]] = []
        for index, text in enumerate(texts):
            try:
                found.append(parse_path(text))
            except PathError as error:
                self.fault((*path, index), str(error))
        return found
