"""What the Web SDK's answers, and its silences, mean [2, 3]. No text of an answer is repeated but a short code and
message of its own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.vms.http import Answer
from bridge.vms.http.answer import retry_after

_LONGEST = 200


class Said(msgspec.Struct, frozen=True):
    """``status``: Ok, Fail, TooManyResults or Partial, in lower case; "" when it is no answer of the Web SDK. ``rows``:
    its results, be it one or many. ``why``: the code and message of a Fail."""

    status: str = ""
    rows: tuple[Mapping[str, object], ...] = ()
    why: str = ""

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def said(answer: Answer) -> Said:
    """``text/json``, or the older JSON with its names in lower case [3]."""
    try:
        told = _named(_named(msgspec.json.decode(answer.body)).get("rsp"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Said()
    status = told.get("status")
    if not isinstance(status, str):
        return Said()
    result = told.get("result")
    rows = result if isinstance(result, list) else [result]
    return Said(status.lower(), tuple(each for each in rows if isinstance(each, dict)), _why(told))


def _why(told: Mapping[str, object]) -> str:
    held = _named(told.get("result") or told.get("error"))
    words = [held.get("sdkerrorcode") or held.get("code"), held.get("message")]
    text = ": ".join(str(each) for each in words if isinstance(each, str | int) and each != "")
    return "".join([each if each.isprintable() else " " for each in text])[:_LONGEST]


def _named(value: object) -> dict[str, object]:
    """An object by its names in lower case; nothing where it is none."""
    return {name.lower(): each for name, each in value.items()} if isinstance(value, dict) else {}


def cell(row: Mapping[str, object], name: str) -> str:
    """A named value of a row, whatever the case of the name; "" where there is none."""
    value = _named(row).get(name.lower())
    return "" if value is None or isinstance(value, dict | list) else str(value)


def refusal(answer: Answer, raising: bool = True) -> Outcome:
    """The outcome of an answer that is no 2xx. ``raising``: something may have been made before it came."""
    status = answer.status
    after = retry_after(answer, SystemClock().now().utc)
    if status == 401:
        return Blocked(
            "Genetec refuses the log-in (401); see user, its password and the application id; a user of Active "
            "Directory cannot sign in",
            whole_vms=True,
        )
    if status == 403:
        return Blocked(
            "Genetec refuses it (403): its licence has not this application id, or not the Web SDK",
            whole_vms=True,
        )
    if status == 407:
        return Blocked("the proxy asks for user and password (407)", whole_vms=True)
    if status == 411:
        return Blocked("something on the way takes Content-Length away (411); see the proxy", whole_vms=True)
    if status == 404:
        return Blocked("there is no Web SDK (404); see the port and the base URI in url", whole_vms=True)
    if status in (400, 414):
        return Rejected(f"the Web SDK does not understand it ({status}); is longest_url longer than it takes?")
    if status in (408, 425, 429):
        return Retry(f"Genetec says later ({status})", after)
    if 300 <= status < 400:
        return Blocked(f"Genetec answers {status}, a redirection: set url to where it really is", whole_vms=True)
    if 400 <= status < 500:
        return Rejected(f"Genetec refused it ({status})")
    away = status in (502, 503, 504)
    if raising and status != 503:
        return Ambiguous(f"Genetec failed over it ({status})", away=away, after=after)
    return Retry(f"Genetec failed ({status})", after, away=away)


def made(told: Said) -> Outcome | None:
    """The outcome of a 2xx to a request that makes something; None for a Fail, whose reason is to be asked for."""
    if told.ok:
        return Delivered()
    if told.status == "fail":
        return None
    if not told.status:
        return Ambiguous("it is answered with something that the Web SDK does not say; see url")
    return Ambiguous(f"Genetec answers {told.status[:40]}, which says nothing about one event")
