"""The grammar of a profile: what may stand in its YAML, and the source of its schema and documentation.

``docs/profiles.md`` explains it with an example. An expression is CEL over ``item`` (the decoded item), ``identity``
(the names read from it), ``fields`` (the named fields read so far), ``origin`` (where the message came from) and, where
the profile splits messages, ``outer`` (the message around the item). ``complete.conditions`` also sees ``items``, the
list that was split.
"""

from __future__ import annotations

import re
from typing import Annotated, Generic, Literal, TypeAlias, TypeVar, Union
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from bridge.units import Duration

Word: TypeAlias = str | int | float | bool
Normaliser: TypeAlias = Literal[
    "plain",
    "text",
    "upper",
    "lower",
    "number",
    "whole",
    "confidence",
    "percent",
    "flag",
    "plate",
    "mac",
    "serial",
    "url",
    "list",
    "milliseconds",
]


def _name(text: str) -> str:
    # Not a pattern: keys with a pattern make patternProperties, which few editors complete from.
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", text):
        raise ValueError("a name here is of small letters, digits and _, beginning with a letter")
    return text


def _event_type(text: str) -> str:
    if len(text) > 64 or not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", text):
        raise ValueError("an event type is written like vehicle.identified: small words with dots between")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {text}; write for example UTC or Europe/Prague") from None
    return text


Name = Annotated[str, AfterValidator(_name)]
EventType = Annotated[str, AfterValidator(_event_type)]
Kind = Literal["lpr", "access", "fire", "intrusion", "leak", "motion", "pos", "ai", "environment", "device"]
T = TypeVar("T")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


def _under(key: str, shape: object) -> BeforeValidator:
    """What is no mapping is meant as the value of ``key``. ``shape``: what may be written, for the schema."""
    return BeforeValidator(
        lambda value: value if isinstance(value, dict) else {key: value}, json_schema_input_type=shape
    )


def _listed(shape: object) -> BeforeValidator:
    """One alone is meant as a list of one."""
    return BeforeValidator(
        lambda value: value if isinstance(value, list) else [value],
        json_schema_input_type=Union[shape, list[shape]],  # type: ignore[valid-type]  # noqa: UP007
    )


class Alternative(Strict):
    """One way to find a value: a plain text is an expression."""

    expression: str | None = Field(default=None, description="CEL, for example item.plateUTF8.")
    key_like: str | None = Field(
        default=None,
        description="A key of the item, or of a map in it, spelled like this; case, spaces and signs do not count.",
    )


AlternativeOrText = Annotated[Alternative, _under("expression", str | Alternative)]
Alternatives = Annotated[list[AlternativeOrText], _listed(AlternativeOrText), Field(min_length=1)]


class Value(Strict):
    """A value of the item. A plain text, or a list of them, means ``from``."""

    from_: Alternatives = Field(alias="from", description="Where it stands; the first that is present counts.")
    as_: Normaliser = Field(default="plain", alias="as", description="How it is written in the event.")
    after: Annotated[list[str], _listed(str)] = Field(
        default=[], description="Cut off with all that is before it; several in turn. Without it there is no value."
    )
    before: Annotated[list[str], _listed(str)] = Field(
        default=[], description="Cut off with all that is after it; of several the one that comes first."
    )
    map: dict[str, Word] = Field(default={}, description="Words of the device and what they are called here.")
    absent: list[str] = Field(default=[], description="More words that mean that there is no value.")
    otherwise: Word | None = Field(default=None, description="The value when none is present.")


def _value(value: object) -> object:
    return (
        value if isinstance(value, dict) and "key_like" not in value and "expression" not in value else {"from": value}
    )


ValueOrFrom = Annotated[Value, BeforeValidator(_value, json_schema_input_type=Value | Alternatives)]
Keys = Annotated[list[Alternatives], _listed(Alternatives)]


class Case(Strict, Generic[T]):
    """A choice: the first whose ``when`` is true counts. A plain value is always true."""

    when: str | None = Field(default=None, description="An expression that is true or false.")
    is_: T = Field(alias="is", description="What it then is.")


StateName = Literal["active", "restored", "momentary"]
UrgencyName = Literal["alarm", "fault", "notice"]
TypeCase = Annotated[Case[EventType], _under("is", EventType | Case[EventType])]
TextCase = Annotated[Case[str], _under("is", str | Case[str])]
StateCase = Annotated[Case[StateName], _under("is", StateName | Case[StateName])]
UrgencyCase = Annotated[Case[UrgencyName], _under("is", UrgencyName | Case[UrgencyName])]


