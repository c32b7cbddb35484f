"""What XProtect's answers, and its silences, mean [2, 5, 6, 8]."""

from __future__ import annotations

import msgspec

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.vms.http import Answer
from bridge.vms.http.answer import retry_after

UNKNOWN_NAME = b"Warning: Event message not known"


class _Detail(msgspec.Struct):
    errorText: str | None = None


class _Inner(msgspec.Struct):
    details: list[_Detail] = []


class _Failed(msgspec.Struct):
    """Two nestings have been seen [8]."""

    details: list[_Detail] = []
    error: _Inner | None = None


class _Named(msgspec.Struct):
    id: str | int | None = None


class _Made(msgspec.Struct):
    """``data`` of what was asked for, ``result`` of what was created [4]."""

    data: _Named | None = None
    result: _Named | None = None
    id: str | int | None = None


_failed = msgspec.json.Decoder(_Failed).decode
_made = msgspec.json.Decoder(_Made).decode


def analytics(answer: Answer, name: str, gives: str, several: bool) -> Outcome:
    """200 alone is no success. ``several``: only some events go under this name."""
    if answer.status == 200:
        if UNKNOWN_NAME in answer.body:
            told = f'XProtect has no analytics event named "{name}": make one in the Management Client'
            return Blocked(told, whole_vms=not several)
        return page(answer) or Delivered(gives)
    if answer.status == 403:
        return Blocked(
            "the Event Server does not take events from this address (403): allow it in Tools > Options > Analytics "
            "Events",
            whole_vms=True,
        )
    if answer.status == 400:
        return Rejected("the Event Server cannot read the event (400)")
    return refusal(answer, at_its_word=True)


def made(answer: Answer, amends: bool) -> Outcome:
    """Of a request to the gateway. ``amends``: what it changes may be gone."""
    if 200 <= answer.status < 300:
        return page(answer) or Delivered(_id(answer))
    if answer.status == 404 and amends:
        return Rejected("what it corrects is no longer there (404)")
    if answer.status in (400, 405, 409, 422):
        return Rejected(f"XProtect refused it ({answer.status}){_text(answer)}")
    return refusal(answer)


def refusal(answer: Answer, at_its_word: bool = False) -> Outcome:
    """``at_its_word``: a 500 is documented as a refusal there."""
    status = answer.status
    after = retry_after(answer, SystemClock().now().utc)
    if status == 401:
        return Blocked("XProtect refuses a token it has just given (401)", whole_vms=True)
    if status == 403:
        return Blocked(f"its user lacks the right to do this (403){_text(answer)}", whole_vms=True)
    if status == 407:
        return Blocked("the proxy asks for user and password (407)", whole_vms=True)
    if status == 404:
        return Blocked(f"XProtect knows no such camera, event type or API (404){_text(answer)}; see id")
    if status in (408, 425, 429):
        return Retry(f"XProtect says later ({status})", after)
    if 300 <= status < 400:
        return Blocked(f"XProtect answers {status}, a redirection: set the address to where it is", whole_vms=True)
    if 400 <= status < 500:
        return Rejected(f"XProtect refused it ({status}){_text(answer)}")
    away = status in (502, 503, 504)
    if status in (502, 504) or (status != 503 and not at_its_word):
        return Ambiguous(f"XProtect failed over it ({status})", away=away, after=after)
    return Retry(f"XProtect failed ({status})", after, away=away)


def page(answer: Answer) -> Outcome | None:
    """Of an answer that seems to say yes: what stands in between, or at a wrong port, may say it of a page of its own;
    what XProtect says is none. None when it is none."""
    return Ambiguous(f"a page is answered ({answer.status}) instead of what XProtect says") if answer.is_page else None


def _id(answer: Answer) -> str:
    told = answer.told(_made)
    if told is None:
        return ""
    for each in (told.data, told.result, told):
        if each is not None and each.id is not None:
            return str(each.id)
    return ""


def _text(answer: Answer) -> str:
    """XProtect's own words of what is wrong."""
    told = answer.told(_failed)
    if told is None:
        return ""
    details = told.details or (told.error.details if told.error is not None else [])
    text = next((each.errorText for each in details if each.errorText), "")
    clean = "".join([char if char.isprintable() else " " for char in text])[:200]
    return f": {clean}" if clean else ""
