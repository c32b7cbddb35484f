"""Each camera's credential, tried; nothing is changed in the VMS."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from bridge.config.places import Places
from bridge.model import CameraId, Finding, VmsId
from bridge.proving.lines import Line, Topic, ok, unknown, wrong
from bridge.vms.base import VmsTarget

AT_ONCE = 8
_NAMED = 10


async def tried(
    vms: VmsId, target: VmsTarget, places: Places, seconds: float, refused: dict[CameraId, str]
) -> list[Line]:
    """``seconds`` for all cameras; those that were not tried within them are counted. What is wrong with a camera is
    put into ``refused``, too."""
    room = asyncio.Semaphore(AT_ONCE)
    lines: list[Line] = []
    left = dict.fromkeys(target.cameras)

    async def one(camera: CameraId) -> None:
        async with room:
            findings = await target.check([camera])
            lines.extend(_line(finding, vms, places) for finding in findings)
            why = next((finding.what for finding in findings if not finding.ok), None)
            if why is not None:
                refused[camera] = why
            left.pop(camera, None)

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for camera in target.cameras:
                group.create_task(one(camera))
    except TimeoutError:
        what = f"{len(left)} of {len(target.cameras)} cameras were not tried within {seconds:g} s: {some(left)}"
        lines.append(wrong(Topic.CAMERAS, what, places.of("vms", vms), "see why the VMS answers so slowly, try again"))
        refused.update(dict.fromkeys(left, "its credential could not be tried in time"))
    return lines


def not_tried(vms: VmsId, target: VmsTarget, places: Places) -> Line:
    what = f"the credentials of {len(target.cameras)} cameras were not tried: their VMS cannot be spoken to (above)"
    return unknown(Topic.CAMERAS, what, places.of("vms", vms), "mend the way there first")


def _line(finding: Finding, vms: VmsId, places: Places) -> Line:
    word, _, name = finding.where.partition(" ")
    where = places.of("cameras", name) if word == "camera" and name else places.of("vms", vms)
    what = finding.what if word == "camera" or not finding.where else f"{finding.where}: {finding.what}"
    if finding.ok:
        return ok(Topic.CAMERAS, what, where)
    return wrong(Topic.CAMERAS, what, where, finding.remedy)


def some(names: Collection[str]) -> str:
    shown = list(names)[:_NAMED]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
