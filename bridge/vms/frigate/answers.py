"""What Frigate's answers, and its silences, mean [2]."""

from __future__ import annotations

import msgspec

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Outcome, Rejected, Retry
from bridge.vms.http import Answer
from bridge.vms.http.answer import retry_after

_LONGEST_TOLD = 120


class Data(msgspec.Struct):
    description: str | None = None
    score: float | None = None
    top_score: float | None = None
    type: str | None = None


class Event(msgspec.Struct):
    """One event of Frigate. ``sub_label``: some versions give a name with its score."""

    id: str
    camera: str = ""
    label: str | None = None
    sub_label: object = None
    start_time: float | None = None
    end_time: float | None = None
    has_clip: bool | int | None = None
    has_snapshot: bool | int | None = None
    zones: list[str] | None = None
    data: Data | None = None

    @property
    def spoken(self) -> str:
        """Its sub-label as text."""
        told = self.sub_label[0] if isinstance(self.sub_label, list) and self.sub_label else self.sub_label
        return told if isinstance(told, str) else ""

    @property
    def description(self) -> str:
        return (self.data.description if self.data is not None else None) or ""


class _Created(msgspec.Struct):
    event_id: str
    success: bool = True


class _Said(msgspec.Struct):
    message: str = ""


class _Wrong(msgspec.Struct):
    loc: list[str | int] = []
    msg: str = ""


class _Invalid(msgspec.Struct):
    detail: list[_Wrong]


_events = msgspec.json.Decoder(list[Event]).decode
_event = msgspec.json.Decoder(Event).decode
_created = msgspec.json.Decoder(_Created).decode
_said = msgspec.json.Decoder(_Said).decode
_invalid = msgspec.json.Decoder(_Invalid).decode


def events(answer: Answer) -> list[Event] | None:
    """The events of a list; None when it is none."""
    return answer.told(_events) if 200 <= answer.status < 300 else None


def event(answer: Answer) -> Event | None:
    """None when it is none."""
    return answer.told(_event) if 200 <= answer.status < 300 else None


def created(answer: Answer) -> str:
    """The id of what was created; "" when it does not say."""
    told = answer.told(_created)
    if told is None:
        return ""
    fit = told.success and told.event_id.isascii() and told.event_id.isprintable() and "/" not in told.event_id
    return told.event_id if fit else ""


def message(answer: Answer) -> str:
    """What an error says of itself; "" when it says nothing in Frigate's way."""
    told = answer.told(_said)
    return told.message if told is not None else ""


def written(answer: Answer) -> bool:
    """Whether what was written into an event is taken; what stands in between may answer 200 with a page of its
    own."""
    return 200 <= answer.status < 300 and not answer.is_page


def invalid(answer: Answer) -> str:
    """What of a body is refused (422): where and why, nothing of what was sent."""
    wrong = answer.told(_invalid)
    if wrong is None:
        return ""
    told = "; ".join(f"{'.'.join(map(str, each.loc))}: {each.msg}" for each in wrong.detail)
    return "".join(char if char.isprintable() else " " for char in told)[:_LONGEST_TOLD]


def refusal(answer: Answer, camera: str, raising: bool) -> Outcome:
    """The outcome of an answer that is no 2xx, or is a page. ``raising``: an event may have been created before it."""
    status = answer.status
    after = retry_after(answer, SystemClock().now().utc)
    if 200 <= status < 300:
        return Retry(f"a page is answered ({status}) instead of what Frigate says")
    if status == 401:
        return Blocked("Frigate asks for a log-in (401); see user and password, or headers", whole_vms=True)
    if status == 403:
        return Blocked("Frigate's user may not create events (403); give it the role admin", whole_vms=True)
    if status == 407:
        return Blocked("the proxy asks for user and password (407)", whole_vms=True)
    if status == 404:
        if message(answer).endswith("is not a valid camera."):
            return Blocked(f"Frigate has no camera {camera}; see id, upper and lower case count")
        return Blocked("there is no Frigate that creates events (404); see url", whole_vms=True)
    if status in (408, 425, 429):
        return Retry(f"Frigate says later ({status})", after)
    if 300 <= status < 400:
        return Blocked(f"Frigate answers {status}, a redirection: set url to where it really is", whole_vms=True)
    if 400 <= status < 500:
        why = invalid(answer) if status == 422 else ""
        return Rejected(f"Frigate refused it ({status}){': ' if why else ''}{why}")
    away = status in (502, 503, 504)
    if raising:
        return Ambiguous(f"Frigate failed over it ({status})", away=away, after=after)
    return Retry(f"Frigate failed ({status})", after, away=away)


def in_doubt(outcome: Outcome) -> Outcome:
    """An outcome after the event was created: nothing is simply tried again, the search tells what stands there. What
    would park does so with the next event."""
    if isinstance(outcome, Retry):
        return Ambiguous(outcome.why, outcome.away, outcome.after)
    if isinstance(outcome, Rejected | Blocked):
        return Ambiguous(outcome.why)
    return outcome
