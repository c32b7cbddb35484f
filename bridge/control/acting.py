"""Calls that change something: what is dead or in quarantine, test events, what people say of sensors, another site."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

import msgspec

from bridge.control import search
from bridge.control.answer import Answer, Asked, Call, Json, Refused
from bridge.control.served import Served, What, known
from bridge.journal.contract import Journal, QuarantineRecord
from bridge.model import CameraId, DeliveryState, EventId, Instant, MessageId, Scalar, SensorId, Urgency, VmsId


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


class Acting:
    """``reload`` reads the site again, takes it over if it has the digest that is asked for, and answers with what
    differed; ``compare`` says what it would do. Both raise Refused."""

    def __init__(
        self,
        served: Served,
        reload: Callable[[str | None], Awaitable[object]],
        compare: Callable[[], Awaitable[object]] | None,
        now: Callable[[], Instant],
    ) -> None:
        self._served = served
        self._reload = reload
        self._compare = compare
        self._now = now
        self._reloading = asyncio.Lock()
        self.calls: dict[str, Call] = {
            "/dead/replay": self._replay,
            "/dead/drop": self._drop,
            "/quarantine/replay": self._replay_quarantined,
            "/quarantine/drop": self._drop_quarantined,
            "/fire": self._fire,
            "/test-mode": self._test_mode,
            "/inhibit": self._inhibit,
            "/reload": self._read_site_again,
        }
        """With POST."""

    async def _chosen(self, asked: Asked) -> list[tuple[EventId, CameraId]]:
        choice = msgspec.json.decode(await asked.body(), type=Choice)
        _some_or_all(
            (choice.event, choice.sensor, choice.camera, choice.vms), choice.all, "an event, sensor, camera or vms"
        )
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

    async def _replay(self, asked: Asked) -> Answer:
        count = 0
        for event, camera in await self._chosen(asked):
            count += await self._served.journal.replay(event, camera, self._now())
        return Json({"replayed": count})

    async def _drop(self, asked: Asked) -> Answer:
        count = 0
        for event, camera in await self._chosen(asked):
            count += await self._served.journal.drop(event, camera, "dropped by hand", self._now())
        return Json({"dropped": count})

    async def _held(self, asked: Asked) -> AsyncIterator[QuarantineRecord]:
        choice = msgspec.json.decode(await asked.body(), type=Held)
        _some_or_all((choice.origin, choice.key, choice.message), choice.all, "an origin, key or message")
        wanted = search.Quarantine(origin=choice.origin, key=choice.key, message=choice.message, limit=search.SCANNED)
        return search.quarantine(self._served.journal, wanted)

    async def _replay_quarantined(self, asked: Asked) -> Answer:
        return Json(await self._served.replay(await self._held(asked)))

    async def _drop_quarantined(self, asked: Asked) -> Answer:
        return Json({"dropped": await drop(self._served.journal, await self._held(asked))})

    async def _fire(self, asked: Asked) -> Answer:
        fire = msgspec.json.decode(await asked.body(), type=Fire)
        try:
            urgency = None if fire.urgency is None else Urgency[fire.urgency.upper()]
        except KeyError:
            raise Refused(f"{fire.urgency!r} is no urgency: write alarm, fault or notice", 400) from None
        known(fire.sensor, self._served.site.sensors, "sensor")
        receipt = await self._served.fire(fire.sensor, fire.type, fire.fields, urgency)
        return Json(receipt, 200 if receipt.kept else 503)

    async def _test_mode(self, asked: Asked) -> Answer:
        return await self._say("test", await asked.body())

    async def _inhibit(self, asked: Asked) -> Answer:
        return await self._say("inhibit", await asked.body())

    async def _say(self, what: What, body: bytes) -> Answer:
        said = msgspec.json.decode(body, type=Saying)
        if not said.seconds:
            return Json({"ended": await self._served.unsay(said.sensor, what)})
        known(said.sensor, self._served.site.sensors, "sensor")
        if what == "inhibit" and not said.why.strip():
            raise Refused("say why: it stands wherever something of the sensor is withheld", 400)
        return Json(await self._served.say(said.sensor, what, said.why.strip(), said.seconds))

    async def _read_site_again(self, asked: Asked) -> Answer:
        body = await asked.body()
        wanted = msgspec.json.decode(body, type=Reloading) if body.strip() else Reloading()
        async with self._reloading:
            return Json(await self._reload(wanted.digest))

    async def differs(self, asked: Asked) -> Answer:
        """GET /difference: what POST /reload would do."""
        if self._compare is None:
            raise Refused("this service has no site file to read again", 404)
        return Json(await self._compare())


def _some_or_all(filters: tuple[str | None, ...], all: bool, which: str) -> None:
    """Nobody means every one by leaving everything out. Raises Refused."""
    if not all and not any(filters):
        raise Refused(f"say which: {which}, or all", 400)
    if all and any(filters):
        raise Refused("all means every one of them: leave it out, or the other choices", 400)


async def drop(journal: Journal, chosen: AsyncIterator[QuarantineRecord]) -> int:
    """Take these items out of quarantine for good; how many."""
    return sum([await journal.drop_quarantined(item.message, item.index) async for item in chosen])
