"""One webhook request, once, and what its answer means. As it does among webhooks: 2xx is taken, any other is not."""

from __future__ import annotations

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.secret import SecretMissing, Secrets
from bridge.vms.base import Request
from bridge.vms.http import Answer, AnswerLost, NotSent, Sender, SendingError, split_url
from bridge.vms.http.answer import retry_after
from bridge.vms.http.headers import credential_headers


async def send(sender: Sender, secrets: Secrets, request: Request, seconds: float, urgent: bool = False) -> Outcome:
    """Send it, ``seconds`` at most. Never raises; a refused credential is read anew, once, and used if it changed."""
    try:
        answer = await _send(sender, secrets, request, seconds, urgent)
    except SecretMissing as missing:
        return Blocked(str(missing), whole_vms=True)
    except NotSent as error:
        return Retry(error.why, away=not error.busy)
    except AnswerLost as error:
        return Ambiguous(error.why, away=error.silent)
    except SendingError as error:
        return Rejected(error.why)
    return outcome(answer)


async def _send(sender: Sender, secrets: Secrets, request: Request, seconds: float, urgent: bool) -> Answer:
    """Raises SecretMissing, SendingError."""
    origin, path = split_url(request.url)
    method, body, plain = request.method, request.body, request.headers
    shown, versions = credential_headers(request.credentials, body, secrets, fresh=False)
    answer = await sender.send(method, origin, path, (*plain, *shown), body, seconds, urgent)
    if answer.status in (401, 403) and request.credentials:
        shown, fresh = credential_headers(request.credentials, body, secrets, fresh=True)
        if fresh != versions:
            return await sender.send(method, origin, path, (*plain, *shown), body, seconds, urgent)
    return answer


def outcome(answer: Answer) -> Outcome:
    """By custom a receiver that answers anything but 2xx has not taken it, so that it may be sent again."""
    status = answer.status
    if 200 <= status < 300:
        return Delivered()
    if status in (401, 403, 407):
        return Blocked(f"the receiver refuses our credentials ({status})", whole_vms=True)
    if status in (408, 425, 429) or status >= 500:
        wait = retry_after(answer, SystemClock().now().utc)
        return Retry(f"the receiver says later ({status})", wait, away=status in (502, 503, 504))
    if 300 <= status < 400:
        return Blocked(f"the receiver answers {status}, a redirection: set url to where it really is", whole_vms=True)
    return Rejected(f"the receiver refused it ({status})")
