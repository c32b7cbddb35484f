"""One webhook request, once, and what its answer means. As it does among webhooks: 2xx is taken, any other is not."""

from __future__ import annotations

from bridge.clock import SystemClock
from bridge.model import Ambiguous, Blocked, Delivered, Outcome, Rejected, Retry
from bridge.secret import SecretMissing, Secrets
from bridge.vms.base import Request
from bridge.vms.http import Answer, Sender, SendingError, split_url
from bridge.vms.http.answer import retry_after
from bridge.vms.http.headers import credential_headers
from bridge.vms.http.outcome import unanswered


async def send(sender: Sender, secrets: Secrets, request: Request, seconds: float, urgent: bool = False) -> Outcome:
    """Send it, ``seconds`` at most. Never raises; a refused credential is read anew, once, and used if it changed."""
    try:
        answer = await _send(sender, secrets, request, seconds, urgent)
    except SecretMissing as missing:
        return Blocked(str(missing), whole_vms=True)
    except SendingError as error:
        return unanswered(error)
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
    """By custom a receiver that answers anything but 2xx has not taken it, so that it may be sent again. 502 and 504
    are not its word, but of a gateway that lost its answer, or waited no longer for it."""
    status = answer.status
    if 200 <= status < 300:
        return Delivered()
    if status in (401, 403, 407):
        return Blocked(f"the receiver refuses our credentials ({status})", whole_vms=True)
    if status in (408, 425, 429) or status >= 500:
        wait = retry_after(answer, SystemClock().now().utc)
        if status in (502, 504):
            return Ambiguous(f"the gateway before the receiver lost its answer ({status})", away=True, after=wait)
        return Retry(f"the receiver says later ({status})", wait, away=status == 503)
    if 300 <= status < 400:
        return Blocked(f"the receiver answers {status}, a redirection: set url to where it really is", whole_vms=True)
    return Rejected(f"the receiver refused it ({status})")
