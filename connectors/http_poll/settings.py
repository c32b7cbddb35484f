"""What is set for an address that is asked again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from bridge.secret import SecretRef
from bridge.units import Duration, Size, said_seconds
from connectors.asking.settings import AskingSettings
from connectors.base import Address
from connectors.http_poll import template
from connectors.http_poll.answer import Path
from connectors.http_poll.cursor import Cursor, Unusable
from connectors.outbound import plain_url

if TYPE_CHECKING:
    from connectors.http_poll.schedule import Schedule


def known_zone(text: str) -> str:
    """Raises ValueError for a zone that nobody knows."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write a zone by its IANA name, like Australia/Sydney") from None
    return text


def schedule(texts: Sequence[str], timezone: str) -> Schedule:
    """Raises ValueError for what cannot be read, or when the library that reads it is not installed."""
    try:
        from connectors.http_poll.schedule import Schedule
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "apscheduler":
            raise
        raise ValueError("cron needs the library apscheduler: pip install 'vms-bridge[schedule]'") from None
    return Schedule(texts, ZoneInfo(timezone or "UTC"))


class CursorSettings(BaseModel):
    """How far was read, so that each question begins there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: str = Field(
        alias="from",
        description="Where it stands in an answer: names with dots between, [*] for each of a list.",
        examples=["data.events.collectionItems[*].date"],
    )
    as_: Literal["time", "number", "text"] = Field(
        default="time",
        alias="as",
        description="What it is. Of times and numbers the greatest counts; a text is kept as it is.",
    )
    pick: Literal["last", "first"] = Field(default="last", description="Which of several texts counts.")
    start: str = Field(
        default="now", description="Where to begin when nothing was read yet: now, or a value of its kind.",
        examples=["2026-01-05T00:00:00Z"],
    )  # fmt: skip
    overlap: Duration = Field(
        default=60.0,
        description="Times are asked for again from so much earlier, for what came late; what was read is known again.",
    )
    write: str = Field(
        default="iso",
        description="How a time is asked for: iso; s, ms, us or ns since 1970; or a pattern like %Y-%m-%d %H:%M:%S.",
        examples=["us"],
    )
    timezone: str = Field(default="UTC", description="The zone of times in answers that carry none, by its IANA name.")
    name: str = Field(
        default="",
        max_length=100,
        description="What the journal keeps it under; the connector's when left out. Another name begins anew.",
    )

    @field_validator("from_")
    @classmethod
    def _path(cls, text: str) -> str:
        return Path(text).text

    @field_validator("write")
    @classmethod
    def _form(cls, text: str) -> str:
        if text not in ("iso", "s", "ms", "us", "ns") and "%" not in text:
            raise ValueError("write iso, s, ms, us, ns, or a pattern like %Y-%m-%d %H:%M:%S")
        return text

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, text: str) -> str:
        return known_zone(text)

    @model_validator(mode="after")
    def _begins_somewhere(self) -> CursorSettings:
        if self.as_ != "time" and "start" not in self.model_fields_set:
            raise ValueError(f"say where a {self.as_} starts: start: 0 for a number, or the text to begin with")
        try:
            if not Cursor(self).starts_now:
                Cursor(self).kept_as(self.start)
        except Unusable:
            raise ValueError(
                f"start is not what as: {self.as_} says; write a value like those in the answers"
            ) from None
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class PagesSettings(BaseModel):
    """How an answer that comes in pieces is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["offset", "page", "next", "link"] = Field(
        description="offset: {offset} and {limit}; page: {page}; next: what the answer gives, as {next} or as a URL; "
        "link: the answer's Link header (RFC 8288)."
    )
    limit: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="Things on a full page, as the server really gives; fewer is the end.",
    )
    first: int | None = Field(default=None, description="The first offset (0) or page (1).")
    next: str = Field(default="", description="Where the next page's address or token stands in an answer.")
    order: Literal["any", "oldest"] = Field(
        default="any",
        description="oldest: the oldest comes first, so that each page moves the cursor; any: only the last one does.",
    )
    most: int = Field(
        default=1000, ge=1, description="Pages of one poll; more wait for the next, which begins at once."
    )

    @model_validator(mode="after")
    def _next_is_somewhere(self) -> PagesSettings:
        if (self.by == "next") != bool(self.next):
            raise ValueError("by: next and next: PATH belong together")
        if self.next:
            Path(self.next)
        return self


