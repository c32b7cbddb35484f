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
import difflib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol, TypeAlias

import msgspec

from bridge.config.site import Site
from bridge.control import answer, records, search
from bridge.control.answer import Receive, Refused, Scope, Send
from bridge.control.door import Door
from bridge.control.one_event import NoSuchEvent, ReadableWhole, one_event
from bridge.control.recorder import Recorder
from bridge.control.stages import Sieve, Wanted
from bridge.control.tap import Tap
from bridge.explanation import NotFound, explain
from bridge.journal.contract import Journal, JournalError, QuarantineRecord
from bridge.metrics.exposition import CONTENT_TYPE
from bridge.metrics.health import Health
from bridge.model import (
    CameraId,
    ConnectorId,
    DeliveryState,
    EventId,
    Instant,
    MediaId,
    MessageId,
    Receipt,
    Scalar,
    SensorId,
    Urgency,
    VmsId,
)

log = logging.getLogger("bridge.control")

What: TypeAlias = Literal["test", "inhibit"]

LEAVE = 2.0
"""Seconds that calls still running get when the service stops."""


class WholeJournal(Journal, ReadableWhole, Protocol):
    """A journal with its clips."""


class Served(Protocol):
    """What the control API needs of a service."""

    @property
    def journal(self) -> WholeJournal: ...

    @property
    def site(self) -> Site: ...

    async def status(self) -> msgspec.Struct: ...

    async def replay(self, chosen: AsyncIterator[QuarantineRecord]) -> msgspec.Struct: ...

    @property
    def recorder(self) -> Recorder: ...

    def backup(self) -> AsyncIterator[bytes]: ...

    async def metrics(self) -> bytes: ...

    def live(self) -> Health: ...

    def ready(self) -> Health: ...

    async def fire(
        self, sensor: SensorId, type: str | None, fields: Mapping[str, Scalar], urgency: Urgency | None
    ) -> Receipt: ...

    async def say(self, sensor: SensorId, what: What, why: str, seconds: float) -> msgspec.Struct: ...

    async def unsay(self, sensor: SensorId, what: What) -> bool: ...