class When(Strict):
    """Which items are of this kind. A plain text means ``expression``."""

    expression: str | None = Field(default=None, description="True for items of this kind.")
    any: Alternatives | None = Field(default=None, description="At least one of these is present.")


WhenOrText = Annotated[When, _under("expression", str | When)]


class Time(Strict):
    """The device's own time. A plain text means ``from``."""

    from_: str = Field(alias="from", description="An expression for the value.")
    format: str | None = Field(
        default=None,
        description="Its form in the letters of strptime, for example %Y%m%d %H%M%S%f; an offset may follow. "
        "Left out: a number is seconds, ms, us or ns since 1970 by its size, a text is ISO 8601 or YYYYMMDDhhmmssSSS.",
    )
    zone: Annotated[str, AfterValidator(_zone)] | None = Field(
        default=None,
        description="Where a text without offset is local time, for example UTC. Left out: in the sensor's zone.",
    )


TimeOrText = Annotated[Time, _under("from", str | Time)]


class Dedup(Strict):
    """What makes two messages the same one told twice."""

    key: Keys = Field(min_length=1, description="All must be present, else the item is never a duplicate.")
    also: Keys = Field(default=[], description="Count too where they are present.")
    of: Name | None = Field(
        default=None, description="The kind of message whose keys these are, where one thing is told in two forms."
    )
    window: Duration = Field(default=3600.0, description="How long the same is remembered.")


class Best(Strict):
    """The best of several: the element of a list with the highest number."""

    of: Alternatives = Field(description="Where the list stands.")
    by: Annotated[list[str], _listed(str), Field(min_length=1)] = Field(
        description="Paths within an element such as confidence or plate.score; the first that is a number counts."
    )


class Complete(Strict):
    """A message that tells all that is wrong with something, not only what changed (OvenMediaEngine's alerts)."""

    scope: Keys = Field(min_length=1, description="What it tells everything about: the first keys of condition.")
    conditions: str = Field(
        description="An expression for the list of what is on now: the last key of each condition. Those that are open "
        "and not in it are over. items is the list that the message was split by."
    )


class HoldCase(Strict):
    when: str | None = Field(default=None, description="An expression that is true or false.")
    hold: Duration = Field(default=0.0, description="How long to wait for a better message; 0 s raises at once.")
    rank: int = Field(default=0, description="Of the messages held, the highest rank is raised.")
    begins: Keys = Field(
        default=[], description="Only a thing's first message has this; another value is another thing of that key."
    )


class CollapseOf(Strict):
    """How several messages about one thing become one event."""

    key: Keys = Field(min_length=1, description="What names the thing. All must be present, else nothing collapses.")
    loose: Keys = Field(
        default=[],
        description="What names the thing in a message that says less of whose it is (a camera's answer to a search): "
        "written like key, with a word for what is not said. Both forms find the same thing, where only one fits.",
    )
    window: Duration = Field(description="How long after its first message others belong to the same thing.")
    amend: list[Name] = Field(default=[], description="Fields whose change is worth an amendment; empty means any.")
    cases: list[HoldCase] = Field(min_length=1, description="The first that is true counts; none: it stands alone.")


class MessageKind(Strict):
    """One kind of message: when an item is of it and what it then means."""

    about: str = Field(default="", description="For people.")
    when: WhenOrText | None = Field(default=None, description="Left out: every item.")
    type: Annotated[list[TypeCase], _listed(TypeCase), Field(min_length=1)] = Field(
        description="The event type, for example vehicle.identified."
    )
    title: Annotated[list[TextCase], _listed(TextCase), Field(min_length=1)] = Field(
        description="What the guard reads. {name} is a field; [ ] is left out when a field inside is missing."
    )
    state: Annotated[list[StateCase], _listed(StateCase)] = Field(default=[], description="momentary when left out.")
    urgency: Annotated[list[UrgencyCase], _listed(UrgencyCase)] = Field(default=[], description="notice when left out.")
    condition: Keys = Field(default=[], description="What is on or off; needed for active and restored.")
    complete: Complete | None = Field(
        default=None, description="The message tells the whole state of something: what it does not name is over."
    )
    ends_after: Duration | None = Field(
        default=None,
        description="For a device that repeats active while a condition lasts and may never say that it is over: the "
        "condition ends so long after the last active.",
    )
    best: dict[Name, Best] = Field(
        default={}, description="Names for the best of several candidates: best.NAME in the expressions of this kind."
    )
    fields: dict[Name, ValueOrFrom] = Field(default={}, description="The named fields, in order.")
    more: Alternatives | None = Field(
        default=None, description="A map whose texts and numbers become fields too, under their own names; at most 32."
    )
    time: Annotated[list[TimeOrText], _listed(TimeOrText)] = Field(
        default=[], description="The device's own time; the first that can be read counts."
    )
    dedup: Dedup | None = None
    collapse: CollapseOf | None = None
    quiet: Annotated[list[TextCase], _listed(TextCase)] = Field(
        default=[], description="A reason: such events are filtered unless a rule asks for them."
    )


