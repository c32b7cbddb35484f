"""The closures that evaluate the plain part of CEL. Which rules of CEL they keep is said in ``native``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

Variables: TypeAlias = Mapping[str, object]
Evaluate: TypeAlias = Callable[[Variables], object]
Literal: TypeAlias = "str | int | float | bool | None"

_SMALLEST, _LARGEST = -(2**63), 2**64


class ExpressionFailed(Exception):
    """Evaluation failed: a missing field, a wrong type. The message says which expression and why."""


def failure_of(text: str, path: tuple[str, ...], variables: Variables) -> ExpressionFailed:
    """Why a selection failed, found out only now that it did."""
    value: object = variables
    done: list[str] = []
    for name in path:
        if not isinstance(value, Mapping):
            return ExpressionFailed(f"{text}: {'.'.join(done)} is {kind_of(value)} and has no {name}")
        if name not in value:
            return ExpressionFailed(f"{text}: there is no {'.'.join([*done, name])}")
        done.append(name)
        value = value[name]
    return ExpressionFailed(f"{text}: {'.'.join(path)} is a number CEL cannot hold")


def kind_of(value: object) -> str:
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a map"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def as_cel_holds(value: int) -> int | float:
    """A whole number as CEL holds it: beyond 64 bits it becomes a double."""
    return value if _SMALLEST <= value < _LARGEST else float(value)


def select_path(path: tuple[str, ...], text: str) -> Evaluate:
    if len(path) == 2:
        variable, key = path

        def select_key(variables: Variables) -> object:
            try:
                value = variables[variable][key]  # type: ignore[index]
                return as_cel_holds(value) if type(value) is int else value
            except (KeyError, TypeError, IndexError, OverflowError):
                raise failure_of(text, path, variables) from None

        return select_key

    def select(variables: Variables) -> object:
        value: object = variables
        try:
            for name in path:
                value = value[name]  # type: ignore[index]
            return as_cel_holds(value) if type(value) is int else value
        except (KeyError, TypeError, IndexError, OverflowError):
            raise failure_of(text, path, variables) from None

    return select


def has_path(path: tuple[str, ...], text: str) -> Evaluate:
    above, key = path[:-1], path[-1]

    def has(variables: Variables) -> bool:
        value: object = variables
        try:
            for name in above:
                value = value[name]  # type: ignore[index]
        except (KeyError, TypeError, IndexError):
            raise failure_of(text, above, variables) from None
        if not isinstance(value, Mapping):
            raise failure_of(text, path, variables)
        return key in value

    return has


def same_as(literal: Literal) -> Callable[[object], bool]:
    """Whether a value of a JSON document is CEL-equal to the literal."""
    if literal is None or isinstance(literal, bool):
        return lambda value: value is literal
    if isinstance(literal, str):
        return lambda value: value == literal
    number = literal

    def same(value: object) -> bool:
        if type(value) is int and type(number) is int:
            return value == number
        return (type(value) is float or type(value) is int) and float(value) == float(number)

    return same


def equals(value: Evaluate, literal: Literal, differs: bool) -> Evaluate:
    same = same_as(literal)
    if isinstance(literal, str):
        if differs:
            return lambda variables: value(variables) != literal
        return lambda variables: value(variables) == literal
    if differs:
        return lambda variables: not same(value(variables))
    return lambda variables: same(value(variables))


def among(value: Evaluate, literals: tuple[Literal, ...]) -> Evaluate:
    tests = tuple(same_as(literal) for literal in literals)

    def is_among(variables: Variables) -> bool:
        found = value(variables)
        return any(test(found) for test in tests)

    return is_among


def negated(value: Evaluate, text: str) -> Evaluate:
    def negate(variables: Variables) -> bool:
        found = value(variables)
        if found is True or found is False:
            return not found
        raise ExpressionFailed(f"{text}: ! needs true or false, not {kind_of(found)}")

    return negate


def absorbing(sides: tuple[Evaluate, ...], decides: bool, text: str) -> Evaluate:
    """``||`` (True decides) or ``&&`` (False decides): one deciding side absorbs the errors of the others."""

    def absorb(variables: Variables) -> bool:
        failure: ExpressionFailed | None = None
        try:
            for side in sides:
                try:
                    found = side(variables)
                except ExpressionFailed as failed:
                    failure = failure or failed
                    continue
                if found is decides:
                    return decides
                if found is not (not decides):
                    sign = "||" if decides else "&&"
                    failure = failure or ExpressionFailed(f"{text}: {sign} needs true or false, not {kind_of(found)}")
            if failure is not None:
                raise failure
            return not decides
        finally:
            failure = None  # or it would hold this frame and all that is in those around it, and this frame hold it

    return absorb
