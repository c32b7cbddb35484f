"""Thresholds with hysteresis: which level a value is on. Pure."""

from __future__ import annotations

import itertools
from typing import Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Level: TypeAlias = Literal["low_low", "low", "normal", "high", "high_high"]
LEVELS: tuple[Level, ...] = get_args(Level)
NORMAL: Level = "normal"
LOW, HIGH = LEVELS[:2], LEVELS[3:]
_MIDDLE = LEVELS.index(NORMAL)


class Thresholds(BaseModel):
    """Where a value leaves what is normal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    high_high: float | None = Field(default=None, description="At this value or above: far too high.")
    high: float | None = Field(default=None, description="At this value or above: too high.")
    low: float | None = Field(default=None, description="At this value or below: too low.")
    low_low: float | None = Field(default=None, description="At this value or below: far too low.")
    hysteresis: float = Field(
        default=0.0, ge=0, description="A level is left only when the value is back by more than this."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Thresholds:
        said = [each for each in (self.low_low, self.low, self.high, self.high_high) if each is not None]
        if not said:
            raise ValueError("name at least one of high, high_high, low and low_low")
        if any(one >= other for one, other in itertools.pairwise(said)):
            raise ValueError("write them so that low_low < low < high < high_high")
        return self

    def level(self, value: float, before: Level) -> Level:
        """The level of a value, where the one before it was on ``before``."""
        found, was = self._low(value) or self._high(value), LEVELS.index(before) - _MIDDLE
        if was > 0 and found >= 0:  # no longer that high? Only when it is below by more than the hysteresis
            found = max(found, min(was, self._high(value + self.hysteresis)))
        elif was < 0 and found <= 0:
            found = min(found, max(was, self._low(value - self.hysteresis)))
        return LEVELS[_MIDDLE + found]

    def _high(self, value: float) -> int:
        if self.high_high is not None and value >= self.high_high:
            return 2
        return 1 if self.high is not None and value >= self.high else 0

    def _low(self, value: float) -> int:
        if self.low_low is not None and value <= self.low_low:
            return -2
        return -1 if self.low is not None and value <= self.low else 0


def way(before: str | int | float, after: str | int | float) -> tuple[str | int | float, ...]:
    """The states to tell on the way: from too high to too low leads over normal, so that the one ends first."""
    for one, other in ((HIGH, LOW), (LOW, HIGH)):
        if before in one and after in other:
            return (NORMAL, after)
    return (after,)
