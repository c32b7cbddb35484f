"""A test event, by the real way, found again in the VMS: the proof that a camera is reached."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from bridge.config.places import Places
from bridge.config.site import Site
from bridge.model import (
    CameraId,
    Delivery,
    EventId,
    Found,
    MessageId,
    Scalar,
    SensorEvent,
    SensorId,
    Unanswered,
    VmsId,
)
from bridge.proving.firing import NotRaised, Settled
from bridge.proving.lines import Grade, Line, Topic, ok, unknown, wrong
from bridge.proving.trips import NO_HARM, UNSERVED, Harm, Trip, planned
from bridge.vms.base import VmsTarget
from bridge.vms.recorded import CannotTell, Query, Records

AT_ONCE = 4
"""Test events on their way at once."""
LOOK_FIRST, LOOK_AT_MOST = 0.02, 0.5
"""Seconds until it is looked again: the first time, and after having looked for long."""
WITHIN = 30.0
"""Seconds for a delivery, unless said otherwise; and, beyond the VMS's own settling time, for its search."""
MARK = "selftest"
"""The field that says which selftest an event is of."""


class RoundTrip(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one test event on one camera. Seconds from the moment it was asked for; None for what was not
    reached. ``at``: when it was raised. ``note``: why it ended so, or where to look."""

    sensor: str
    camera: str
    vms: str
    grade: Grade
    title: str = ""
    event: str = ""
    remote_id: str = ""
    at: datetime | None = None
    kept: float | None = None
    delivered: float | None = None
    found: float | None = None
    note: str = ""


class Raises(Protocol):
    """How a test event is raised and followed. Everything raises NotRaised."""

    async def fire(self, sensor: SensorId, fields: Mapping[str, Scalar]) -> MessageId: ...

    async def event(self, sensor: SensorId, message: MessageId) -> SensorEvent: ...

    async def settled(self, event: EventId) -> Mapping[CameraId, Settled]: ...


class RoundTrips:
    """``within``: seconds for each step of one."""

    def __init__(
        self, site: Site, targets: Mapping[VmsId, VmsTarget], raiser: Raises, within: float = WITHIN, mark: str = ""
    ) -> None:
        self._site = site
        self._targets = targets
        self._raiser = raiser
        self._within = within
        self._room = asyncio.Semaphore(AT_ONCE)
        self.mark = mark or secrets.token_hex(3)

    async def go(
        self, cameras: Sequence[CameraId] = (), sensors: Sequence[SensorId] = (), harm: Harm = NO_HARM
    ) -> list[RoundTrip]:
        """One for each camera in question; all of the site's when none is named."""
        plan = planned(self._site, cameras, sensors, harm)
        done: dict[CameraId, RoundTrip] = {}
        for turn in range(max((len(trips) for trips in plan.trips.values()), default=0)):
            left = [camera for camera in plan.trips if camera not in done or _may_go_again(done[camera])]
            chosen: dict[int, tuple[Trip, list[CameraId]]] = {}
            for camera in left:
                if turn < len(plan.trips[camera]):
                    trip = next(
                        (each for each, _ in chosen.values() if camera in each.cameras), plan.trips[camera][turn]
                    )
                    chosen.setdefault(id(trip), (trip, []))[1].append(camera)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(trip, asked)) for trip, asked in chosen.values()]
            done.update({CameraId(each.camera): each for task in tasks for each in task.result()})
        for camera, why in plan.left_out.items():
            done[camera] = self._left_out(camera, why)
        return [done[camera] for camera in (*plan.trips, *plan.left_out)]

    async def _one(self, trip: Trip, cameras: Sequence[CameraId]) -> list[RoundTrip]:
        async with self._room:
            began, at = time.monotonic(), datetime.now(UTC)
            try:
                message = await self._raiser.fire(trip.sensor, {**trip.fields, MARK: self.mark})
                kept = time.monotonic() - began
                event = await self._raiser.event(trip.sensor, message)
            except NotRaised as error:
                grade = Grade.UNKNOWN if error.withheld else Grade.WRONG
                return [self._trip(trip, camera, grade, at=at, note=str(error)) for camera in cameras]
            async with asyncio.TaskGroup() as group:
                follow = [group.create_task(self._follow(trip, camera, event, began, kept)) for camera in cameras]
            return [task.result() for task in follow]

    async def _follow(self, trip: Trip, camera: CameraId, event: SensorEvent, began: float, kept: float) -> RoundTrip:
        known = self._trip(trip, camera, Grade.WRONG, at=event.occurred_at, kept=kept)
        known = msgspec.structs.replace(known, title=event.title, event=event.id)
        try:
            settled = await self._settled(event.id, camera)
        except NotRaised as error:
            return msgspec.structs.replace(known, note=str(error))
        took = time.monotonic() - began
        if settled is None:
            why = f"not delivered within {self._within:g} s; vms-bridge explain {event.id} says what keeps it"
            return msgspec.structs.replace(known, note=why)
        if settled.state != "delivered":
            return msgspec.structs.replace(known, note=f"{settled.state}: {settled.why}")
        known = msgspec.structs.replace(known, delivered=took, remote_id=settled.remote_id)
        return await self._found(known, event, camera, began)

    async def _settled(self, event: EventId, camera: CameraId) -> Settled | None:
        end = time.monotonic() + self._within
        pause = LOOK_FIRST
        while True:
            found = (await self._raiser.settled(event)).get(camera)
            if found is not None or time.monotonic() > end:
                return found
            pause = await _paused(pause)

    async def _found(self, known: RoundTrip, event: SensorEvent, camera: CameraId, began: float) -> RoundTrip:
        vms = self._site.cameras[camera].vms
        target = self._targets[vms]
        if not target.can.search:
            when = event.occurred_at.astimezone(self._site.timezone).strftime("%Y-%m-%d %H:%M:%S %Z")
            note = f'{vms} cannot be searched: ask a person to look there for "{event.title}" at {when}'
            return msgspec.structs.replace(known, grade=Grade.UNKNOWN, note=note)
        delivery = Delivery(event=event, camera=camera, vms=vms, remote_id=known.remote_id or None)
        end = time.monotonic() + target.can.settle_after + self._within
        pause = LOOK_FIRST
        while True:
            search = await self._search(target, delivery, end)
            if isinstance(search, Found):
                known = msgspec.structs.replace(known, found=time.monotonic() - began, remote_id=search.remote_id)
                return await self._read(known, target, event, camera)
            if time.monotonic() > end:
                break
            pause = await _paused(pause)
        why = search.why if isinstance(search, Unanswered) else "the VMS took it, and its search does not find it"
        return msgspec.structs.replace(known, note=why)

    async def _search(self, target: VmsTarget, delivery: Delivery, end: float) -> Found | Unanswered | object:
        try:
            async with asyncio.timeout(max(1.0, end - time.monotonic())):
                return await target.find(delivery)
        except TimeoutError:
            return Unanswered("the VMS's search does not answer")

    async def _read(self, known: RoundTrip, target: VmsTarget, event: SensorEvent, camera: CameraId) -> RoundTrip:
        """Whether the VMS shows the event's own text."""
        if not isinstance(target, Records):
            note = "found by its id; its text this VMS does not tell"
            return msgspec.structs.replace(known, grade=Grade.OK, note=note)
        around = timedelta(seconds=2)
        query = Query(cameras=(camera,), since=event.occurred_at - around, until=event.occurred_at + around, most=200)
        try:
            async with asyncio.timeout(self._within):
                async for recorded in target.recorded(query):
                    # One event of the VMS may hold several of ours.
                    mine = recorded.event == event.id if recorded.event else recorded.remote_id == known.remote_id
                    if mine:
                        texts = [str(value) for value in recorded.tags.values()]
                        if event.title in texts and self.mark in texts:
                            return msgspec.structs.replace(known, grade=Grade.OK, note="with its text")
                        return msgspec.structs.replace(known, note="found, but without its title or its fields")
        except (CannotTell, TimeoutError) as error:
            note = f"found by its id; its text could not be read: {error or 'no answer in time'}"
            return msgspec.structs.replace(known, grade=Grade.OK, note=note)
        return msgspec.structs.replace(known, grade=Grade.OK, note="found by its id; its text was not listed")

    def _trip(
        self,
        trip: Trip,
        camera: CameraId,
        grade: Grade,
        *,
        at: datetime,
        kept: float | None = None,
        note: str = "",
    ) -> RoundTrip:
        vms = self._site.cameras[camera].vms
        return RoundTrip(sensor=trip.sensor, camera=camera, vms=vms, grade=grade, at=at, kept=kept, note=note)

    def _left_out(self, camera: CameraId, why: str) -> RoundTrip:
        """What is wrong has been said by the line about it; here it is not proven."""
        vms = self._site.cameras[camera].vms
        note = why if why == UNSERVED else f"no test event was raised: {why}"
        return RoundTrip(sensor="", camera=camera, vms=vms, grade=Grade.UNKNOWN, note=note)


