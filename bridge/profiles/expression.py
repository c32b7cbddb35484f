"""Expressions: CEL everywhere, compiled once (stub of the contract)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class ExpressionFailed(Exception):
    """Evaluation failed: a missing field, a wrong type. The message says which expression and why."""


class Expression(Protocol):
    text: str

    def evaluate(self, variables: Mapping[str, object]) -> object:
        """The value; raises ExpressionFailed."""
