"""What a request without an answer comes to."""

from __future__ import annotations

from bridge.model import Ambiguous, Outcome, Rejected, Retry
from bridge.vms.http.answer import AnswerLost, NotSent, SendingError


def unanswered(error: SendingError, raising: bool = True) -> Outcome:
    """``raising``: once too often would be seen, so that what may have been taken is in doubt; else it is simply tried
    again. A silence says that the VMS is away, a cut connection does not."""
    if isinstance(error, NotSent):
        return Retry(error.why, error.after, away=not error.busy)
    if isinstance(error, AnswerLost):
        if raising:
            return Ambiguous(error.why, away=error.silent)
        return Retry(error.why, away=error.silent)
    return Rejected(error.why)