class Media(Strict):
    """The pictures of an item. They are found by their content, in parts and as base64 in the document."""

    label: list[str] = Field(default=[], description="Keys beside a base64 picture that say what it shows.")
    roles: dict[Name, list[str]] = Field(
        default={}, description="What a picture may show, and the words in its label, part or file name that say so."
    )
    order: list[Alternatives] = Field(
        default=[], description="Where no word says it: what the first picture shows, the second, and so on."
    )
    links: dict[Name, Alternatives] = Field(
        default={},
        description="What a picture may show, and where its address (URL) stands. Fetched only if the site allows it.",
    )


class Lines(Strict):
    """Each line is a message of its own, or has values with names."""

    lines: Literal["key=value", "text"] = Field(
        description="key=value: all lines make one item, of names and values. text: each line is an item {line: ...}."
    )


class Pattern(Strict):
    """A regular expression; its named groups are the item. It is run in time linear in the message's length."""

    regex: str = Field(description="RE2 syntax, for example ^(?P<door>[0-9]+);(?P<code>[A-Z]+)$.")
    each: Literal["message", "line"] = Field(default="message", description="What has to match from end to end.")


Decoder: TypeAlias = Literal["json", "python-literal", "form", "xml"] | Lines | Pattern


class Entries(Strict):
    """A map whose entries are items. A list of names means ``keys``."""

    of: str = Field(default="", description="The path of the map, such as params. Left out: the message itself.")
    keys: Annotated[list[str], _listed(str), Field(min_length=1, max_length=200)] = Field(
        description="Which of its entries are items, by their names; * stands for any text."
    )


EntriesOrKeys = Annotated[Entries, _under("keys", Entries | list[str])]


class ProfileDocument(Strict):
    """A device profile."""

    profile: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] = Field(
        description="Its name, used by sensors.", examples=["cammra"]
    )
    name: str = Field(description="The device as its maker calls it.")
    kind: Kind = Field(description="What sort of sensor it is; says which field names are common.")
    about: str = Field(default="", description="For people: versions, sources, how to set the device up.")
    heard_by: list[str] = Field(
        default=[],
        description="The types of connectors its devices are heard by; what learn hears otherwise is not taken for "
        "theirs. Left out, any.",
        examples=[["mqtt"]],
    )
    unknown: list[str] = Field(
        default=[],
        description="For people: what neither the maker's documents nor a capture say of the device, in words.",
    )
    decode: list[Decoder] = Field(
        default=["json"], min_length=1, description="How messages are written; tried in order."
    )
    unwrap: list[str] = Field(
        default=[],
        description="Paths such as message.data or payload.data_json at which a document stands as text, or as base64: "
        "it is read and put in its place, in the whole message and in each item.",
    )
    split: list[str] = Field(
        default=[],
        description="Paths such as messages or data.results of a list whose elements are items; the first there is "
        "counts. An element is then item, and the message without the list is outer.",
    )
    entries: EntriesOrKeys | None = Field(
        default=None,
        description="Where one message tells of several things under their names: each of these entries is an item "
        "{key, value}, and outer the whole message. With none of them there, the message itself is the item.",
    )
    absent: list[str] = Field(default=[""], description="Words that mean that a value is absent.")
    redact: list[str] = Field(default=[], description="Paths such as camera.stream or users[].pin, masked when stored.")
    identity: dict[Name, ValueOrFrom] = Field(default={}, description="The names an item gives its sensor.")
    media: Media = Media()
    messages: dict[Name, MessageKind] = Field(min_length=1, description="Kinds of message, tried in order.")
