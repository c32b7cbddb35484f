"""What VXG's answers, and its silences, mean for a step [10]."""

from __future__ import annotations

import re

import msgspec

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Outcome, Rejected, Retry
from bridge.vms.http import Answer, AnswerLost, NotSent, Origin, SendingError
from bridge.vms.http.answer import retry_after
from bridge.vms.vxg.account import Grant
from bridge.vms.vxg.token import Token

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a1-\U0010ffff]+")
_TOLD = 160


class _Error(msgspec.Struct):
    errorDetail: str = ""
    errorType: str = ""
    status: int = 0


def as_meant(answer: Answer) -> Answer:
    """An error that comes as a success is one all the same: VXG's own clients take every body with ``errorDetail`` for
    one, and compare its ``status`` with HTTP's [10]."""
    body = answer.body
    # To look through the echo of an event, which begins with its id, takes a microsecond each time.
    if answer.status >= 300 or body.startswith(b'{"id":') or b'"errorDetail"' not in body:
        return answer
    try:
        said = msgspec.json.decode(body, type=_Error)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return answer
    if not said.errorDetail:
        return answer
    return Answer(said.status if 400 <= said.status < 600 else 400, answer.headers, body)


def wait(answer: Answer) -> float:
    """Seconds the VMS asks for before the next try."""
    return retry_after(answer, SystemClock().now().utc)


def why(answer: Answer, grant: Grant) -> str:
    """``"400: name: unknown"``: the status and what the VMS says, short, printable and without the token."""
    try:
        said = msgspec.json.decode(answer.body, type=_Error)
        detail = said.errorDetail or said.errorType
    except (msgspec.MsgspecError, UnicodeDecodeError):
        detail = ""
    for hidden in (grant.token.text, grant.token.inner):
        detail = detail.replace(hidden, "…")
    detail = _UNPRINTABLE.sub(" ", detail).strip()[:_TOLD]
    return f"{answer.status}: {detail}" if detail else str(answer.status)


def refusal(answer: Answer, grant: Grant, raising: bool) -> Outcome:
    """The outcome of an answer that is no 2xx. ``raising``: the step makes an event, so that once too often is seen.

    - 401, 403: the token was read again before this is asked; nothing of this camera will be taken.
    - 3xx, 407: nothing of this VMS will be taken until its address or proxy is put right.
    - 408, 425, 429: the server says that it has not taken it (RFC 9110, 15.5.9; RFC 8470; RFC 6585): Retry.
    - 5xx: an intermediary may answer so after the VMS has committed, and the VMS's own 500 may follow its commit: a
      raise is Ambiguous. Reading, declaring and writing by name may be repeated: Retry. 502 to 504 are a gateway's
      word that the VMS is away.
    - every other 4xx: refused for what it is.
    """
    status = answer.status
    told = why(answer, grant)
    if status in (401, 403):
        return Blocked(
            f"the token is refused ({told}){doubts(grant.token, grant.origin)}; put a valid one into its secret"
        )
    if status == 407:
        return Blocked("the proxy asks for user and password (407)", whole_vms=True)
    if status in (408, 425, 429):
        return Retry(f"VXG says later ({told})", wait(answer))
    if 300 <= status < 400:
        return Blocked(
            f"{grant.origin} answers {status}, a redirection: set url to where VXG really is", whole_vms=True
        )
    if 400 <= status < 500:
        return Rejected(f"VXG refused it ({told})")
    away = status in (502, 503, 504)
    if raising:
        return Ambiguous(f"VXG failed over it ({told})", away=away, after=wait(answer))
    return Retry(f"VXG failed ({told})", wait(answer), away=away)


def failure(error: SendingError, raising: bool) -> Outcome:
    """The outcome of a request without an answer. A silence says that the VMS is away, a cut connection does not."""
    if isinstance(error, NotSent):
        return Retry(error.why, away=not error.busy)
    if isinstance(error, AnswerLost):
        if raising:
            return Ambiguous(error.why, away=error.silent)
        return Retry(error.why, away=error.silent)
    return Rejected(error.why)


def doubts(token: Token, asked: Origin) -> str:
    """What in a refused token itself may be why: it may only watch [1.3], or is of another VMS [1.2]."""
    access = token.access
    found = "" if access == "all" else f'; its access is "{access[:20]}", which is read-only: "all" is needed'
    return found + (f"; it says that it is for {token.host}" if elsewhere(token, asked) else "")


def elsewhere(token: Token, asked: Origin) -> bool:
    """Whether a token names another host than the one that was asked."""
    return bool(token.host) and token.host.strip("[]").lower() != asked.host.lower()
