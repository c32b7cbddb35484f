"""What stands in an entry of a sensor's ``rules``, and in its ``inhibit``. ``docs/rules.md`` says what each does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from bridge.config.errors import did_you_mean, nearest
from bridge.profiles.titles import TitleError, compile_title
from bridge.units import seconds

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_DAYS = re.compile(r"\s*[,\s]\s*")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _lasting(value: object) -> float:
    found = seconds(value)
    if found <= 0:
        raise ValueError("write more than 0 s")
    return found


def _day(word: str) -> int:
    if word not in DAYS:
        raise ValueError(f"days are {', '.join(DAYS)}, or a range such as mon-fri{did_you_mean(word, DAYS)}")
    return DAYS.index(word)


def _days(value: object) -> tuple[int, ...]:
    """``"mon-fri, sun"`` or ``[mon-fri, sun]`` → (0, 1, 2, 3, 4, 6)."""
    words = value if isinstance(value, list) else _DAYS.split(value.strip()) if isinstance(value, str) else None
    if not words or not all(isinstance(word, str) for word in words):
        raise ValueError("write days as mon-fri, or as a list: [mon, wed]")
    found: set[int] = set()
    for word in words:
        first, dash, last = word.strip().lower().partition("-")
        begin, end = _day(first.strip()), _day((last if dash else first).strip())
        found |= {day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)}
    return tuple(sorted(found))


def _time_of_day(value: object) -> int:
    """``"18:30"`` → 66600, in seconds."""
    if not isinstance(value, str) or not _TIME.fullmatch(value.strip()):
        raise ValueError('write a time of the day as "18:00", from "00:00" to "24:00"')
    hours, _, minutes = value.strip().partition(":")
    return int(hours) * 3600 + int(minutes) * 60


def _template(value: str) -> str:
    try:
        compile_title(value)
    except TitleError as error:
        raise ValueError(str(error)) from None
    return value


def _moment(value: str) -> str:
    try:
        datetime.fromisoformat(value.strip())
    except ValueError:
        found = False
    else:
        found = ":" in value
    if not found:
        raise ValueError("write a date and a time as 2026-12-01T06:00; it is in the sensor's time zone")
    return value.strip()


Period = Annotated[
    float,
    BeforeValidator(_lasting),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|min|h|d)$", "examples": ["10 min", "500 ms"]}),
]
Days = Annotated[
    tuple[int, ...],
    BeforeValidator(_days),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
TimeOfDay = Annotated[
    int,
    BeforeValidator(_time_of_day),
    WithJsonSchema({"type": "string", "pattern": r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}),
]
Title = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_template)]
FieldNames = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(min_length=1)]

NAMED = Field(default="", max_length=100, description="Shown when it filters; rule 1, rule 2 … when left out.")
WHEN = Field(
    default=None,
    min_length=1,
    description="A CEL expression over event: which events it is about; all of them when left out.",
    examples=['event.type == "door.forced"'],
)
ALARMS = Field(default=False, description="true: it may keep back alarms too; without it they are never touched.")


class SelectRule(_Section):
    select: str = Field(
        min_length=1,
        description="A CEL expression over event: only events for which it is true go on.",
        examples=['event.type == "vehicle.identified" && event.fields.list != "allow"'],
    )
    name: str = NAMED


class CollapseRule(_Section):
    collapse: Literal["off"] = Field(description="off: every message is an event of its own.", examples=["off"])


class QuietRule(_Section):
    quiet: Literal["raise"] = Field(
        description="raise: what the profile keeps quiet about is judged like any event.", examples=["raise"]
    )


class DebounceRule(_Section):
    debounce: Period = Field(
        description="How long a condition has to last before it is raised; a restore in between ends both.",
        examples=["5 s"],
    )
    when: str | None = WHEN
    alarms: bool = ALARMS
    name: str = NAMED


class SuppressRule(_Section):
    suppress: Period = Field(
        description="How long after an event its repeats are filtered; their count is field suppressed of the next.",
        examples=["10 min"],
    )
    same: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        default=(),
        max_length=20,
        description="Fields whose values make an event a repeat, besides its type; its condition when left out.",
        examples=[["plate"]],
    )
    when: str | None = WHEN
    alarms: bool = ALARMS
    name: str = NAMED


class ArmedSection(_Section):
    days: Days = Field(
        default="mon-sun",
        validate_default=True,
        description="The days on which the span begins: mon-fri, or a list; every day when left out.",
        examples=["mon-fri"],
    )
    from_: TimeOfDay = Field(
        default="00:00", validate_default=True, alias="from", description="When it begins.", examples=["18:00"]
    )
    to: TimeOfDay = Field(
        default="24:00",
        validate_default=True,
        description="When it ends; on the day after, when that is not later than the beginning.",
        examples=["06:00"],
    )

    @model_validator(mode="after")
    def _some_time(self) -> ArmedSection:
        if self.from_ == self.to or self.from_ == 86400 or self.to == 0 == self.from_:
            raise ValueError('it begins when it ends; for a whole day write from: "00:00", to: "24:00"')
        return self


def _some_span(spans: tuple[ArmedSection, ...]) -> tuple[ArmedSection, ...]:
    if not spans:
        raise ValueError('write at least one span, for example {days: mon-fri, from: "18:00", to: "06:00"}')
    return spans


class ScheduleSection(_Section):
    armed: Annotated[tuple[ArmedSection, ...], AfterValidator(_some_span)] = Field(
        max_length=100,
        json_schema_extra={"minItems": 1},
        description="The armed hours, in the sensor's time zone: what happens outside all of them is filtered.",
        examples=[[{"days": "mon-fri", "from": "18:00", "to": "06:00"}]],
    )
    alarms: bool = ALARMS


class ScheduleRule(_Section):
    schedule: ScheduleSection = Field(description="When the sensor is listened to.")
    alarms: bool = ALARMS
    name: str = NAMED


class ChatterSection(_Section):
    most: int = Field(ge=1, le=100, description="How many actives of one condition are let through …", examples=[10])
    per: Period = Field(description="… in so much time. It is quiet again after as much.", examples=["1 min"])
    alarms: bool = ALARMS


class ChatterRule(_Section):
    chatter: Annotated[
        Annotated[Literal["off"], Tag("[off]")] | Annotated[ChatterSection, Tag("[most]")],
        Discriminator(lambda value: "[most]" if isinstance(value, dict | ChatterSection) else "[off]"),
    ] = Field(
        description="What flaps more often than this is filtered until it is quiet; then one event says how often. "
        "off: not even the usual 10 in 1 min for notices.",
        examples=[{"most": 10, "per": "1 min"}],
    )
    alarms: bool = ALARMS
    name: str = NAMED


_HIDDEN = "Fields, detail.a.b for what stands there in the detail, or detail for all of it."


class MaskRule(_Section):
    mask: FieldNames = Field(
        description=f"The values of these are shown as ***. {_HIDDEN}", examples=[["plate", "detail.owner.name"]]
    )


class HashRule(_Section):
    hash: FieldNames = Field(
        description=f"The values of these are shown as pseudonyms, the same for the same value. {_HIDDEN}",
        examples=[["plate"]],
    )


class LeaveOutRule(_Section):
    leave_out: FieldNames = Field(description=f"These are left out. {_HIDDEN}", examples=[["holder", "detail"]])


class SetSection(_Section):
    urgency: Literal["alarm", "fault", "notice"] | None = Field(
        default=None, description="How urgent the event is.", examples=["alarm"]
    )
    type: str | None = Field(
        default=None, min_length=1, max_length=100, description="What the VMS calls its type.", examples=["door.forced"]
    )
    title: Title | None = Field(
        default=None,
        description="What a guard reads: text with {fields}, where [a part] without its field is left out.",
        examples=["Kennzeichen {plate}[ {direction}]"],
    )

    @model_validator(mode="after")
    def _something(self) -> SetSection:
        if self.urgency is None and self.type is None and self.title is None:
            raise ValueError("name at least one of urgency, type and title")
        return self


class SetRule(_Section):
    set: SetSection = Field(description="What the event is at this site.", examples=[{"urgency": "alarm"}])
    when: str | None = WHEN
    name: str = NAMED


class InhibitSection(_Section):
    why: str = Field(
        min_length=1,
        max_length=200,
        description="Why the sensor is out of service; stands wherever something of it was filtered.",
        examples=["roof works"],
    )
    until: Annotated[str, AfterValidator(_moment)] = Field(
        description="When it is in service again by itself, in the sensor's time zone.", examples=["2026-12-01T06:00"]
    )


RULES: Mapping[str, type[_Section]] = {
    "select": SelectRule, "collapse": CollapseRule, "quiet": QuietRule, "debounce": DebounceRule,
    "suppress": SuppressRule, "schedule": ScheduleRule, "chatter": ChatterRule, "mask": MaskRule, "hash": HashRule,
    "leave_out": LeaveOutRule, "set": SetRule,
}  # fmt: skip
"""Each rule by the key that says which it is."""


def rule_key(value: object) -> str:
    """Which rule an entry is meant to be: by its key, or by the one nearest to what is written."""
    keys = [str(key) for key in value] if isinstance(value, dict) else []
    found = [key for key in keys if key in RULES]
    if not found:
        found = [near for near in (nearest(key, RULES) for key in keys) if near]
    return found[0] if found else "select"


def _one_rule(value: object) -> object:
    if not isinstance(value, dict):
        return value
    found = [key for key in value if key in RULES]
    if len(found) > 1:
        raise ValueError(f"{' and '.join(found)} are rules of their own: write each in an entry of its own, in order")
    if not found and not any(nearest(str(key), RULES) for key in value):
        raise ValueError(f"there is no rule here; the rules are {', '.join(RULES)}")
    return value


def _tag(value: object) -> str:
    if isinstance(value, BaseModel):
        return next(f"[{key}]" for key, model in RULES.items() if isinstance(value, model))
    return f"[{rule_key(value)}]"


# The tags stand in brackets so that they are never taken for a key of the document.
RuleEntry = Annotated[
    Annotated[SelectRule, Tag("[select]")]
    | Annotated[CollapseRule, Tag("[collapse]")]
    | Annotated[QuietRule, Tag("[quiet]")]
    | Annotated[DebounceRule, Tag("[debounce]")]
    | Annotated[SuppressRule, Tag("[suppress]")]
    | Annotated[ScheduleRule, Tag("[schedule]")]
    | Annotated[ChatterRule, Tag("[chatter]")]
    | Annotated[MaskRule, Tag("[mask]")]
    | Annotated[HashRule, Tag("[hash]")]
    | Annotated[LeaveOutRule, Tag("[leave_out]")]
    | Annotated[SetRule, Tag("[set]")],
    Discriminator(_tag),
    BeforeValidator(_one_rule),
]
