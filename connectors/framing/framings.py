"""How messages stand in a stream, as an installer writes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from bridge.units import Size
from connectors.base import ConnectorSettings
from connectors.framing.marks import Mark


class Between(BaseModel):
    """Messages between a start and an end, or each with an end alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Mark | None = Field(
        default=None, description="The bytes before each message; what stands outside of start and end is left out."
    )
    end: Mark = Field(description="The bytes behind each message.")
    restart: bool = Field(
        default=True,
        description=(
            "A start inside a message begins it anew: the end of the one before was lost. false where what a message "
            "holds may look like a start."
        ),
    )

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Between:
        if self.start is not None and self.start != self.end and (self.start in self.end or self.end in self.start):
            raise ValueError("start and end cannot be told apart: neither may be a part of the other")
        return self


class Length(BaseModel):
    """Each message behind its length."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    length: Literal[1, 2, 4, 8, "decimal"] = Field(
        description="How many bytes the length has, or decimal: digits and a space, or so many digits."
    )
    order: Literal["big", "little"] = Field(default="big", description="Which byte of the length comes first.")
    digits: int | None = Field(
        default=None, ge=1, le=10, description="Of a decimal length: always so many digits, and no space behind them."
    )
    counts: Literal["body", "all"] = Field(
        default="body", description="Whether the length counts the message alone, or itself too."
    )

    @model_validator(mode="after")
    def _fits(self) -> Length:
        if self.length != "decimal" and self.digits is not None:
            raise ValueError("digits belong to length: decimal")
        return self


class Pattern(BaseModel):
    """Messages whose end a regular expression describes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    regex: str = Field(
        description=(
            "A message ends as soon as this has matched; RE2 on bytes, of bounded length: {0,80} in the place of * "
            "and +, and no ^ or $. Needs the extra regex."
        ),
        examples=[r"\r?\n\r?\n", r"\x1dV[\x00-\x42]"],
    )
    keep: bool = Field(default=True, description="Whether what matched is a part of the message it ends.")

    @field_validator("regex")
    @classmethod
    def _can_be_used(cls, regex: str) -> str:
        from connectors.framing.patterns import compiled

        compiled(regex)
        return regex


def _which(given: Any) -> str:
    """The tag, in brackets like all that is no key of the file in the place of an error."""
    if isinstance(given, str):
        return "[name]"
    said = type(given).model_fields if isinstance(given, BaseModel) else given if isinstance(given, dict) else {}
    return next((f"[{key}]" for key in ("length", "regex") if key in said), "[between]")


Framing: TypeAlias = Annotated[
    Annotated[Literal["json", "lines"], Tag("[name]")]
    | Annotated[Between, Tag("[between]")]
    | Annotated[Length, Tag("[length]")]
    | Annotated[Pattern, Tag("[regex]")],
    Discriminator(_which),
]


class FramedSettings(ConnectorSettings):
    """What is set for a stream wherever it comes from."""

    framing: Framing = Field(
        default="json",
        description=(
            "How messages stand in the stream. json: objects one after the other, found by their braces. lines: each "
            "ends with a line end, whichever. Or a start and an end, a length before each, or a regex at their end."
        ),
        examples=["lines", {"start": "\\x02", "end": "\\x03"}, {"length": 2}, {"regex": "\\r?\\n\\r?\\n"}],
    )
    max_object: Size = Field(default=16 * 2**20, description="Longest message taken; pictures are part of it.")
