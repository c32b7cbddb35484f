"""What Digifort's answers, and its silences, mean [5]. Its codes are not documented: only 0 is looked for."""

from __future__ import annotations

import re

import msgspec

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Outcome, Rejected, Retry
from bridge.vms.http import Answer
from bridge.vms.http.answer import retry_after

_LONGEST = 200
_XML = re.compile(r"<Code>\s*(-?\d+)\s*</Code>(?:\s*<Message>([^<]*)</Message>)?", re.IGNORECASE)
_TEXT = re.compile(r"^RESPONSE_(CODE|MESSAGE)=(.*?)\r?$", re.MULTILINE | re.IGNORECASE)


class Said(msgspec.Struct, frozen=True):
    """``code``: 0 is yes, None that it is no answer of Digifort. ``why``: the code and its message. ``data``: of JSON
    alone."""

    status: int
    code: int | None = None
    why: str = ""
    data: object = None

    @property
    def ok(self) -> bool:
        return self.code == 0 and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """It says no, in its own words or in HTTP's."""
        return self.status == 401 or (200 <= self.status < 300 and self.code not in (0, None))


def said(answer: Answer) -> Said:
    """JSON, as is asked for; or XML or text, which come all the same from some versions."""
    text = answer.body.decode("utf-8-sig", "replace").strip()
    if text.startswith("<"):
        found = _XML.search(text)
        return _said(answer.status, found[1], found[2] or "") if found else Said(answer.status)
    if not text.startswith("{"):
        lines = {name.upper(): value for name, value in _TEXT.findall(text)}
        return _said(answer.status, lines.get("CODE", ""), lines.get("MESSAGE", ""))
    try:
        told = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Said(answer.status)
    held = told.get("Response") if isinstance(told, dict) else None
    if not isinstance(held, dict):
        return Said(answer.status)
    return _said(answer.status, str(held.get("Code", "")), str(held.get("Message", "")), held.get("Data"))


def _said(status: int, code: str, message: str, data: object = None) -> Said:
    if not re.fullmatch(r"-?\d{1,9}", code):
        return Said(status)
    plain = "".join([each if each.isprintable() else " " for each in message])[:_LONGEST]
    return Said(status, int(code), f"{code}: {plain}" if plain else code, data)


def names(data: object, under: str) -> list[dict[str, str]] | None:
    """The objects of a list ``Data.<under>``, each at least with its Name; None when it is none."""
    found = data.get(under) if isinstance(data, dict) else None
    if not isinstance(found, list):
        return None
    told = [each if isinstance(each, dict) else {"Name": each} for each in found]
    return [{name: str(value) for name, value in each.items() if value is not None} for each in told]


def refusal(answer: Answer) -> Outcome:
    """The outcome of an answer that is no 2xx."""
    status = answer.status
    after = retry_after(answer, SystemClock().now().utc)
    if status == 401:
        return Blocked("Digifort refuses the log-in (401); see user, its password and sign_in", whole_vms=True)
    if status == 403:
        return Blocked("Digifort refuses it (403); its user needs the right to global events")
    if status == 407:
        return Blocked("the proxy asks for user and password (407)", whole_vms=True)
    if status == 404:
        return Blocked("there is no HTTP API of Digifort (404); see url and its port", whole_vms=True)
    if status in (408, 425, 429):
        return Retry(f"Digifort says later ({status})", after)
    if 300 <= status < 400:
        return Blocked(f"Digifort answers {status}, a redirection: set url to where it really is", whole_vms=True)
    if 400 <= status < 500:
        return Rejected(f"Digifort refused it ({status}); is longest_message longer than it takes?")
    away = status in (502, 503, 504)
    if status == 503:
        return Retry("Digifort failed (503)", after, away=True)
    return Ambiguous(f"Digifort failed over it ({status})", away=away, after=after)
