"""What ZoneMinder's answers, and its silences, mean [3, 4]. No body is ever repeated: its errors repeat the token."""

from __future__ import annotations

import re

import msgspec

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.vms.http import Answer, AnswerLost, NotSent, SendingError
from bridge.vms.http.answer import retry_after

_ALARMED = re.compile(r"Alarmed event id: (\d+)")


class Event(msgspec.Struct):
    """One event of ZoneMinder. Numbers are text in older versions [3]."""

    Id: int | str
    MonitorId: int | str = 0
    Name: str | None = None
    Cause: str | None = None
    Notes: str | None = None
    StartDateTime: str | None = None
    EndDateTime: str | None = None
    StartTime: str | None = None
    EndTime: str | None = None
    DefaultVideo: str | None = None
    MaxScore: int | str | None = None
    AlarmFrames: int | str | None = None
    Frames: int | str | None = None


class _Held(msgspec.Struct):
    Event: Event


class _Events(msgspec.Struct):
    events: list[_Held]


class _Forced(msgspec.Struct):
    output: str = ""
    status: str | int = ""
    error: str = ""


_events = msgspec.json.Decoder(_Events).decode
_forced = msgspec.json.Decoder(_Forced).decode


def events(answer: Answer) -> list[Event] | None:
    """The events of a list; None when it is none."""
    try:
        return [each.Event for each in _events(answer.body).events]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def forced(answer: Answer) -> Outcome:
    """Of ``command:on`` that was answered 200: it may have failed all the same [3]."""
    try:
        told = _forced(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Ambiguous("the alarm is answered with something that ZoneMinder does not say")
    if told.status == "false":
        return Retry("ZoneMinder could not force the alarm; see whether the monitor is capturing")
    if "cannot handle alarms" in told.output:
        return Blocked("the monitor's function is Monitor, in which no alarm can be forced; make it Nodect")
    found = _ALARMED.search(told.output)
    if found is None:
        return Ambiguous("the alarm was forced, and the monitor did not go into it within 10 s")
    if int(found[1]) == 0:
        return Ambiguous("the alarm was forced, and ZoneMinder could not write its event")
    return Delivered(found[1])


def refusal(answer: Answer, raising: bool) -> Outcome:
    """The outcome of an answer that is no 2xx. ``raising``: an alarm may have been forced before this answer."""
    status = answer.status
    after = retry_after(answer, SystemClock().now().utc)
    if status in (401, 403):
        return Blocked(f"ZoneMinder refuses it ({status}); its user needs the right to edit events and monitors")
    if status == 407:
        return Blocked("the proxy asks for user and password (407)", whole_vms=True)
    if status == 404:
        return Blocked("ZoneMinder knows no such monitor, or no API there (404); see id and url")
    if status in (408, 425, 429):
        return Retry(f"ZoneMinder says later ({status})", after)
    if 300 <= status < 400:
        return Blocked(f"ZoneMinder answers {status}, a redirection: set url to where it really is", whole_vms=True)
    if 400 <= status < 500:
        return Rejected(f"ZoneMinder refused it ({status})")
    away = status in (502, 503, 504)
    if raising:
        return Ambiguous(f"ZoneMinder failed over it ({status})", away=away, after=after)
    return Retry(f"ZoneMinder failed ({status})", after, away=away)


def failure(error: SendingError, raising: bool) -> Outcome:
    """The outcome of a request without an answer. ``raising``: the alarm may have been forced."""
    if isinstance(error, NotSent) and not raising:
        return Retry(error.why, away=not error.busy)
    if isinstance(error, NotSent):
        return Ambiguous(error.why, away=not error.busy)
    if isinstance(error, AnswerLost):
        return Ambiguous(error.why, away=error.silent)
    return Rejected(error.why)


def in_doubt(outcome: Outcome) -> Outcome:
    """An outcome after the alarm was forced: nothing is simply tried again, the search tells what stands there. What
    parks, parks all the same."""
    if isinstance(outcome, Retry):
        return Ambiguous(outcome.why, outcome.away, outcome.after)
    if isinstance(outcome, Rejected):
        return Ambiguous(outcome.why)
    return outcome
