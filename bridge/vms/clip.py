"""What a site says of clips around events, on a VMS that can make them; and how such a clip is called."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bridge.model import SensorEvent, State, Urgency
from bridge.units import Duration
from bridge.vms.text import shorten

LONGEST = 3600.0
_LONGEST_TITLE = 96


class ClipSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    before: Duration = Field(default=10.0, description="How long before the event the clip begins.")
    after: Duration = Field(default=30.0, description="How long after the event it ends; it is asked for then.")
    urgency: Literal["alarm", "fault", "notice"] = Field(
        default="alarm", description="Of events this urgent, and of more urgent ones."
    )
    kinds: tuple[str, ...] = Field(
        default=(), description="Of sensors of these kinds only; of all when left out.", examples=[["lpr", "door"]]
    )

    @field_validator("before", "after")
    @classmethod
    def _bounded(cls, seconds: float) -> float:
        if seconds > LONGEST:
            raise ValueError("a clip reaches an hour before and after its event at most")
        return seconds

    def wanted(self, event: SensorEvent) -> bool:
        """Of what is over (``restored``) none is made."""
        return (
            event.urgency <= Urgency[self.urgency.upper()]
            and event.state is not State.RESTORED
            and (not self.kinds or event.kind in self.kinds)
        )


@runtime_checkable
class WantsClips(Protocol):
    """Settings of a VMS that may ask for clips."""

    @property
    def clip(self) -> ClipSettings | None: ...


def clip_title(event: SensorEvent) -> str:
    """Readable, and of this event alone: its id is in it, by which a clip that was asked for before is known again."""
    return f"{shorten(event.title, _LONGEST_TITLE, event.id)} [{event.id}]"


def around(at: datetime, before: float, after: float) -> tuple[datetime, datetime]:
    """Whole seconds, outwards: (beginning, end). Raises OverflowError at the ends of the calendar."""
    since = (at - timedelta(seconds=before)).replace(microsecond=0)
    until = at + timedelta(seconds=after)
    if until.microsecond:
        until = until.replace(microsecond=0) + timedelta(seconds=1)
    return since, until
