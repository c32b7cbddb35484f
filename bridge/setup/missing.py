"""What the VMS of a site lack of it: event types that are not declared, cameras they do not have or refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bridge.config.registry import UnknownType, vms_class
from bridge.config.site import Site
from bridge.model import CameraId, Finding, VmsId
from bridge.secret import Secrets
from bridge.setup.raising import Raising
from bridge.vms.base import VmsTarget
from bridge.vms.declaring import Declares

_AT_ONCE = 8
NOTHING_TO_DECLARE = "it takes events of any type: there is nothing to declare"
NOT_ASKED = "not asked (--offline)"


class MissingType(msgspec.Struct, frozen=True):
    """``name``: what the VMS calls it; ``types``: ours that it calls so; ``by``: the sensors that raise them."""

    vms: VmsId
    camera: CameraId
    name: str
    types: tuple[str, ...]
    by: tuple[str, ...]


class Trouble(msgspec.Struct, frozen=True):
    """Cameras that a VMS refuses or has not, or could not be asked about; none: the VMS as a whole."""

    vms: VmsId
    cameras: tuple[CameraId, ...]
    why: str
    remedy: str = ""


class Asked(msgspec.Struct, frozen=True):
    """What one VMS said. ``note``: what its types are about, where there is nothing to plan."""

    vms: VmsId
    type: str
    missing: tuple[MissingType, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    note: str = ""


def unasked(site: Site) -> list[Asked]:
    """The same when nobody is to be asked."""
    return [Asked(vms.id, vms.settings.type, note=NOT_ASKED) for vms in site.vms.values()]


async def missing(site: Site, raising: Raising, secrets: Secrets) -> list[Asked]:
    """Ask every VMS of the site, all at once. Changes nothing there."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_asked(site, vms, raising, secrets)) for vms in site.vms]
    return [task.result() for task in tasks]


async def declare(site: Site, wanted: Sequence[MissingType], secrets: Secrets) -> list[Finding]:
    """Declare them, camera by camera; one line for each type. What fails on one camera stops no other."""
    places = asyncio.Semaphore(_AT_ONCE)
    by_vms: dict[VmsId, dict[CameraId, list[str]]] = {}
    for each in wanted:
        by_vms.setdefault(each.vms, {}).setdefault(each.camera, []).append(each.types[0])

    async def one(target: Declares, camera: CameraId, types: Sequence[str]) -> Sequence[Finding]:
        async with places:
            try:
                return await target.declare(camera, types)
            except Exception as error:  # noqa: BLE001 - a target's fault must not leave the others undone
                return [Finding(False, f"{', '.join(types)}: {_fault(error)}", f"camera {camera}")]

    tasks: list[asyncio.Task[Sequence[Finding]]] = []
    built: list[VmsTarget] = []
    try:
        async with asyncio.TaskGroup() as group:
            for vms, cameras in by_vms.items():
                built.append(target := _target(site, vms, secrets))
                assert isinstance(target, Declares)
                tasks += [group.create_task(one(target, camera, types)) for camera, types in cameras.items()]
    finally:
        for target in built:
            await target.close()
    return [finding for task in tasks for finding in task.result()]


async def _asked(site: Site, vms: VmsId, raising: Raising, secrets: Secrets) -> Asked:
    kind = site.vms[vms].settings.type
    cameras = [camera.id for camera in site.cameras.values() if camera.vms == vms]
    try:
        target = _target(site, vms, secrets)
    except Exception as error:  # noqa: BLE001 - whatever a VMS's own code raises is told, and the others are asked
        return Asked(vms, kind, troubles=(Trouble(vms, (), f"it cannot be built: {_fault(error)}"),))
    try:
        if isinstance(target, Declares):
            return await _types(target, vms, kind, cameras, raising)
        troubles = [
            Trouble(vms, (), f"{found.where}: {found.what}" if found.where else found.what, found.remedy)
            for found in await target.check(cameras)
            if not found.ok
        ]
        return Asked(vms, kind, troubles=tuple(troubles), note=_nothing(target.can.by_hand))
    except Exception as error:  # noqa: BLE001 - as above
        return Asked(vms, kind, troubles=(Trouble(vms, tuple(cameras), f"it could not be asked: {_fault(error)}"),))
    finally:
        await target.close()


async def _types(target: Declares, vms: VmsId, kind: str, cameras: Sequence[CameraId], raising: Raising) -> Asked:
    found: list[MissingType] = []
    wrong: dict[str, list[CameraId]] = {}
    has = await target.declared(cameras)
    for camera in cameras:
        declared = has[camera]
        if declared.unknown:
            wrong.setdefault(declared.unknown, []).append(camera)
            continue
        found += [
            MissingType(vms, camera, name, tuple(types), tuple(dict.fromkeys(by)))
            for name, (types, by) in _wanted(target, camera, raising.by_camera[camera]).items()
            if name not in declared.names
        ]
    troubles = tuple(Trouble(vms, tuple(refused), why) for why, refused in wrong.items())
    return Asked(vms, kind, tuple(found), troubles)


def _wanted(
    target: Declares, camera: CameraId, raised: Mapping[str, Iterable[str]]
) -> dict[str, tuple[list[str], list[str]]]:
    """The VMS's name → our types of that name, and who raises them."""
    wanted: dict[str, tuple[list[str], list[str]]] = {}
    for type, by in raised.items():
        types, sensors = wanted.setdefault(target.declared_as(camera, type), ([], []))
        types.append(type)
        sensors.extend(by)
    return wanted


def _nothing(by_hand: str) -> str:
    if not by_hand:
        return NOTHING_TO_DECLARE
    return f"what it needs is made in it by a person ({by_hand}): there is nothing that apply could declare"


def _target(site: Site, vms: VmsId, secrets: Secrets) -> VmsTarget:
    """Raises UnknownType, and whatever the target's own code raises."""
    settings = site.vms[vms].settings
    cameras = {camera.id: camera.settings for camera in site.cameras.values() if camera.vms == vms}
    made: VmsTarget = vms_class(settings.type)(vms, settings, cameras, secrets)
    return made


def _fault(error: Exception) -> str:
    return str(error) if isinstance(error, UnknownType | OSError | ValueError) else type(error).__name__
