"""``vms-bridge events media``: the pictures, clips and recorded video of one event, into files."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.cli import asking
from bridge.cli.ending import Code, Failure
from bridge.cli.event_pictures import of_the_journal as pictures_of_the_journal
from bridge.cli.one_event import Place, Told, of_the_journal, places, revisions, their_place, time_of
from bridge.cli.options import wants_json
from bridge.cli.saving import Folder, NotSaved, file_name
from bridge.cli.showing import local, size, table
from bridge.cli.vms_side import opened, recalled, record_of, site_and_secrets
from bridge.vms.clip import around, clip_title
from bridge.vms.recorded import CannotTell, Held, MakesClips, MediaKind, Recorded, Records, Unable

if TYPE_CHECKING:
    from bridge.config.site import Site
    from bridge.secret import Secrets
    from bridge.vms.base import VmsTarget

BEFORE, AFTER, WAIT = 10.0, 30.0, 60.0
LONGEST = 3600.0
MOST = 2 * 2**30
LOOK_AGAIN = 1.0
_USUAL = {MediaKind.PICTURE: ".jpg", MediaKind.CLIP: ".mp4", MediaKind.VIDEO: ".mp4"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """``to``: None lists only. Times in seconds, ``most`` in bytes."""

    to: Path | None
    before: float
    after: float
    wait: float
    most: int
    clip: bool


class Brought(msgspec.Struct, kw_only=True):
    """One thing there is, and what became of it: ``file`` when it was saved, ``cannot`` when it could not be."""

    source: str
    kind: str
    camera: str = ""
    name: str = ""
    at: str | None = None
    until: str | None = None
    bytes: int = 0
    remote_id: str = ""
    file: str = ""
    cannot: str = ""


def media(arguments: argparse.Namespace) -> int:
    asked = _asked(arguments)
    told: Told | None = None
    site: Site | None = None
    if arguments.theirs:
        site, secrets = site_and_secrets(arguments)
        wanted = [their_place(arguments, site)]
    else:
        where = asking.place(arguments)
        told = of_the_journal(where, arguments.event)
        wanted = places(told, arguments.camera)
        if where.site is not None:
            site, secrets = site_and_secrets(arguments)
    try:
        folder = None if asked.to is None else Folder(asked.to, asked.most)
        found: list[Brought] = []
        if told is not None:
            found += pictures_of_the_journal(where, told, folder)
        if site is not None:
            found += asyncio.run(_of_the_vms(site, secrets, wanted, told, asked, folder))
        elif wanted:
            why = "name the site with --site to ask its VMS"
            found += [Brought(source="vms", kind="", camera=each.camera, cannot=why) for each in wanted]
    except OSError as error:
        raise Failure(Code.REFUSED, f"{asked.to}: {error.strerror or error}") from error
    return _told(arguments, asked, found)


def _asked(arguments: argparse.Namespace) -> Asked:
    from bridge.units import seconds
    from bridge.units import size as bytes_of

    try:
        spans = [
            unless if text is None else seconds(text)
            for text, unless in ((arguments.before, BEFORE), (arguments.after, AFTER), (arguments.wait, WAIT))
        ]
        most = MOST if arguments.most is None else bytes_of(arguments.most)
    except ValueError as error:
        raise Failure(Code.USAGE, str(error)) from error
    if max(spans) > LONGEST:
        raise Failure(Code.USAGE, "--before, --after and --wait reach an hour at most")
    to = None if arguments.to is None else Path(arguments.to)
    return Asked(to=to, before=spans[0], after=spans[1], wait=spans[2], most=most, clip=bool(arguments.clip))


async def _of_the_vms(
    site: Site, secrets: Secrets, wanted: Sequence[Place], told: Told | None, asked: Asked, folder: Folder | None
) -> list[Brought]:
    found: list[Brought] = []
    known = [place for place in wanted if place.camera in site.cameras and place.vms in site.vms]
    async with opened(site, secrets, [place.vms for place in known]) as targets:
        for place in wanted:
            if place not in known:
                why = "the camera is no longer in the site"
                found.append(Brought(source="vms", kind="", camera=place.camera, cannot=why))
                continue
            try:
                found += await _of_one(site, targets[place.vms], place, told, asked, folder)
            except CannotTell as error:
                found.append(Brought(source="vms", kind="", camera=place.camera, cannot=str(error)))
    return found


async def _of_one(
    site: Site, target: VmsTarget, place: Place, told: Told | None, asked: Asked, folder: Folder | None
) -> list[Brought]:
    """Raises CannotTell."""
    record = record_of(place.vms, target, site)
    event = await _there(record, place, told)
    found: list[Brought] = []
    made = ""
    if asked.clip:
        try:
            made = await _clip(target, place, event, told, asked)
        except CannotTell as error:  # what there is besides is brought all the same
            found.append(Brought(source="vms", kind=MediaKind.CLIP.value, camera=place.camera, cannot=str(error)))
    try:
        held = await record.held(event, asked.before, asked.after)
        if made and folder is not None:
            held = await _until_made(record, event, held, made, asked)
    except CannotTell as error:
        return [Brought(source="vms", kind="", camera=place.camera, cannot=str(error)), *found]
    return [*[await _brought(record, place, event, each, folder) for each in held], *found]


async def _there(record: Records, place: Place, told: Told | None) -> Recorded:
    """The event there; where the VMS has it not, its moment on that camera."""
    at = time_of(told) if told is not None else None
    name = told["event"]["id"] if told is not None else ""
    found = await recalled(record, place.camera, place.remote_id, name, at)
    if found is not None:
        return found
    if at is None:
        raise CannotTell(f"camera {place.camera} has no event {place.remote_id}")
    return Recorded(remote_id="", camera=place.camera, name="", at=at, event=name)


async def _clip(target: VmsTarget, place: Place, event: Recorded, told: Told | None, asked: Asked) -> str:
    """Ask for a clip, unless it has been; the VMS's id of it. An event has one on a camera, whoever asks. Raises
    CannotTell."""
    if not isinstance(target, MakesClips):
        raise Unable(f"camera {event.camera}: its VMS cannot be asked to make clips")
    if event.at is None:
        raise CannotTell(f"camera {event.camera}: the VMS does not say when the event was")
    at, title = event.at, f"{event.name} [{event.remote_id}]"
    if told is not None:
        at = time_of(told)
        kept = next((each for each in told["clips"] if each["camera"] == place.camera), None)
        if kept is not None and kept["remote_id"]:
            return str(kept["remote_id"])
        title = kept["title"] if kept is not None else clip_title(revisions(told)[0])
    since, until = around(at, asked.before, asked.after)
    return await target.clip(event.camera, since, until, title, at)


async def _until_made(
    record: Records, event: Recorded, held: Sequence[Held], made: str, asked: Asked
) -> Sequence[Held]:
    """What is held once the clip is done, or as long as one waits."""
    loop = asyncio.get_running_loop()
    end = loop.time() + asked.wait
    while any(each.remote_id == made and each.pending for each in held) and loop.time() < end:
        await asyncio.sleep(LOOK_AGAIN)
        held = await record.held(event, asked.before, asked.after)
    return held


async def _brought(record: Records, place: Place, event: Recorded, held: Held, folder: Folder | None) -> Brought:
    brought = Brought(
        source="vms",
        kind=held.kind.value,
        camera=place.camera,
        name=held.name,
        at=None if held.at is None else held.at.isoformat(),
        until=None if held.until is None else held.until.isoformat(),
        bytes=held.size,
        remote_id=held.remote_id,
        cannot=held.without,
    )
    if folder is None or held.without:
        return brought
    what = "event" if held.kind is MediaKind.PICTURE and held.name == "event" else held.kind.value
    name = file_name(event.event or event.remote_id, place.camera, what, held.at, held.media_type, _USUAL[held.kind])
    try:
        folder.room_for(held.size)
        async with aclosing(_pieces(record, place, held)) as pieces:
            saved = await folder.save(name, pieces, held.size)
        brought.file, brought.bytes = saved.file, saved.size
    except (NotSaved, CannotTell) as error:
        brought.cannot = str(error)
    return brought


async def _pieces(record: Records, place: Place, held: Held) -> AsyncGenerator[bytes, None]:
    async with aclosing(record.fetch(place.camera, held)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            yield piece


def _told(arguments: argparse.Namespace, asked: Asked, found: Sequence[Brought]) -> int:
    if wants_json(arguments):
        for each in found:
            print(json.dumps(_plain(each), ensure_ascii=False))
    else:
        rows = [_row(each, asked.to) for each in found]
        for line in table(rows) or ["nothing is held of this event"]:
            print(line)
    return Code.FOUND if any(each.cannot for each in found) or (not found and asked.to) else Code.DONE


def _plain(each: Brought) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(each)
    return plain


def _row(each: Brought, to: Path | None) -> tuple[str, ...]:
    where = each.camera or "the journal"
    if each.cannot:
        outcome = f"NOT {'SAVED' if to is not None else 'THERE'}: {each.cannot}"
    else:
        outcome = str(to / each.file) if to is not None else each.name
    return where, each.kind, local(each.at), size(each.bytes) if each.bytes else "", outcome
