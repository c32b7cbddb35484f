"""Whether a VMS knows the types of the events that will be raised on its cameras."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from bridge.config.places import Places
from bridge.model import CameraId, VmsId
from bridge.proving.cameras import some
from bridge.proving.lines import Line, Topic, ok, unknown, wrong
from bridge.vms.base import VmsTarget
from bridge.vms.declaring import Declared, Declares, undeclared


async def declared(
    vms: VmsId,
    target: VmsTarget,
    usable: Collection[CameraId],
    wanted: Mapping[CameraId, Collection[str]],
    places: Places,
    seconds: float,
    by_itself: bool,
) -> list[Line]:
    """``usable``: cameras whose credential works. ``wanted``: the types that the site may raise on each.
    ``by_itself``: the service declares what is missing with the first event of it."""
    where = places.of("vms", vms)
    if not isinstance(target, Declares):
        return []
    asked = [camera for camera in usable if wanted.get(camera)]
    if not asked:
        return []
    try:
        async with asyncio.timeout(seconds):
            found = await target.declared(asked)
    except TimeoutError:
        what = f"which event types the cameras have was not found out within {seconds:g} s"
        return [unknown(Topic.EVENT_TYPES, what, where, "try again")]
    complete: list[CameraId] = []
    missing: dict[tuple[str, ...], list[CameraId]] = {}
    not_known: dict[str, list[CameraId]] = {}
    for camera in asked:
        has = found.get(camera, Declared(unknown="the VMS said nothing of it"))
        lacks = tuple(kind for kind in sorted(wanted[camera]) if target.declared_as(camera, kind) not in has.names)
        if has.unknown:
            not_known.setdefault(has.unknown, []).append(camera)
        elif lacks:
            missing.setdefault(lacks, []).append(camera)
        else:
            complete.append(camera)
    lines = [_missing(types, of, places, by_itself) for types, of in missing.items()]
    for why, of in not_known.items():
        what = f"the event types of {some(of)} are not known: {why}"
        lines.append(unknown(Topic.EVENT_TYPES, what, places.of("cameras", of[0])))
    if complete:
        what = f"every event type that may be raised on them is declared: {some(complete)}"
        lines.append(ok(Topic.EVENT_TYPES, what, where))
    return lines


async def parks(target: VmsTarget, type: str, seconds: float, by_itself: bool) -> dict[CameraId, str]:
    """The cameras on which one event of this type would block all that follow, and why: the VMS does not know the
    type there, and the service may not declare it."""
    if by_itself:
        return {}
    why = f"the type {type} of test events is not declared there, or that was not found out, and declare_types is false"
    return dict.fromkeys(await undeclared(target, target.cameras, type, seconds), why)


def _missing(types: Sequence[str], cameras: Sequence[CameraId], places: Places, by_itself: bool) -> Line:
    where = places.of("cameras", cameras[0])
    what = f"on {some(cameras)} {len(types)} event types are not declared: {some(types)}"
    if by_itself:
        return ok(Topic.EVENT_TYPES, f"{what}; the service does it with the first event of each", where)
    return wrong(Topic.EVENT_TYPES, what, where, "vms-bridge apply SITE, or declare_types: true under its VMS")
