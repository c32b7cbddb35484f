"""Raising a test event by a running service, and following it: over its control socket, as ``fire`` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from bridge.control.client import Answer, CallFailed, Client
from bridge.control.door import DoorError
from bridge.model import CameraId, EventId, MessageId, Scalar, SensorEvent, SensorId, Urgency

ANSWER = 20.0
"""Seconds that the service has for one answer."""
_LOOKED_AT = 50

T = TypeVar("T")


class NotRaised(Exception):
    """No test event was raised, and why. ``withheld``: a rule kept it back, or the sensor is out of service."""

    def __init__(self, why: str, withheld: bool = False) -> None:
        super().__init__(why)
        self.withheld = withheld


class Settled(msgspec.Struct, frozen=True):
    """What became of one delivery. ``state``: delivered, dead or expired."""

    state: str
    remote_id: str
    why: str


class Raiser:
    """Speaks to the service whose control socket is ``control``."""

    def __init__(self, control: Path) -> None:
        self._control = control

    async def fire(self, sensor: SensorId, fields: Mapping[str, Scalar]) -> MessageId:
        """Returns once it is kept. Raises NotRaised."""
        body = {"sensor": sensor, "type": None, "fields": dict(fields), "urgency": None}
        receipt = await self._ask(lambda client: client.post("/fire", body))
        kind, why = str(receipt.get("kind")), str(receipt.get("why") or "")
        if kind != "accepted":
            raise NotRaised(f"{kind}: {why}" if why else kind, kind == "filtered")
        return MessageId(str(receipt.get("message")))

    async def event(self, sensor: SensorId, message: MessageId) -> SensorEvent:
        """The event that was made of it. Raises NotRaised."""

        def look(client: Client) -> list[Answer]:
            return list(client.lines("/events", sensor=sensor, limit=str(_LOOKED_AT)))

        for record in await self._ask(look):
            if record.get("message") == message:
                return _event(record)
        raise NotRaised("the service kept it, and made no event of it: vms-bridge explain " + message, True)

    async def settled(self, event: EventId) -> Mapping[CameraId, Settled]:
        """The deliveries of it that have come to an end, by camera. Raises NotRaised."""

        def look(client: Client) -> list[Answer]:
            states = ("delivered", "dead", "expired")
            return [each for state in states for each in client.lines("/deliveries", event=event, state=state)]

        return {
            CameraId(str(each.get("camera"))): Settled(
                str(each.get("state")), str(each.get("remote_id") or ""), str(each.get("why") or "")
            )
            for each in await self._ask(look)
        }

    async def _ask(self, what: Callable[[Client], T]) -> T:
        def ask() -> T:
            with Client(self._control, ANSWER) as client:
                return what(client)

        try:
            return await asyncio.to_thread(ask)
        except (DoorError, CallFailed) as error:
            raise NotRaised(f"the service: {error}") from error


def _event(record: Answer) -> SensorEvent:
    """From what the control socket tells of an event (``bridge.control.records``)."""
    fields = {**record, "urgency": Urgency[str(record["urgency"]).upper()], "detail": b""}
    return msgspec.convert(fields, SensorEvent, strict=False)
