"""The API of a running service: HTTP over a local socket. For the commands, and later console and metrics.

==========================  ==========================================================================
``GET /status``             how it is: connectors, sensors, VMS, conditions, totals
``GET /events``             JSON lines, newest first: ``sensor camera type since limit``
``GET /deliveries``         JSON lines: ``state event sensor camera vms limit``
``POST /dead/replay``       ``{"event", "sensor", "camera", "vms"}`` or ``{"all": true}``: pending again
``POST /dead/drop``         the same choice: given up for good
``POST /fire``              ``{"sensor", "type", "fields", "urgency"}``: a test event, marked as one
``POST /reload``            read the site again and take what differs; 422 and every error if it has any
``GET /tap``                JSON lines for as long as one listens: decided, settled, dropped
==========================  ==========================================================================
"""

from __future__ import annotations

import asyncio
import difflib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from bridge.config.site import Site
from bridge.control import answer, records, search
from bridge.control.answer import Receive, Refused, Scope, Send
from bridge.control.door import Door
from bridge.control.tap import Tap
from bridge.journal.contract import Journal, JournalError
from bridge.model import CameraId, DeliveryState, EventId, Instant, Receipt, Scalar, SensorId, Urgency, VmsId

log = logging.getLogger("bridge.control")

LEAVE = 2.0
"""Seconds that calls still running get when the service stops."""


class Served(Protocol):
    """What the control API needs of a service."""

    @property
    def journal(self) -> Journal: ...

    @property
    def site(self) -> Site: ...

    async def status(self) -> msgspec.Struct: ...

    async def fire(
        self, sensor: SensorId, type: str | None, fields: Mapping[str, Scalar], urgency: Urgency | None
    ) -> Receipt: ...


class Choice(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which dead deliveries; at least one filter, or ``all``."""

    event: EventId | None = None
    sensor: SensorId | None = None
    camera: CameraId | None = None
    vms: VmsId | None = None
    all: bool = False


class Fire(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    sensor: SensorId
    type: str | None = None
    fields: dict[str, Scalar] = {}
    urgency: str | None = None


class Control:
    """A raw ASGI application. ``reload`` reads the site again and answers with what differs, or raises Refused."""

    def __init__(
        self,
        served: Served,
        tap: Tap,
        reload: Callable[[], Awaitable[object]],
        now: Callable[[], Instant],
        token: str | None = None,
    ) -> None:
        self._served = served
        self._tap = tap
        self._reload = reload
        self._now = now
        self._token = token
        self._reloading = asyncio.Lock()
        self._calls: dict[tuple[str, str], Callable[[Scope, Receive, Send], Awaitable[None]]] = {
            ("GET", "/status"): self._status,
            ("GET", "/events"): self._events,
            ("GET", "/deliveries"): self._deliveries,
            ("POST", "/dead/replay"): self._replay,
            ("POST", "/dead/drop"): self._drop,
            ("POST", "/fire"): self._fire,
            ("POST", "/reload"): self._read_site_again,
            ("GET", "/tap"): self._listen,
        }

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
        if "since" in asked:
            asked["since"] = search.moment(asked["since"], datetime.now(UTC)).isoformat()
        wanted = msgspec.convert(asked, search.Events, strict=False)

        async def found() -> AsyncIterator[bytes]:
            async for event in search.events(self._served.journal, wanted):
                yield records.line(records.of_event(event))

        await answer.lines(send, found())

    async def _deliveries(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = msgspec.convert(answer.parameters(scope), search.Deliveries, strict=False)

        async def found() -> AsyncIterator[bytes]:
            async for delivery in search.deliveries(self._served.journal, wanted):
                yield records.line(records.of_delivery(delivery))

        await answer.lines(send, found())

    async def _listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._tap.full:
            raise Refused("too many are listening already", 503)
        with self._tap.listen() as told:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(answer.lines(send, told))
                leaving = tasks.create_task(_gone(receive))
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
                telling.cancel()
                leaving.cancel()

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

    async def _fire(self, scope: Scope, receive: Receive, send: Send) -> None:
        fire = msgspec.json.decode(await answer.body(receive), type=Fire)
        try:
            urgency = None if fire.urgency is None else Urgency[fire.urgency.upper()]
        except KeyError:
            raise Refused(f"{fire.urgency!r} is no urgency: write alarm, fault or notice", 400) from None
        if fire.sensor not in self._served.site.sensors:
            near = difflib.get_close_matches(fire.sensor, self._served.site.sensors, 1)
            raise Refused(f"there is no sensor {fire.sensor!r}" + (f": did you mean {near[0]}?" if near else ""), 404)
        receipt = await self._served.fire(fire.sensor, fire.type, fire.fields, urgency)
        await answer.json(send, receipt, 200 if receipt.kept else 503)

    async def _read_site_again(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer.body(receive)
        async with self._reloading:
            await answer.json(send, await self._reload())


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
        await server.finish(LEAVE)
        door.close()