class Saying(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is said of a sensor: for so many seconds, 0 to end it."""

    sensor: SensorId
    seconds: Annotated[float, msgspec.Meta(ge=0, le=366 * 86400)]
    why: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Choice(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which dead deliveries; at least one filter, or ``all``."""

    event: EventId | None = None
    sensor: SensorId | None = None
    camera: CameraId | None = None
    vms: VmsId | None = None
    all: bool = False


class Held(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which quarantined items; at least one filter, or ``all``."""

    origin: str | None = None
    key: str | None = None
    message: MessageId | None = None
    all: bool = False


class Fire(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    sensor: SensorId
    type: str | None = None
    fields: dict[str, Scalar] = {}
    urgency: str | None = None


class Reloading(msgspec.Struct, forbid_unknown_fields=True):
    """``digest``: of the site as somebody looked at it before."""

    digest: str | None = None


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
        self._tap = tap
        self._reload = reload
        self._compare = compare
        self._now = now
        self._token = token
        self._reloading = asyncio.Lock()
        self._calls: dict[tuple[str, str], Callable[[Scope, Receive, Send], Awaitable[None]]] = {
            ("GET", "/status"): self._status,
            ("GET", "/events"): self._events,
            ("GET", "/event"): self._event,
            ("GET", "/media"): self._media,
            ("GET", "/deliveries"): self._deliveries,
            ("POST", "/dead/replay"): self._replay,
            ("POST", "/dead/drop"): self._drop,
            ("GET", "/quarantine"): self._quarantine,
            ("POST", "/quarantine/replay"): self._replay_quarantined,
            ("POST", "/quarantine/drop"): self._drop_quarantined,
            ("GET", "/explain"): self._explain,
            ("POST", "/fire"): self._fire,
            ("POST", "/test-mode"): self._test_mode,
            ("POST", "/inhibit"): self._inhibit,
            ("GET", "/difference"): self._differs,
            ("POST", "/reload"): self._read_site_again,
            ("GET", "/tap"): self._listen,
            ("GET", "/record"): self._record,
            ("GET", "/backup"): self._backup,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/health/live"): self._live,
            ("GET", "/health/ready"): self._ready,
        }

    def close(self) -> None:
        """End what is recorded."""
        self._served.recorder.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._allowed(scope)(scope, receive, send)
        except Refused as refused:
            await answer.error(send, str(refused), refused.status)
        except (msgspec.MsgspecError, ValueError) as wrong:
            await answer.error(send, str(wrong), 400)
        except JournalError as failed:
            await answer.error(send, f"journal: {failed}", 503)

    def _allowed(self, scope: Scope) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        shown = answer.header(scope, b"authorization")
        if self._token is not None and not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
            raise Refused("the token of the control file is missing or wrong", 401)
        method, path = str(scope["method"]), str(scope["path"])
        call = self._calls.get((method, path))
        if call is None:
            known = any(path == other for _, other in self._calls)
            raise Refused(f"{path} does not take {method}" if known else f"{path} is not here", 405 if known else 404)
        return call

    # ---------------------------------------------------------------------------------------------------- reading

    async def _status(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer.json(send, await self._served.status())

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = answer.parameters(scope)
        for bound in ("since", "until"):
            if bound in asked:
                asked[bound] = search.moment(asked[bound], datetime.now(UTC)).isoformat()
        wanted = msgspec.convert(asked, search.Events, strict=False)

        async def found() -> AsyncIterator[bytes]:
            async for event in search.events(self._served.journal, wanted):
                yield records.line(records.of_event(event))

        await answer.lines(send, found())

    async def _event(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            found = await one_event(self._served.journal, answer.parameters(scope).get("id", ""))
        except NoSuchEvent as wrong:
            raise Refused(str(wrong), 404) from wrong
        await answer.json(send, found)

    async def _media(self, scope: Scope, receive: Receive, send: Send) -> None:
        media = MediaId(answer.parameters(scope).get("id", ""))
        await answer.whole(send, await self._served.journal.media(media), "application/octet-stream")

    async def _deliveries(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = msgspec.convert(answer.parameters(scope), search.Deliveries, strict=False)

        async def found() -> AsyncIterator[bytes]:
            async for delivery in search.deliveries(self._served.journal, wanted):
                yield records.line(records.of_delivery(delivery))

        await answer.lines(send, found())

    async def _listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._tap.full:
            raise Refused("too many are listening already", 503)
        asked = answer.parameters(scope)
        sieve = Sieve(msgspec.convert(asked, Wanted), self._connectors_of) if asked else None
        with self._tap.listen(sieve) as told:
            await _tell(told, receive, send)

    def _connectors_of(self, sensor: SensorId) -> Collection[ConnectorId]:
        found = self._served.site.sensors.get(sensor)
        return () if found is None else (found.connector, *found.also)

    async def _record(self, scope: Scope, receive: Receive, send: Send) -> None:
        connector = answer.parameters(scope).get("connector", "")
        known = self._served.site.connectors
        if connector not in known:
            near = difflib.get_close_matches(connector, known, 1)
            raise Refused(f"there is no connector {connector!r}" + (f": did you mean {near[0]}?" if near else ""), 404)
        recorder = self._served.recorder
        if recorder.full:
            raise Refused("too many are recording already", 503)
        with recorder.listen(ConnectorId(connector)) as told:
            await _tell(told, receive, send)

    async def _backup(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._served.backup()) as pieces:  # type: ignore[type-var]
            first = await anext(pieces)  # what cannot be made is refused before anything is answered

            async def whole() -> AsyncIterator[bytes]:
                yield first
                async for piece in pieces:
                    yield piece

            await _tell(whole(), receive, send, "application/x-tar")

    async def _metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer.whole(send, await self._served.metrics(), CONTENT_TYPE)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        health = self._served.live()
        await answer.json(send, health, 200 if health.ok else 503)

    async def _ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        health = self._served.ready()
        await answer.json(send, health, 200 if health.ok else 503)

    # ------------------------------------------------------------------------------------------------------- acting

    async def _chosen(self, receive: Receive) -> list[tuple[EventId, CameraId]]:
        choice = msgspec.json.decode(await answer.body(receive), type=Choice)
        if not choice.all and not (choice.event or choice.sensor or choice.camera or choice.vms):
            raise Refused("say which: an event, sensor, camera or vms, or all", 400)
        if choice.all and (choice.event or choice.sensor or choice.camera or choice.vms):
            raise Refused("all means every one of them: leave it out, or the other choices", 400)
        wanted = search.Deliveries(
            state=DeliveryState.DEAD,
            event=choice.event,
            sensor=choice.sensor,
            camera=choice.camera,
            vms=choice.vms,
            limit=search.SCANNED,
        )
        found = [(dead.event, dead.camera) async for dead in search.deliveries(self._served.journal, wanted)]
        return list(dict.fromkeys(found))

    async def _replay(self, scope: Scope, receive: Receive, send: Send) -> None:
        count = 0
        for event, camera in await self._chosen(receive):
            count += await self._served.journal.replay(event, camera, self._now())
        await answer.json(send, {"replayed": count})

    async def _drop(self, scope: Scope, receive: Receive, send: Send) -> None:
        count = 0
        for event, camera in await self._chosen(receive):
            count += await self._served.journal.drop(event, camera, "dropped by hand", self._now())
        await answer.json(send, {"dropped": count})

    async def _quarantine(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = msgspec.convert(answer.parameters(scope), search.Quarantine, strict=False)

        async def found() -> AsyncIterator[bytes]:
            async for item in search.quarantine(self._served.journal, wanted):
                yield records.line(records.of_quarantined(item))

        await answer.lines(send, found())

    async def _held(self, receive: Receive) -> AsyncIterator[QuarantineRecord]:
        choice = msgspec.json.decode(await answer.body(receive), type=Held)
        if not choice.all and not (choice.origin or choice.key or choice.message):
            raise Refused("say which: an origin, key or message, or all", 400)
        if choice.all and (choice.origin or choice.key or choice.message):
            raise Refused("all means every one of them: leave it out, or the other choices", 400)
        wanted = search.Quarantine(origin=choice.origin, key=choice.key, message=choice.message, limit=search.SCANNED)
        return search.quarantine(self._served.journal, wanted)

    async def _replay_quarantined(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer.json(send, await self._served.replay(await self._held(receive)))

    async def _drop_quarantined(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer.json(send, {"dropped": await drop(self._served.journal, await self._held(receive))})

    async def _explain(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = answer.parameters(scope).get("id", "")
        try:
            found = await explain(self._served.journal, self._served.site, asked)
        except NotFound as wrong:
            raise Refused(str(wrong), 404) from wrong
        await answer.json(send, found)

    async def _fire(self, scope: Scope, receive: Receive, send: Send) -> None:
        fire = msgspec.json.decode(await answer.body(receive), type=Fire)
        try:
            urgency = None if fire.urgency is None else Urgency[fire.urgency.upper()]
        except KeyError:
            raise Refused(f"{fire.urgency!r} is no urgency: write alarm, fault or notice", 400) from None
        self._known(fire.sensor)
        receipt = await self._served.fire(fire.sensor, fire.type, fire.fields, urgency)
        await answer.json(send, receipt, 200 if receipt.kept else 503)

    def _known(self, sensor: SensorId) -> None:
        sensors = self._served.site.sensors
        if sensor not in sensors:
            near = difflib.get_close_matches(sensor, sensors, 1)
            raise Refused(f"there is no sensor {sensor!r}" + (f": did you mean {near[0]}?" if near else ""), 404)

    async def _test_mode(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._say("test", await answer.body(receive), send)

    async def _inhibit(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._say("inhibit", await answer.body(receive), send)

    async def _say(self, what: What, body: bytes, send: Send) -> None:
        said = msgspec.json.decode(body, type=Saying)
        if not said.seconds:
            await answer.json(send, {"ended": await self._served.unsay(said.sensor, what)})
            return
        self._known(said.sensor)
        if what == "inhibit" and not said.why.strip():
            raise Refused("say why: it stands wherever something of the sensor is withheld", 400)
        await answer.json(send, await self._served.say(said.sensor, what, said.why.strip(), said.seconds))

    async def _read_site_again(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await answer.body(receive)
        asked = msgspec.json.decode(body, type=Reloading) if body.strip() else Reloading()
        async with self._reloading:
            await answer.json(send, await self._reload(asked.digest))

    async def _differs(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._compare is None:
            raise Refused("this service has no site file to read again", 404)
        await answer.json(send, await self._compare())


async def drop(journal: Journal, chosen: AsyncIterator[QuarantineRecord]) -> int:
    """Take these items out of quarantine for good; how many."""
    return sum([await journal.drop_quarantined(item.message, item.index) async for item in chosen])


async def _tell(told: AsyncIterator[bytes], receive: Receive, send: Send, kind: str = answer.LINES) -> None:
    """What comes, until it ends or the one who listens leaves."""
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(answer.lines(send, told, kind))
        leaving = tasks.create_task(_gone(receive))
        await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        telling.cancel()
        leaving.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


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
