"""``vms-bridge events search --vms``: what the VMS themselves have recorded, asked camera by camera."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from bridge.cli.ending import Code, Failure
from bridge.cli.options import wants_json
from bridge.cli.showing import local, table
from bridge.cli.vms_side import opened, record_of, site_and_secrets
from bridge.vms.recorded import Away, CannotTell, Query, Recorded, Unable

if TYPE_CHECKING:
    from bridge.config.site import Camera, Site
    from bridge.model import CameraId
    from bridge.secret import Secrets
    from bridge.vms.base import VmsTarget

AT_ONCE = 4
UNLESS_SAID = timedelta(days=1)
AHEAD = timedelta(minutes=5)
"""Up to then is asked: the VMS's clock, or a sensor's, may be ahead."""
LOOKED_AT = 10_000
"""Events of a camera that are looked at for a type with a star in it."""


class Wanted(msgspec.Struct, frozen=True):
    """``type`` may hold ``*``, which no VMS can be asked for."""

    query: Query
    type: str
    limit: int

    def passes(self, event: Recorded) -> bool:
        if "*" not in self.type:
            return True
        return fnmatchcase(event.name, self.type) or fnmatchcase(str(event.tags.get("type", "")), self.type)


class Found:
    """``cannot``: (VMS, why) → the cameras it is so of (none: of a whole VMS). ``unable``: VMS of a kind that nobody
    can ask → why. ``asked``: at least one answered."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Recorded]] = []
        self.asked = False
        self.unable: dict[str, str] = {}
        self.cannot: dict[tuple[str, str], list[str]] = {}

    def newest(self, limit: int) -> list[tuple[str, Recorded]]:
        oldest = datetime.min.replace(tzinfo=UTC)
        return sorted(self.events, key=lambda each: each[1].at or oldest, reverse=True)[:limit]


def search(arguments: argparse.Namespace) -> int:
    site, secrets = site_and_secrets(arguments)
    wanted = _wanted(arguments)
    cameras = _cameras(site, arguments)
    found = asyncio.run(_search(site, secrets, cameras, wanted))
    shown = found.newest(wanted.limit)
    if wants_json(arguments):
        for vms, event in shown:
            print(json.dumps({"vms": vms, **msgspec.to_builtins(event)}, ensure_ascii=False))
        for (vms, why), without in found.cannot.items():
            print(json.dumps({"vms": vms, "cameras": without, "cannot": why}, ensure_ascii=False))
        for vms, why in found.unable.items():
            print(json.dumps({"vms": vms, "cannot": why}, ensure_ascii=False))
    else:
        for line in table([_row(event) for _, event in shown]) or ["no events"]:
            print(line)
        for (_, why), without in found.cannot.items():
            print(f"not asked: {why}{_also(without)}", file=sys.stderr)
        for why in found.unable.values():
            print(f"not asked: {why}", file=sys.stderr)
    return Code.FOUND if found.cannot or not found.asked else Code.DONE


def _wanted(arguments: argparse.Namespace) -> Wanted:
    from bridge.control.search import moment

    now = datetime.now(UTC)
    try:
        since = moment(arguments.since, now) if arguments.since else now - UNLESS_SAID
        until = moment(arguments.until, now) if arguments.until else now + AHEAD
    except ValueError as error:
        raise Failure(Code.USAGE, str(error)) from error
    limit = 50 if arguments.limit is None else arguments.limit
    name, _, value = (arguments.tag or "").partition("=")
    kind = arguments.type or ""
    star = "*" in kind
    query = Query(
        cameras=(),
        since=since,
        until=until,
        event_type="" if star else kind,
        sensor=arguments.sensor or "",
        tag=name,
        value=value,
        most=LOOKED_AT if star else limit,
    )
    return Wanted(query, kind, limit)


def _cameras(site: Site, arguments: argparse.Namespace) -> list[Camera]:
    """Those asked for: one, a sensor's, or all. Raises Failure."""
    from bridge.model import CameraId, SensorId

    if arguments.camera is not None:
        return [site.cameras[camera_named(site, CameraId(arguments.camera))]]
    sensor = site.sensors.get(SensorId(arguments.sensor or ""))
    if sensor is not None and sensor.cameras_by is None:
        return [site.cameras[name] for name in sensor.cameras]
    return list(site.cameras.values())


def camera_named(site: Site, name: str) -> CameraId:
    """Raises Failure."""
    from difflib import get_close_matches

    from bridge.model import CameraId

    if name not in site.cameras:
        near = get_close_matches(name, site.cameras, 1)
        raise Failure(Code.USAGE, f"there is no camera {name!r}" + (f": did you mean {near[0]}?" if near else ""))
    return CameraId(name)


async def _search(site: Site, secrets: Secrets, cameras: list[Camera], wanted: Wanted) -> Found:
    found, places = Found(), asyncio.Semaphore(AT_ONCE)
    async with opened(site, secrets, [camera.vms for camera in cameras]) as targets, asyncio.TaskGroup() as group:
        away: set[str] = set()
        for camera in cameras:
            group.create_task(_of_one(site, targets[camera.vms], camera, wanted, found, away, places))
    return found


async def _of_one(
    site: Site,
    target: VmsTarget,
    camera: Camera,
    wanted: Wanted,
    found: Found,
    away: set[str],
    places: asyncio.Semaphore,
) -> None:
    async with places:
        if camera.vms in away:  # said once is enough
            return
        taken = 0
        try:
            record = record_of(camera.vms, target, site)
        except Unable as error:
            found.unable[camera.vms] = str(error)
            return
        try:
            query = msgspec.structs.replace(wanted.query, cameras=(camera.id,))
            async with aclosing(record.recorded(query)) as events:  # type: ignore[type-var]
                async for event in events:
                    if wanted.passes(event):
                        found.events.append((camera.vms, event))
                        taken += 1
                        if taken >= wanted.limit:
                            break
            found.asked = True
        except Away as error:
            if camera.vms not in away:
                away.add(camera.vms)
                found.cannot[camera.vms, str(error)] = []
        except CannotTell as error:
            found.cannot.setdefault((camera.vms, str(error)), []).append(camera.id)


def _row(event: Recorded) -> tuple[str, ...]:
    title = str(event.tags.get("title", ""))
    known = f" (known as {event.known_as})" if event.known_as else ""
    return local(event.at), event.camera, event.name + known, event.sensor, title, event.remote_id, event.event


def _also(cameras: list[str]) -> str:
    return f" ({', '.join(cameras)})" if len(cameras) > 1 else ""
