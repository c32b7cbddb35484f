"""What Nx's answers, and its silences, mean [9]. What it says is repeated short, and never what we logged in with."""

from __future__ import annotations

import re

import msgspec

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.vms.http import Answer
from bridge.vms.http.answer import retry_after

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a1-\U0010ffff]+")
_SECRET = re.compile(r"(?:vms|nxcdb)-\S+")
_TOLD = 160
FORBIDDEN, NOT_FOUND = "4", "9"


class _Error(msgspec.Struct):
    error: int | str | None = None
    errorId: int | str | None = None
    errorString: str | None = None


_read = msgspec.json.Decoder(_Error).decode


def _error(answer: Answer) -> _Error:
    return answer.told(_read) or _Error()


def why(answer: Answer) -> str:
    """``"422: Invalid parameter"``: the status and what Nx says, printable."""
    said = _error(answer)
    text = said.errorString or (str(said.errorId) if said.errorId else "")
    text = _SECRET.sub("…", _UNPRINTABLE.sub(" ", text)).strip()[:_TOLD]
    return f"{answer.status}: {text}" if text else str(answer.status)


def taken(answer: Answer, remote_id: str = "") -> Outcome:
    """Of a 2xx to what brings no id: any has taken it [3]; but ``createEvent`` tells under 200, too, what went wrong
    [4], and who stands in between answers with a page."""
    if answer.body.lstrip()[:1] == b"<":
        return Ambiguous(f"a page is answered ({answer.status}) instead of what Nx says")
    number = str(_error(answer).error or "")
    if number in ("0", "", "ok"):
        return Delivered(remote_id)
    if number == FORBIDDEN:
        return Blocked(f"Nx does not let this user do it ({why(answer)})")
    if number == NOT_FOUND:
        return Blocked(f"Nx knows no such device ({why(answer)}); see its id")
    return Rejected(f"Nx refused it ({why(answer)})")


def refusal(answer: Answer, raising: bool) -> Outcome:
    """The outcome of an answer that is no 2xx. ``raising``: once too often would be seen.

    A 5xx may come from in between, after Nx has taken it. 502 to 504 are a gateway's word that Nx is away.
    """
    status = answer.status
    told = why(answer)
    after = retry_after(answer, SystemClock().now().utc)
    if status == 403:
        return Blocked(f"Nx does not let this user do it ({told}); give its group the permission, and this device")
    if status == 407:
        return Blocked("the proxy asks for user and password (407)", whole_vms=True)
    if status == 404:
        return Blocked(f"Nx knows no such device, or no such call ({told}); see the camera's id, and api")
    if status in (408, 425, 429):
        return Retry(f"Nx says later ({told})", after)
    if 300 <= status < 400:
        return Blocked(f"Nx answers {status}, a redirection: set url to where it really is", whole_vms=True)
    if 400 <= status < 500:
        return Rejected(f"Nx refused it ({told})")
    away = status in (502, 503, 504)
    if raising:
        return Ambiguous(f"Nx failed over it ({told})", away=away, after=after)
    return Retry(f"Nx failed ({told})", after, away=away)
