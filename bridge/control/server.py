"""The API of a running service: HTTP over a local socket. For the commands, and later console and metrics.

==========================  ==========================================================================
``GET /status``             how it is: connectors, sensors, VMS, conditions, totals
``GET /events``             JSON lines, newest first: ``sensor camera type tag since until limit``
``GET /event``              ``id``: one event, all its revisions, deliveries and clips
``GET /media``              ``id``: a picture's bytes
``GET /deliveries``         JSON lines: ``state event sensor camera vms limit``
``POST /dead/replay``       ``{"event", "sensor", "camera", "vms"}`` or ``{"all": true}``: pending again
``POST /dead/drop``         the same choice: given up for good
``GET /quarantine``         JSON lines: ``origin key message unknown limit``
``POST /quarantine/replay`` ``{"origin", "key", "message"}`` or ``{"all": true}``: decided by the site as it is now
``POST /quarantine/drop``   the same choice: given up for good
``GET /explain``            ``id``: why a message or event became what it became
``POST /fire``              ``{"sensor", "type", "fields", "urgency"}``: a test event, marked as one
``POST /test-mode``         ``{"sensor", "seconds", "why"}``: its events are tests for so long; ``seconds`` 0 ends it
``POST /inhibit``           the same choice: nothing new of it is raised
``GET /difference``         read the site again and say what a reload would change; 422 and every error if it has any
``POST /reload``            take what differs, all or nothing: 422 and why, if it cannot; ``{"digest"}``: only if the
                            site still reads so
``GET /tap``                JSON lines for as long as one listens: decided, settled, dropped; with any of ``what
                            sensor connector camera`` stage by stage: message, item, event, answer
``GET /record``             ``connector``: JSON lines, each message as the intake saw it, redacted
``GET /backup``             the journal as it is now, as one file (see ``bridge.journal.sqlite.tape``)
``GET /metrics``            as Prometheus reads them (text format 0.0.4)
``GET /health/live``        200, or 503 and why the process has to be restarted
``GET /health/ready``       200, or 503 and why what is sent now may not be kept, or an alarm not arrive
==========================  ==========================================================================
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable

import msgspec

from bridge.control import answer
from bridge.control.acting import Acting
from bridge.control.answer import Asked, Call, Receive, Refused, Scope, Send
from bridge.control.door import Door
from bridge.control.following import Following
from bridge.control.reading import Reading
from bridge.control.served import Served
from bridge.control.tap import Tap
from bridge.journal.contract import JournalError
from bridge.model import Instant

LEAVE = 2.0
"""Seconds that calls still running get when the service stops."""


class Control:
    """A raw ASGI application. ``reload`` reads the site again, takes it over if it has the digest that is asked for,
    and answers with what differed; ``compare`` says what it would do. Both raise Refused."""

    def __init__(
        self,
        served: Served,
        tap: Tap,
        reload: Callable[[str | None], Awaitable[object]],
        now: Callable[[], Instant],
        token: str | None = None,
        compare: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._served = served
        self._token = token
        acting = Acting(served, reload, compare, now)
        gets = {**Reading(served).calls, **Following(served, tap).calls, "/difference": acting.differs}
        self._calls = {"GET": gets, "POST": acting.calls}

    def close(self) -> None:
        """End what is recorded."""
        self._served.recorder.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answered = await self._allowed(scope)(Asked(scope, receive))
            await answered.give(receive, send)
        except Refused as refused:
            await answer.error(send, str(refused), refused.status)
        except (msgspec.MsgspecError, ValueError) as wrong:
            await answer.error(send, str(wrong), 400)
        except JournalError as failed:
            await answer.error(send, f"journal: {failed}", 503)

    def _allowed(self, scope: Scope) -> Call:
        shown = answer.header(scope, b"authorization")
        if self._token is not None and not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
            raise Refused("the token of the control file is missing or wrong", 401)
        method, path = str(scope["method"]), str(scope["path"])
        call = self._calls.get(method, {}).get(path)
        if call is None:
            known = any(path in calls for calls in self._calls.values())
            raise Refused(f"{path} does not take {method}" if known else f"{path} is not here", 405 if known else 404)
        return call


async def serve(control: Control, tap: Tap, door: Door) -> None:
    """Answer at an open door until cancelled; then end the taps, let running calls finish, close the door.

    A connection rests 5 s at most, and nothing wakes while nobody calls.
    """
    from bridge.asgi import Limits, Server

    server = Server(control, Limits(connections=64, slow=5.0, idle=5.0))
    await server.start(door.socket)
    try:
        await asyncio.get_running_loop().create_future()  # until cancelled
    finally:
        tap.close()
        control.close()
        await server.finish(LEAVE)
        door.close()
