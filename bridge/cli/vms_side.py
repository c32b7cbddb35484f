"""A site's VMS, opened by a command to be asked for what they have recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge.cli.ending import Code, Failure
from bridge.vms.abilities import tells_its_events
from bridge.vms.recorded import CannotTell, Query, RecallsById, Recorded, Records, Unable

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from bridge.config.site import Site
    from bridge.model import CameraId, VmsId
    from bridge.secret import Secrets
    from bridge.vms.base import VmsTarget

AROUND = timedelta(seconds=2)
"""How far from its time an event is looked for where the VMS cannot be asked by id: it may keep fewer digits."""
_MOST_AROUND = 1000


def site_and_secrets(arguments: argparse.Namespace) -> tuple[Site, Secrets]:
    """Raises Failure where the command line names a journal or a socket: they do not say how to ask a VMS."""
    from bridge.cli.loading import secrets_from, site_from
    from bridge.cli.stores import site_path

    path = site_path(arguments.site)
    if arguments.journal is not None or arguments.control is not None or path is None:
        raise Failure(Code.USAGE, "to ask its VMS, name the site: --site SITE")
    return site_from(path), secrets_from(arguments.secrets, path)


@asynccontextmanager
async def opened(site: Site, secrets: Secrets, names: Iterable[VmsId]) -> AsyncIterator[Mapping[VmsId, VmsTarget]]:
    """Targets for these VMS, closed at the end."""
    from bridge.config.registry import vms_class

    made: dict[VmsId, VmsTarget] = {}
    try:
        for name in dict.fromkeys(names):
            settings = site.vms[name].settings
            cameras = {each.id: each.settings for each in site.cameras.values() if each.vms == name}
            made[name] = vms_class(settings.type)(name, settings, cameras, secrets)
        yield made
    finally:
        for target in made.values():
            await target.close()


def record_of(vms: VmsId, target: VmsTarget, site: Site) -> Records:
    """Raises Unable for a VMS that cannot be asked."""
    if isinstance(target, Records) and tells_its_events(target):
        return target
    settings = site.vms[vms].settings
    way = getattr(settings, "way", "")
    told = f" (way: {way})" if isinstance(target, Records) and way else ""
    raise Unable(f"VMS {vms}: one of type {settings.type}{told} cannot be asked for what it has recorded")


async def recalled(
    record: Records, camera: CameraId, remote_id: str, event: str, at: datetime | None
) -> Recorded | None:
    """The event that has this id in the VMS, or (without one) that carries our id; None when there is none there.
    Raises CannotTell."""
    if remote_id and isinstance(record, RecallsById):
        return await record.recorded_as(camera, remote_id)
    if at is None:
        raise CannotTell(f"camera {camera}: without the event's time the VMS cannot be asked for {remote_id}")
    query = Query(cameras=(camera,), since=at - AROUND, until=at + AROUND, most=_MOST_AROUND)
    async for each in record.recorded(query):
        # One event of the VMS may hold several of ours.
        if each.event == event if each.event and event else each.remote_id == remote_id:
            return each
    return None