class HttpPollSettings(AskingSettings):
    """One address that is asked at a fixed interval, or at fixed times."""

    type: Literal["http-poll"] = "http-poll"
    url: str = Field(
        description="What to ask, without credentials and parameters.",
        examples=["http://10.0.0.21/local/fflprapp/search.cgi"],
    )
    method: Literal["GET", "POST", "PUT"] | None = Field(
        default=None, description="GET, or POST when there is a body, unless said otherwise."
    )
    json_: dict[str, JsonValue] | None = Field(
        default=None,
        alias="json",
        description="The question as JSON, for example a GraphQL query and its variables.",
        examples=[{"query": "…", "variables": {"from": "{cursor}"}}],
    )
    body: str | None = Field(default=None, description="The question as text.")
    content_type: str = Field(default="", description="What the text is, for example application/xml.")
    every: Duration = Field(default=10.0, description="How often to ask.")
    cron: tuple[str, ...] = Field(
        default=(),
        description="When to ask instead: one or more times as cron has them (minute hour day month weekday), and once "
        "at the start. Needs the extra schedule.",
        examples=["*/15 6-18 * * mon-fri"],
    )
    timezone: str = Field(
        default="", description="The zone of those times, by its IANA name; the site's when left out.",
        examples=["Australia/Sydney"],
    )  # fmt: skip
    timeout: Duration = Field(default=20.0, description="How long one question may take, its answer in it.")
    max_body: Size = Field(default=2 * 2**20, description="Longest answer taken; ask for fewer things at once instead.")
    items: str | None = Field(
        default=None,
        description="Where the things stand in an answer; one without any is not kept. Left out, the answer is one.",
        examples=["data.events.collectionItems"],
    )
    cursor: CursorSettings | None = Field(default=None, description="How far was read.")
    pages: PagesSettings | None = Field(default=None, description="How an answer in pieces is asked for.")
    conditional: bool = Field(
        default=False, description="Ask only for what changed, with the ETag or time of the last answer."
    )
    observe: Literal["poll", "wait"] = Field(
        default="poll", description="What a dry run does; wait: it does not ask, for servers where reading takes away."
    )

    @field_validator("url")
    @classmethod
    def _plain(cls, text: str) -> str:
        return plain_url(text, "https", "http")

    @field_validator("every", "timeout")
    @classmethod
    def _some(cls, seconds: float) -> float:
        if seconds <= 0:
            raise ValueError("write how long, for example 10 s")
        return seconds

    @field_validator("cron", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("cron")
    @classmethod
    def _can_be_read(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if texts:
            schedule(texts, "")
        return texts

    @field_validator("timezone")
    @classmethod
    def _zone(cls, text: str) -> str:
        return known_zone(text) if text else text

    @field_validator("items")
    @classmethod
    def _path(cls, text: str | None) -> str | None:
        return None if text is None else Path(text).text

    @model_validator(mode="after")
    def _whole(self) -> HttpPollSettings:
        if self.cron and "every" in self.model_fields_set:
            raise ValueError("give every or cron, not both")
        if self.json_ is not None and self.body is not None:
            raise ValueError("give json or body, not both")
        if self.conditional and self.pages is not None:
            raise ValueError("conditional is for answers of one page")
        texts = [value for value in self.query.values() if not isinstance(value, SecretRef)]
        unknown = sorted({name for text in texts for name in template.words(text)} - template.PLACEHOLDERS)
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in sorted(template.PLACEHOLDERS))
            raise ValueError(f"there is no {{{unknown[0]}}}; there is {known}")
        self._asks_for_it(template.used([*texts, self.json_, self.body]))
        return self

    def _asks_for_it(self, used: set[str]) -> None:
        if self.cursor is not None and "cursor" not in used:
            raise ValueError("the cursor is never asked with: write {cursor} in query, json or body")
        if self.cursor is None and "cursor" in used:
            raise ValueError("{cursor} needs cursor: {from: PATH}")
        by = None if self.pages is None else self.pages.by
        if by in ("offset", "page"):
            if by not in used:
                raise ValueError(f"pages by {by} need {{{by}}} in query, json or body")
            if self.items is None:
                raise ValueError("pages end with one that is not full: say where the things stand with items")
        for name in {"offset": ("offset",), "page": ("page",), "next": ("next",)}.get(by or "", ()):
            used.discard(name)
        for name in sorted(used & {"offset", "page", "next"}):
            raise ValueError(f"{{{name}}} needs pages: {{by: {name}}}")

    def at_site(self, timezone: str) -> HttpPollSettings:
        return self if self.timezone or not self.cron else self.model_copy(update={"timezone": timezone})

    @property
    def when(self) -> str:
        """In words."""
        return f"at {', '.join(self.cron)}" if self.cron else f"every {said_seconds(self.every)}"


class HttpPollAddress(Address):
    """Only ``identity``: everything comes from the one who was asked."""