def lines_of(trips: Sequence[RoundTrip], places: Places) -> list[Line]:
    return [_line(trip, places.of("cameras", trip.camera)) for trip in trips]


def _line(trip: RoundTrip, where: str) -> Line:
    name = f"{trip.camera} in {trip.vms}"
    if trip.grade is Grade.OK:
        what = f'"{trip.title}" of {trip.sensor} stands on {name}, {trip.note}: {times(trip)}'
        return ok(Topic.ROUND_TRIP, what, where, trip.found)
    if trip.grade is Grade.UNKNOWN:
        reached = f"delivered after {trip.delivered:.2f} s, not found again" if trip.delivered else "not proven"
        return unknown(Topic.ROUND_TRIP, f"{name}: {reached}: {trip.note}", where)
    reached = f"delivered after {trip.delivered:.2f} s, but" if trip.delivered else "no event:"
    remedy = f"vms-bridge explain {trip.event}" if trip.event else "see the lines above, and vms-bridge status"
    return wrong(Topic.ROUND_TRIP, f"{name}: {reached} {trip.note}", where, remedy)


def times(trip: RoundTrip) -> str:
    """``kept after 0.01 s, delivered after 0.10 s, found after 0.31 s``."""
    steps = (("kept", trip.kept), ("delivered", trip.delivered), ("found", trip.found))
    return ", ".join(f"{word} after {seconds:.2f} s" for word, seconds in steps if seconds is not None)


async def _paused(seconds: float) -> float:
    """Wait for so long; how long to wait the next time."""
    await asyncio.sleep(seconds)
    return min(seconds * 2, LOOK_AT_MOST)


def _may_go_again(trip: RoundTrip) -> bool:
    """A rule of its sensor kept it back: another sensor may show the camera."""
    return trip.grade is Grade.UNKNOWN and not trip.event
