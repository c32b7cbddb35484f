"""Test events: raised by people on a sensor's cameras, and nowhere that they would do harm."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from bridge.config.site import Site
from bridge.model import (
    TEST_TYPE,
    CameraId,
    Draft,
    Item,
    Message,
    Origin,
    Receipt,
    ReceiptKind,
    Scalar,
    SensorId,
    State,
    Urgency,
)
from bridge.routing import Routed, shown_somewhere
from bridge.service.rooms import Rooms
from bridge.setup.raising import after_rules, declares_by_itself
from bridge.vms.declaring import undeclared

LOOKED_FOR = 10.0
"""Seconds to find out whether a VMS knows the type of a test event."""


class Firing:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def fire(
        self, sensor_id: SensorId, type: str | None, fields: Mapping[str, Scalar], urgency: Urgency | None
    ) -> Receipt:
        """Raise one, marked as test; none where it would park a camera. Raises KeyError for an unknown sensor."""
        site = self._rooms.site
        sensor = site.sensors[sensor_id]
        detail = msgspec.json.encode({"test": True, **fields})
        draft = Draft(
            type=type or TEST_TYPE,
            title=f"TEST {sensor.name}: {type or 'test event'}",
            fields=fields,
            detail=detail,
            state=State.MOMENTARY,
            urgency=urgency if urgency is not None else Urgency.NOTICE,
        )
        item = shown_somewhere(Item(0, {}), sensor, draft, {})
        if item.sensor is None:
            return Receipt(ReceiptKind.UNKNOWN, f"nothing was raised: {item.why}")
        if why := await self._would_park(site, item.sensor.cameras, after_rules((draft.type,), sensor)):
            return Receipt(ReceiptKind.UNKNOWN, f"nothing was raised: {why}")
        if self._rooms.site is not site:  # while a VMS was asked
            return Receipt(ReceiptKind.LATER, "nothing was raised: the site was reloaded meanwhile; fire again")
        arrived = self._rooms.clock.now()
        message = Message(connector=sensor.connector, origin=Origin("bridge", "fire"), body=detail, arrived=arrived)
        return await self._rooms.intake.fire(message, Routed(message, (item,)))

    async def _would_park(self, site: Site, cameras: Sequence[CameraId], types: Sequence[str]) -> str:
        """Why a camera would be blocked for real events by one of these types; "" when none would. All are asked at
        once."""
        asked = []
        async with asyncio.TaskGroup() as group:
            for vms in dict.fromkeys([site.cameras[camera].vms for camera in cameras]):
                if declares_by_itself(site, vms):
                    continue
                target = self._rooms.targets.now[vms]
                of_it = [camera for camera in cameras if site.cameras[camera].vms == vms]
                for type in types:
                    asked.append((vms, type, group.create_task(undeclared(target, of_it, type, LOOKED_FOR))))
        for vms, type, task in asked:
            if parked := task.result():
                return (
                    f"the type {type} is not declared on {', '.join(parked)}, or that could not be found out, and "
                    f"declare_types of VMS {vms} is false: it would park what follows there; vms-bridge apply declares "
                    "what is missing"
                )
        return ""
